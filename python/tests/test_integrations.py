"""The integrations with the libraries themselves, judged by what two servers received that share no code with ours."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import aiohttp
import httpx
import pytest
import requests
from codat_platform.sdk import CodatPlatform

from codat_keys import AsyncClient, Client, InvalidInputError
from codat_keys.integrations.aiohttp import codat_auth
from codat_keys.integrations.httpx import CodatAuth as HttpxAuth
from codat_keys.integrations.official import security
from codat_keys.integrations.requests import CodatAuth as RequestsAuth
from codat_keys.testing import Emulator

KEY = "MadeUpKeyForOtherLibraries"
HEADER = f"Basic {b64encode(KEY.encode()).decode()}"


class StandIn(ThreadingHTTPServer):
    """Has no keys to list, or sends on from their list; keeps which URLs were asked for, and with what authority."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.moved: str | None = None
        self.received: list[tuple[str, list[str]]] = []
        threading.Thread(target=self.serve_forever, args=[0.01]).start()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, StandIn)
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
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The one whose clients ``Client()`` and ``AsyncClient()`` are."""
    with StandIn() as server:
        monkeypatch.setenv("CODAT_BASE_URL", server.url)
        monkeypatch.setenv("CODAT_API_KEY", KEY)
        yield server
        server.shutdown()


@pytest.fixture
def other() -> Iterator[StandIn]:
    with StandIn() as server:
        yield server
        server.shutdown()


@pytest.fixture(params=["another port", "another name"])
def elsewhere(request: pytest.FixtureRequest, own: StandIn, other: StandIn) -> str:
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


REFUSING = [by_httpx, by_httpx_async, by_requests, by_official_over_httpx]
since_5 = pytest.mark.skipif(sys.version_info < (3, 10), reason="version 5 of the SDK needs Python 3.10")
OFFICIAL = [pytest.param(by, marks=since_5) for by in (by_official, by_official_async)]
each = pytest.mark.parametrize("count_keys", [*REFUSING, by_aiohttp, *OFFICIAL])


@each
def test_the_emulator_lists_its_key(count_keys: Callable[[str], int], codat_emulator: Emulator) -> None:
    assert count_keys(codat_emulator.base_url) == 1
    saw = [(request["method"], request["path"], request["status"]) for request in codat_emulator.journal()]
    assert saw == [("GET", "/apiKeys", 200)]


@each
def test_a_redirect_within_the_origin_keeps_the_key(count_keys: Callable[[str], int], own: StandIn) -> None:
    own.moved = f"{own.url}/moved"
    assert count_keys(own.url) == 0
    assert own.received == [(f"{own.url}/apiKeys", [HEADER]), (f"{own.url}/moved", [HEADER])]


@each
def test_a_redirect_elsewhere_goes_without(
    count_keys: Callable[[str], int], own: StandIn, other: StandIn, elsewhere: str
) -> None:
    own.moved = f"{elsewhere}/moved"
    assert count_keys(own.url) == 0
    assert own.received + other.received == [(f"{own.url}/apiKeys", [HEADER]), (f"{elsewhere}/moved", [])]


@pytest.mark.parametrize("count_keys", REFUSING)
def test_a_request_elsewhere_is_refused(
    count_keys: Callable[[str], int], own: StandIn, other: StandIn, elsewhere: str
) -> None:
    with pytest.raises(InvalidInputError):
        count_keys(elsewhere)
    assert own.received + other.received == []


async def test_aiohttp_sends_a_request_elsewhere_as_it_is(own: StandIn, other: StandIn, elsewhere: str) -> None:
    async with aiohttp.ClientSession(middlewares=[codat_auth(AsyncClient())]) as session:
        await session.get(elsewhere)
        await session.get(elsewhere, headers={"Authorization": "Bearer of-another"})
    assert own.received + other.received == [(f"{elsewhere}/", []), (f"{elsewhere}/", ["Bearer of-another"])]


@pytest.mark.parametrize(
    ("module", "needs"),
    [("aiohttp", "aiohttp>=3.12"), ("httpx", "httpx"), ("official", "codat-platform>=5"), ("requests", "requests")],
)
def test_a_missing_library_is_named(module: str, needs: str) -> None:
    library = needs.split(">")[0].replace("-", "_")
    program = f"import sys; sys.modules[{library!r}] = None; import codat_keys.integrations.{module}"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert child.returncode == 1
    assert child.stderr.rstrip().endswith(f'ImportError: codat_keys.integrations needs {needs}: pip install "{needs}"')


@pytest.mark.parametrize("attach", [HttpxAuth, RequestsAuth, codat_auth, security])
def test_what_is_no_client_is_refused_unseen(attach: Callable[[Any], object]) -> None:
    for client in (None, KEY, Client):
        with pytest.raises(TypeError, match="argument 'client': give a Client or an AsyncClient") as refused:
            attach(client)
        assert KEY not in str(refused.value)
