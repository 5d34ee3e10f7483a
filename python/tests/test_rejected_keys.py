"""The requests of each integration after its key was rejected, as an independent server received them."""

from __future__ import annotations

import asyncio
import io
import pickle
import threading
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import ways

from codat_keys import AsyncClient, Client, InvalidCredentialError
from codat_keys.integrations.aiohttp import codat_auth
from codat_keys.integrations.httpx import CodatAuth as HttpxAuth
from codat_keys.integrations.requests import CodatAuth as RequestsAuth

OLD, NEW = "MadeUpKeyThatWasReplaced", "MadeUpKeyThatIsAccepted0"
BODY = b"the same body"
LINKS = b'{"self": {"href": "/"}, "current": {"href": "/"}}'
NO_COMPANIES = b'{"results": [], "pageNumber": 1, "pageSize": 1, "totalResults": 0, "_links": %b}' % LINKS


def header(key: str) -> str:
    return f"Basic {b64encode(key.encode()).decode()}"


class Server(ThreadingHTTPServer):
    """Rejects every key but the new one; keeps each request with its key and its body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.rejects_with = 401
        self.accepts = {header(NEW)}
        self.says = b""
        self.moves: dict[str, tuple[int, str]] = {}
        # Whether it checks the key before it redirects.
        self.guarded = False
        self.received: list[tuple[str, str | None, bytes]] = []
        threading.Thread(target=self.serve_forever, args=[0.01]).start()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        sent = self.headers["Authorization"]
        server.received.append((f"{self.command} {self.path}", sent, self.body()))
        status, location = server.moves.get(self.path, (200, None))
        if sent not in server.accepts and (location is None or server.guarded):
            status, location = server.rejects_with, None
        self.send_response(status)
        if location is not None:
            self.send_header("Location", location)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(server.says)))
        self.end_headers()
        self.wfile.write(server.says)

    def body(self) -> bytes:
        if "Content-Length" in self.headers:
            return self.rfile.read(int(self.headers["Content-Length"]))
        body = b""
        while self.headers.get("Transfer-Encoding") == "chunked":
            chunk = self.rfile.read(int(self.rfile.readline(), 16) + 2)[:-2]
            if not chunk:
                break
            body += chunk
        return body

    do_GET = do_POST = answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with Server() as server:
        monkeypatch.setenv("CODAT_BASE_URL", server.url)
        yield server
        server.shutdown()


@pytest.fixture
def other() -> Iterator[Server]:
    with Server() as server:
        yield server
        server.shutdown()


@pytest.fixture
def keys() -> list[str]:
    """The keys that the source returns in turn; it repeats the last one."""
    return [NEW, OLD]


def source(keys: list[str]) -> Callable[[], str]:
    return lambda: keys.pop() if len(keys) > 1 else keys[0]


Send = Callable[..., list[int]]


def by_httpx(keys: list[str], url: str, *bodies: Any) -> list[int]:
    with httpx.Client(auth=HttpxAuth(Client(api_key=source(keys))), follow_redirects=True) as http:
        return [http.request("POST" if body else "GET", url, content=body).status_code for body in bodies]


def by_httpx_async(keys: list[str], url: str, *bodies: Any) -> list[int]:
    async def send() -> list[int]:
        auth = HttpxAuth(AsyncClient(api_key=source(keys)))
        async with httpx.AsyncClient(auth=auth, follow_redirects=True) as http:
            return [(await http.request("POST" if body else "GET", url, content=body)).status_code for body in bodies]

    return asyncio.run(send())


def by_requests(keys: list[str], url: str, *bodies: Any) -> list[int]:
    with requests.Session() as session:
        session.auth = RequestsAuth(Client(api_key=source(keys)))
        return [session.request("POST" if body else "GET", url, data=body).status_code for body in bodies]


def by_aiohttp(keys: list[str], url: str, *bodies: Any) -> list[int]:
    async def send() -> list[int]:
        statuses = []
        async with aiohttp.ClientSession(middlewares=[codat_auth(AsyncClient(api_key=source(keys)))]) as session:
            for body in bodies:
                async with session.request("POST" if body else "GET", url, data=body) as response:
                    statuses.append(response.status)
        return statuses

    return asyncio.run(send())


each = pytest.mark.parametrize("send", [by_httpx, by_httpx_async, by_requests, by_aiohttp])


@each
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("body", [None, BODY], ids=["GET", "POST"])
def test_a_request_is_sent_once_more_with_the_new_key(
    send: Send, status: int, body: bytes | None, server: Server, keys: list[str]
) -> None:
    server.rejects_with = status
    assert send(keys, f"{server.url}/x", body, body) == [200, 200]
    sent = f"{'POST' if body else 'GET'} /x", body or b""
    assert server.received == [(sent[0], header(key), sent[1]) for key in (OLD, NEW, NEW)]


@each
def test_the_new_key_is_rejected_only_once(send: Send, server: Server, keys: list[str]) -> None:
    server.accepts = set()
    assert send(keys, f"{server.url}/x", BODY) == [401]
    assert server.received == [("POST /x", header(OLD), BODY), ("POST /x", header(NEW), BODY)]


@each
def test_the_same_key_is_not_tried_again(send: Send, server: Server) -> None:
    assert send([OLD], f"{server.url}/x", BODY) == [401]
    assert server.received == [("POST /x", header(OLD), BODY)]


async def _as_it_comes() -> AsyncIterator[bytes]:
    yield BODY


@each
def test_a_body_that_was_consumed_is_not_sent_again(send: Send, server: Server, keys: list[str]) -> None:
    stream = _as_it_comes() if send in (by_httpx_async, by_aiohttp) else iter([BODY])
    assert send(keys, f"{server.url}/x", stream, BODY) == [401, 200]
    assert server.received == [("POST /x", header(OLD), BODY), ("POST /x", header(NEW), BODY)]


@pytest.mark.parametrize("send", [by_requests, by_aiohttp])
def test_a_file_is_rewound(send: Send, server: Server, keys: list[str]) -> None:
    assert send(keys, f"{server.url}/x", io.BytesIO(BODY)) == [200]
    assert server.received == [("POST /x", header(OLD), BODY), ("POST /x", header(NEW), BODY)]


class Pipe(io.RawIOBase):
    """A file that cannot be rewound."""

    def __init__(self) -> None:
        self._left = [BODY]

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._left.pop() if self._left else b""


@pytest.mark.parametrize("send", [by_httpx, by_requests, by_aiohttp])
def test_a_pipe_is_not_sent_again(send: Send, server: Server, keys: list[str]) -> None:
    assert send(keys, f"{server.url}/x", Pipe(), BODY) == [401, 200]
    assert server.received == [("POST /x", header(OLD), BODY), ("POST /x", header(NEW), BODY)]


@pytest.mark.parametrize("file", [io.BytesIO(BODY), Pipe()], ids=["file", "pipe"])
def test_httpx_sends_the_files_of_a_form_again_if_they_are_rewound(
    file: io.IOBase, server: Server, keys: list[str]
) -> None:
    with httpx.Client(auth=HttpxAuth(Client(api_key=source(keys)))) as http:
        status = http.post(f"{server.url}/x", data={"a": "b"}, files={"file": file}).status_code  # type: ignore[dict-item]
    bodies = {body for _, _, body in server.received}
    assert (status, len(server.received)) == ((200, 2) if file.seekable() else (401, 1))
    assert len(bodies) == 1 and BODY in bodies.pop()


@each
def test_a_change_before_a_redirect_is_made_once(send: Send, server: Server, keys: list[str]) -> None:
    server.moves = {"/x": (303, f"{server.url}/made")}
    assert send(keys, f"{server.url}/x", BODY) == [200]
    assert [(what, key) for what, key, _ in server.received] == [
        ("POST /x", header(OLD)), ("GET /made", header(OLD)), ("GET /made", header(NEW)),
    ]  # fmt: skip


@each
def test_what_another_origin_rejects_is_no_matter_of_the_key(
    send: Send, server: Server, other: Server, keys: list[str]
) -> None:
    server.moves = {"/x": (302, f"{other.url}/y")}
    assert send(keys, f"{server.url}/x", None) == [401]
    assert (server.received, other.received) == ([("GET /x", header(OLD), b"")], [("GET /y", None, b"")])
    assert keys == [NEW], "the source was read once"


@each
def test_a_redirect_after_a_rejection_has_the_new_key(send: Send, server: Server, keys: list[str]) -> None:
    server.moves, server.guarded = {"/x": (302, f"{server.url}/end")}, True
    assert send(keys, f"{server.url}/x", None) == [200]
    assert [(what, key) for what, key, _ in server.received] == [
        ("GET /x", header(OLD)), ("GET /x", header(NEW)), ("GET /end", header(NEW)),
    ]  # fmt: skip


@pytest.mark.parametrize("way", [*ways.BLOCKING, *ways.WAITING])
def test_a_replaced_file_is_seen_without_a_rejection(way: Any, server: Server, tmp_path: Path) -> None:
    def sends(call: Callable[[int], Any]) -> Iterator[Any]:
        deadline = time.monotonic() + 60
        while not any(key == header(NEW) for _, key, _ in server.received):
            assert time.monotonic() < deadline, "the old key is still in use"
            yield call(1)
            write(NEW)
            time.sleep(0.05)

    def write(key: str) -> None:
        new = tmp_path / "new"
        new.touch(0o600)
        new.write_text(key)
        new.replace(tmp_path / "key")

    async def waits() -> None:
        async with way(api_key_file=tmp_path / "key") as call:
            for sent in sends(call):
                await sent

    server.accepts, server.says = {header(OLD), header(NEW)}, NO_COMPANIES
    write(OLD)
    if way in ways.WAITING:
        asyncio.run(waits())
    else:
        with way(api_key_file=tmp_path / "key") as call:
            for _ in sends(call):
                pass
    assert server.received[0][1] == header(OLD) and server.received[-1][1] == header(NEW)


@each
def test_a_source_that_fails_raises_where_it_is_first_read(send: Send, server: Server) -> None:
    with pytest.raises(InvalidCredentialError):
        send([""], f"{server.url}/x", None)
    assert server.received == []


def test_a_response_of_requests_can_be_pickled(server: Server, keys: list[str]) -> None:
    response = requests.get(f"{server.url}/x", auth=RequestsAuth(Client(api_key=source(keys))))
    assert pickle.loads(pickle.dumps(response)).status_code == 200


def test_a_prepared_request_has_the_new_key_each_time_it_is_sent(server: Server, keys: list[str]) -> None:
    auth = RequestsAuth(Client(api_key=source(keys)))
    with requests.Session() as session:
        prepared = session.prepare_request(requests.Request("GET", f"{server.url}/x", auth=auth))
        assert session.send(prepared).status_code == 200
        keys[0] = "MadeUpKeyThatComesAfterTheNewOne"
        server.accepts = {header(keys[0])}
        assert session.send(prepared).status_code == 200
