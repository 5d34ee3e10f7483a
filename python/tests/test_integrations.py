"""The integrations with the libraries themselves, judged by what two servers received that share no code with ours."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import requests
from codat_platform.sdk import CodatPlatform
from raw_server import json as response, raw_server

from codat_keys import AsyncClient, Client, InvalidInputError
from codat_keys.integrations.aiohttp import codat_auth
from codat_keys.integrations.httpx import CodatAuth as HttpxAuth
from codat_keys.integrations.official import connect, security
from codat_keys.integrations.requests import CodatAuth as RequestsAuth
from codat_keys.testing import Emulator

KEY = "MadeUpKeyForOtherLibraries"
HEADER = f"Basic {b64encode(KEY.encode()).decode()}"


class RecordingServer(ThreadingHTTPServer):
    """Returns an empty list of keys or a redirect, and records each URL and its ``Authorization`` headers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.moved: str | None = None
        self.received: list[tuple[str, list[str]]] = []
        threading.Thread(target=self.serve_forever, args=[0.01]).start()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, RecordingServer)
        url = f"http://{self.headers['Host']}{self.path}"
        server.received.append((url, self.headers.get_all("Authorization", [])))
        if self.path == "/apiKeys" and server.moved:
            self.send_response(302)
            self.send_header("Location", server.moved)
            self.end_headers()
        else:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(b'{"results": []}')

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordingServer]:
    """The one whose clients ``Client()`` and ``AsyncClient()`` are."""
    with RecordingServer() as server:
        monkeypatch.setenv("CODAT_BASE_URL", server.url)
        monkeypatch.setenv("CODAT_API_KEY", KEY)
        yield server
        server.shutdown()


@pytest.fixture
def other() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server
        server.shutdown()


@pytest.fixture(params=["another port", "another name"])
def elsewhere(request: pytest.FixtureRequest, own: RecordingServer, other: RecordingServer) -> str:
    return other.url if request.param == "another port" else own.url.replace("127.0.0.1", "localhost")


def by_httpx(server: str) -> int:
    with httpx.Client(auth=HttpxAuth(Client()), follow_redirects=True, trust_env=False) as http:
        return len(http.get(f"{server}/apiKeys").json()["results"])


def by_httpx_async(server: str) -> int:
    async def lists() -> int:
        async with httpx.AsyncClient(auth=HttpxAuth(AsyncClient()), follow_redirects=True, trust_env=False) as http:
            return len((await http.get(f"{server}/apiKeys")).json()["results"])

    return asyncio.run(lists())


