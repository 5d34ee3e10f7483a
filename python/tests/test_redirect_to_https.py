"""A redirect from ``http://HOST`` to ``https://HOST`` is one to another origin. A raw socket records what arrives."""

from __future__ import annotations

import asyncio
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import httpx
import pytest
import requests
from urllib3 import HTTPConnectionPool
from urllib3.util import connection as urllib3_connection

from codat_keys import AsyncClient, Client
from codat_keys.integrations.httpx import CodatAuth as HttpxAuth
from codat_keys.integrations.requests import CodatAuth as RequestsAuth

KEY = "MadeUpKeyForTheRedirect00000000000000000"
HEADER = f"Basic {b64encode(KEY.encode()).decode()}".encode()
URL = "http://localhost/apiKeys"
MOVED = b"HTTP/1.1 307 \r\nLocation: https://localhost/moved\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
ANSWERS = {"accepts": b"HTTP/1.1 200 OK", "rejects": b"HTTP/1.1 401 Unauthorized"}
LIMIT = 60


class Server:
    """Answers for ports 80 and 443, without TLS, and keeps each request."""

    def __init__(self, answer: bytes) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.answer = answer + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
        self.received: list[bytes] = []
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.received.append(connection.recv(65536))
                connection.sendall(MOVED if len(self.received) == 1 else self.answer)


@pytest.fixture(params=ANSWERS)
def server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("CODAT_BASE_URL", "http://localhost")
    monkeypatch.setenv("CODAT_API_KEY", KEY)
    server = Server(ANSWERS[request.param])
    yield server
    server.listener.close()


class Plain(HTTPConnectionPool):
    """Ignores the options of TLS."""

    def __init__(self, host: str, port: int, **options: Any) -> None:
        super().__init__(host, port)


def session(server: Server, monkeypatch: pytest.MonkeyPatch) -> requests.Session:
    """One whose every connection leads to the server."""
    connect = lambda *_, **__: socket.create_connection(server.address, LIMIT)  # noqa: E731
    monkeypatch.setattr(urllib3_connection, "create_connection", connect)
    session = requests.Session()
    session.trust_env = False
    adapter: Any = session.get_adapter("https://localhost")
    adapter.poolmanager.pool_classes_by_scheme = {"https": Plain}
    return session


def by_requests(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with session(server, monkeypatch) as http:
        http.get(URL, auth=RequestsAuth(Client()))


def by_requests_alone(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    with session(server, monkeypatch) as http:
        moved = http.get(URL, auth=RequestsAuth(Client()), allow_redirects=False)
        assert moved.next is not None
        http.send(moved.next)


def by_requests_with_a_hook(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hook of the program sends a request with the same integration before the redirect is followed."""

    def logs(response: requests.Response, **_: Any) -> None:
        if len(server.received) == 1:
            http.get("http://localhost/log")
            server.received.pop()

    with session(server, monkeypatch) as http:
        http.auth = RequestsAuth(Client())
        http.hooks["response"].append(logs)
        http.get(URL)


def by_requests_later(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread follows the redirect."""
    with session(server, monkeypatch) as http:
        http.auth = RequestsAuth(Client())
        moved = http.get(URL, allow_redirects=False)
        follow = threading.Thread(target=lambda: list(http.resolve_redirects(moved, moved.request)))
        follow.start()
        follow.join()


def plain(stream: Any) -> Any:
    """A connection that skips TLS."""

    async def waits(*_: Any, **__: Any) -> Any:
        return stream

    is_async = isinstance(stream, httpcore.AsyncNetworkStream)
    stream.start_tls = waits if is_async else lambda *_, **__: stream
    return stream


class Backend(httpcore.NetworkBackend):
    """Leads each connection to the server."""

    def __init__(self, server: Server) -> None:
        self.address = server.address

    def connect_tcp(self, *_: Any, **__: Any) -> httpcore.NetworkStream:
        backend: Any = httpcore.SyncBackend()
        return plain(backend.connect_tcp(*self.address, timeout=LIMIT))  # type: ignore[no-any-return]


class AsyncBackend(httpcore.AsyncNetworkBackend):
    def __init__(self, server: Server) -> None:
        self.address = server.address

    async def connect_tcp(self, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        backend: Any = httpcore.AnyIOBackend()
        return plain(await backend.connect_tcp(*self.address, timeout=LIMIT))  # type: ignore[no-any-return]


def by_httpx(server: Server, _: object) -> None:
    transport: Any = httpx.HTTPTransport()
    transport._pool._network_backend = Backend(server)
    with httpx.Client(auth=HttpxAuth(Client()), transport=transport, follow_redirects=True) as http:
        http.get(URL)


def by_httpx_async(server: Server, _: object) -> None:
    async def get() -> None:
        transport: Any = httpx.AsyncHTTPTransport()
        transport._pool._network_backend = AsyncBackend(server)
        async with httpx.AsyncClient(auth=HttpxAuth(AsyncClient()), transport=transport, follow_redirects=True) as http:
            await http.get(URL)

    asyncio.run(get())


@pytest.mark.parametrize(
    "by",
    [by_requests, by_requests_alone, by_requests_with_a_hook, by_requests_later, by_httpx, by_httpx_async],
)
def test_it_is_followed_without_the_key(
    by: Callable[[Server, pytest.MonkeyPatch], None], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    by(server, monkeypatch)
    first, second = server.received
    assert HEADER in first
    assert second.startswith(b"GET /moved ") and b"authorization" not in second.lower() and HEADER not in second
