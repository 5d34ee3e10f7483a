"""An HTTP server on a raw socket, which shares no code with the emulator and the client."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

Answer = Callable[[str], Iterable[bytes]]


class RawServer:
    """Sends the parts that ``answer`` returns for the head of a request, one request per connection. After an empty
    part, it waits until the client closes the connection.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[str] = []
        # The connections that are open.
        self.open: set[socket.socket] = set()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        # Fails when the socket is closed.
        with suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                self.open.add(connection)
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        # A client may close its connection at any time.
        with suppress(OSError), connection:
            head = b""
            while b"\r\n\r\n" not in head:
                received = connection.recv(65536)
                if not received:
                    break
                head += received
            else:
                self.requests.append(head.decode())
                for part in self.answer(self.requests[-1]):
                    connection.sendall(part)
                    while not part and connection.recv(65536):
                        pass
        self.open.discard(connection)

    def wait_until_closed(self) -> None:
        """Waits until the client has closed every connection."""
        for _ in range(2000):
            if not self.open:
                return
            time.sleep(0.005)
        raise AssertionError(f"{len(self.open)} connections are open")


@contextmanager
def raw_server(answer: Answer) -> Iterator[RawServer]:
    server = RawServer(answer)
    with server.socket:
        yield server


def json(status: int, body: str, *headers: str) -> bytes:
    """An answer with this body."""
    lines = [f"HTTP/1.1 {status} Status", "connection: close", f"content-length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", body]).encode()