def by_requests(server: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        return len(session.get(f"{server}/apiKeys", auth=RequestsAuth(Client())).json()["results"])


def by_aiohttp(server: str) -> int:
    async def lists() -> int:
        async with aiohttp.ClientSession(middlewares=[codat_auth(AsyncClient())]) as session:
            async with session.get(f"{server}/apiKeys") as answer:
                return len((await answer.json())["results"])

    return asyncio.run(lists())


def by_official(server: str) -> int:
    with CodatPlatform(security=security(Client()), server_url=server) as sdk:
        return len(sdk.settings.list_api_keys().results or [])


def by_official_async(server: str) -> int:
    async def lists() -> int:
        async with CodatPlatform(security=security(AsyncClient()), server_url=server) as sdk:
            return len((await sdk.settings.list_api_keys_async()).results or [])

    return asyncio.run(lists())


def by_official_over_httpx(server: str) -> int:
    with httpx.Client(auth=HttpxAuth(Client()), follow_redirects=True, trust_env=False) as http:
        sdk = CodatPlatform(security=security(Client()), server_url=server, client=http)
        return len(sdk.settings.list_api_keys().results or [])


def by_connect(server: str) -> int:
    with connect(Client(), CodatPlatform) as sdk:
        return len(sdk.settings.list_api_keys(server_url=server).results or [])


REFUSING = [by_httpx, by_httpx_async, by_requests, by_aiohttp, by_official_over_httpx, by_connect]
since_5 = pytest.mark.skipif(sys.version_info < (3, 10), reason="version 5 of the SDK needs Python 3.10")
OFFICIAL = [pytest.param(by, marks=since_5) for by in (by_official, by_official_async)]
each = pytest.mark.parametrize("count_keys", [*REFUSING, *OFFICIAL])


@each
def test_the_emulator_lists_its_key(count_keys: Callable[[str], int], codat_emulator: Emulator) -> None:
    assert count_keys(codat_emulator.base_url) == 1
    saw = [(request["method"], request["path"], request["status"]) for request in codat_emulator.journal()]
    assert saw == [("GET", "/apiKeys", 200)]


@each
def test_a_redirect_within_the_origin_keeps_the_key(count_keys: Callable[[str], int], own: RecordingServer) -> None:
    own.moved = f"{own.url}/moved"
    assert count_keys(own.url) == 0
    assert own.received == [(f"{own.url}/apiKeys", [HEADER]), (f"{own.url}/moved", [HEADER])]


@each
def test_a_redirect_elsewhere_goes_without(
    count_keys: Callable[[str], int], own: RecordingServer, other: RecordingServer, elsewhere: str
) -> None:
    own.moved = f"{elsewhere}/moved"
    assert count_keys(own.url) == 0
    assert own.received + other.received == [(f"{own.url}/apiKeys", [HEADER]), (f"{elsewhere}/moved", [])]


@pytest.mark.parametrize("count_keys", REFUSING)
def test_a_request_elsewhere_is_refused(
    count_keys: Callable[[str], int], own: RecordingServer, other: RecordingServer, elsewhere: str
) -> None:
    with pytest.raises(InvalidInputError):
        count_keys(elsewhere)
    assert own.received + other.received == []


def by_httpx_with(url: str, **options: Any) -> None:
    with httpx.Client(
        auth=HttpxAuth(Client()), follow_redirects=True, headers={"Authorization": "Bearer other"}
    ) as http:
        http.get(url, **options)


def by_requests_with(url: str, **options: Any) -> None:
    with requests.Session() as session:
        session.auth = RequestsAuth(Client())
        session.headers["Authorization"] = "Bearer other"
        session.get(url, **options)


def by_aiohttp_with(url: str, **options: Any) -> None:
    async def get() -> None:
        async with aiohttp.ClientSession(middlewares=[codat_auth(AsyncClient())], trust_env=True) as session:
            await session.get(url, **options)

    asyncio.run(get())


@pytest.fixture
def netrc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that has a password for the client's own origin."""
    file = tmp_path / "netrc"
    file.touch(0o600)
    file.write_text("default login user password MadeUpPassword\n")
    monkeypatch.setenv("NETRC", str(file))


@pytest.mark.usefixtures("netrc")
@pytest.mark.parametrize("get", [by_httpx_with, by_requests_with, by_aiohttp_with])
def test_no_other_credential_replaces_the_key(get: Callable[..., None], own: RecordingServer) -> None:
    own.moved = f"{own.url}/moved"
    get(f"{own.url}/apiKeys")
    get(f"{own.url.replace('://', '://user:MadeUpPassword@')}/elsewhere") if get is by_aiohttp_with else None
    assert [headers for _, headers in own.received] == [[HEADER]] * len(own.received)
    assert own.received[1][0] == f"{own.url}/moved"


@pytest.mark.usefixtures("netrc")
def test_netrc_has_its_password_for_a_redirect_elsewhere(own: RecordingServer, other: RecordingServer) -> None:
    own.moved = f"{other.url}/moved"
    by_requests_with(f"{own.url}/apiKeys")
    password = b64encode(b"user:MadeUpPassword").decode()
    assert other.received == [(f"{other.url}/moved", [f"Basic {password}"])]


async def test_aiohttp_refuses_a_request_elsewhere_after_a_redirect(
    own: RecordingServer, other: RecordingServer
) -> None:
    own.moved = f"{other.url}/moved"
    async with aiohttp.ClientSession(middlewares=[codat_auth(AsyncClient())]) as session:
        await session.get(f"{own.url}/apiKeys")
        with pytest.raises(InvalidInputError):
            await session.get(f"{other.url}/again")
        await session.get(f"{own.url}/apiKeys", allow_redirects=False)
        with pytest.raises(InvalidInputError):
            await session.get("http://127.0.0.1:1/")
        await session.get(f"{own.url}/apiKeys", allow_redirects=False)
        with pytest.raises(InvalidInputError):
            await session.post(f"{other.url}/direct", data=b"for the own server")
    assert other.received == [(f"{other.url}/moved", [])]


@pytest.mark.parametrize(
    ("module", "needs"),
    [("aiohttp", "aiohttp>=3.12"), ("httpx", "httpx"), ("requests", "requests")],
)
def test_a_missing_library_is_named(module: str, needs: str) -> None:
    library = needs.split(">")[0].replace("-", "_")
    program = f"import sys; sys.modules[{library!r}] = None; import codat_keys.integrations.{module}"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert child.returncode == 1
    assert child.stderr.rstrip().endswith(f'ImportError: codat_keys.integrations needs {needs}: pip install "{needs}"')


@pytest.mark.parametrize(
    ("attach", "give"),
    [
        (HttpxAuth, "a Client or an AsyncClient"),
        (RequestsAuth, "a Client"),
        (codat_auth, "an AsyncClient"),
        (security, "a Client or an AsyncClient"),
        (lambda client: connect(client, CodatPlatform), "a Client or an AsyncClient"),
    ],
)
def test_what_is_no_client_is_refused_unseen(attach: Callable[[Any], object], give: str) -> None:
    for client in (None, KEY, Client, Client() if give == "an AsyncClient" else None):
        with pytest.raises(TypeError, match=f"^argument 'client': give {give} of codat_keys$") as refused:
            attach(client)
        assert KEY not in str(refused.value)


def test_httpx_and_the_client_both_block_or_both_wait(own: RecordingServer) -> None:
    with pytest.raises(TypeError, match="httpx.Client blocks: give CodatAuth a Client"):
        httpx.Client(auth=HttpxAuth(AsyncClient())).get(own.url)

    async def get() -> None:
        async with httpx.AsyncClient(auth=HttpxAuth(Client())) as http:
            await http.get(own.url)

    with pytest.raises(TypeError, match="httpx.AsyncClient does not block: give CodatAuth an AsyncClient"):
        asyncio.run(get())
    assert own.received == []


def test_requests_does_not_read_the_body_of_a_rejection() -> None:
    """The body has no end. After it, the request is sent once more with the new key."""
    old, new = ("MadeUpKey" + end * 31 for end in "12")
    keys = iter([old])

    def answer(head: str) -> Iterator[bytes]:
        if b64encode(old.encode()).decode() in head:
            yield b"HTTP/1.1 401 Unauthorized\r\ntransfer-encoding: chunked\r\n\r\n"
            while True:
                yield b"5\r\nhello\r\n"
        yield response(200, "{}")

    with raw_server(answer) as server, Client(base_url=server.url, api_key=lambda: next(keys, new)) as client:
        for stream in [False, True]:
            keys = iter([old])
            session = requests.Session()
            session.auth = RequestsAuth(client)
            assert session.get(f"{server.url}/companies", stream=stream, timeout=10).status_code == 200
