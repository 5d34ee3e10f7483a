"""No proxy sees the key unencrypted: judged by all that a raw socket in the place of a proxy receives."""

from __future__ import annotations

import asyncio
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator

import aiohttp
import httpx
import pytest
import requests
from codat_platform.sdk import CodatPlatform

from codat_keys import AsyncClient, Client, InvalidInputError
from codat_keys.integrations.aiohttp import codat_auth
from codat_keys.integrations.httpx import CodatAuth as HttpxAuth
from codat_keys.integrations.official import connect, security
from codat_keys.integrations.requests import CodatAuth as RequestsAuth
from codat_keys.testing import Emulator

KEY = "MadeUpKeyForTheNextHop000000000000000000"
LIMIT = 60


class Proxy:
    """Accepts each connection, agrees to each tunnel, and keeps every byte."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.received = b""
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.keep, args=[connection], daemon=True).start()

    def keep(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(LIMIT)
            answer = b"HTTP/1.1 200 Connection established\r\n\r\n"
            while received := connection.recv(65536):
                self.received += received
                connection.sendall(answer)
                if not received.startswith(b"CONNECT"):
                    return


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    proxy = Proxy()
    yield proxy
    proxy.listener.close()
    sent = proxy.received.lower()
    assert b"authorization" not in sent and KEY.lower().encode() not in sent
    assert b64encode(KEY.encode()).lower() not in sent


def by_requests(url: str, proxy: str | None) -> None:
    requests.get(f"{url}/apiKeys", auth=RequestsAuth(Client()), timeout=LIMIT)


def by_httpx(url: str, proxy: str | None) -> None:
    with httpx.Client(auth=HttpxAuth(Client()), proxy=proxy) as http:
        http.get(f"{url}/apiKeys")


def by_httpx_mounts(url: str, proxy: str | None) -> None:
    mounts = {"http://": httpx.HTTPTransport(proxy=proxy)} if proxy else None
    with httpx.Client(auth=HttpxAuth(Client()), mounts=mounts) as http:
        http.get(f"{url}/apiKeys")


def by_httpx_async(url: str, proxy: str | None) -> None:
    async def get() -> None:
        async with httpx.AsyncClient(auth=HttpxAuth(AsyncClient()), proxy=proxy) as http:
            await http.get(f"{url}/apiKeys")

    asyncio.run(get())


def by_httpx_async_mounts(url: str, proxy: str | None) -> None:
    async def get() -> None:
        mounts = {"all://": httpx.AsyncHTTPTransport(proxy=proxy)} if proxy else None
        async with httpx.AsyncClient(auth=HttpxAuth(AsyncClient()), mounts=mounts) as http:
            await http.get(f"{url}/apiKeys")

    asyncio.run(get())


def by_aiohttp(url: str, proxy: str | None) -> None:
    async def get() -> None:
        async with aiohttp.ClientSession(middlewares=[codat_auth(AsyncClient())], trust_env=True) as session:
            await session.get(f"{url}/apiKeys", proxy=proxy)

    asyncio.run(get())


def by_aiohttp_session(url: str, proxy: str | None) -> None:
    async def get() -> None:
        async with aiohttp.ClientSession(
            middlewares=[codat_auth(AsyncClient())], trust_env=True, proxy=proxy
        ) as session:
            await session.get(f"{url}/apiKeys")

    asyncio.run(get())


def by_connect(url: str, proxy: str | None) -> None:
    with connect(Client(), CodatPlatform) as sdk:
        sdk.settings.list_api_keys()


def by_security(url: str, proxy: str | None) -> None:
    with CodatPlatform(security=security(Client()), server_url=url) as sdk:
        sdk.settings.list_api_keys()


GIVEN = [by_httpx, by_httpx_mounts, by_httpx_async, by_httpx_async_mounts, by_aiohttp, by_aiohttp_session]
ALL = [*GIVEN, by_requests, by_connect, by_security]

By = Callable[[str, "str | None"], None]


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("by", ALL)
def test_a_proxy_of_the_environment_gets_no_key(
    by: By, variable: str, proxy: Proxy, codat_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODAT_API_KEY", KEY)
    monkeypatch.setenv(variable, proxy.url.replace("http://", "http://user:MadeUpPassword@"))
    ignores = "ALL" in variable.upper() and by in (by_aiohttp, by_aiohttp_session)
    if ignores:
        by(codat_emulator.base_url, None)
        assert [request["path"] for request in codat_emulator.journal()] == ["/apiKeys"]
        return
    with pytest.raises(InvalidInputError, match=f"^the proxy {proxy.url} would see the key unencrypted\n"):
        by(codat_emulator.base_url, None)
    assert codat_emulator.journal() == []


@pytest.mark.parametrize("copies", [False, True])
def test_a_request_that_was_prepared_before_gets_no_key_to_a_proxy(
    copies: bool, proxy: Proxy, codat_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODAT_API_KEY", KEY)
    url = f"{codat_emulator.base_url}/apiKeys"
    with requests.Session() as session:
        prepared = session.prepare_request(requests.Request("GET", url, auth=RequestsAuth(Client())))
        prepared = prepared.copy() if copies else prepared
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)
        with pytest.raises(InvalidInputError, match=f"^the proxy {proxy.url} would see the key unencrypted\n"):
            session.send(prepared, timeout=LIMIT)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        session.send(prepared, timeout=LIMIT)
    assert len(codat_emulator.journal()) == 1


@pytest.mark.parametrize("by", ALL)
def test_no_proxy_is_respected(by: By, proxy: Proxy, codat_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    by(codat_emulator.base_url, None)
    assert [request["status"] for request in codat_emulator.journal()] == [200]
    assert proxy.received == b""


@pytest.mark.parametrize(
    "base_url, no_proxy",
    [
        ("http://127.0.0.1:9", "127.0.0.1:9"),
        ("http://localhost:9", ".localhost"),
        ("http://127.0.0.1:9", "0.0.1"),
        ("http://127.0.0.1:9", "*, x"),
        ("http://127.0.0.1:9", "127.0.0.0/8"),
        ("http://localhost:9", "127.0.0.1"),
    ],
)
def test_security_refuses_an_exception_that_the_http_libraries_read_differently(
    base_url: str, no_proxy: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    with pytest.raises(InvalidInputError, match=f"^the proxy {proxy.url} would see the key unencrypted\n"):
        security(Client(api_key=KEY, base_url=base_url))()


@pytest.mark.parametrize("no_proxy", ["*", "127.0.0.1", "codat.example, 127.0.0.1"])
def test_security_takes_an_exception_that_all_http_libraries_know(
    no_proxy: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert security(Client(api_key=KEY, base_url="http://127.0.0.1:9"))()


@pytest.mark.parametrize("by", GIVEN)
def test_a_given_proxy_gets_no_key(
    by: By, proxy: Proxy, codat_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODAT_API_KEY", KEY)
    with pytest.raises(InvalidInputError, match=f"^the proxy {proxy.url} would see the key unencrypted\n"):
        by(codat_emulator.base_url, proxy.url)


# The SDK alone would repeat the call for minutes.
@pytest.mark.parametrize("by", [by for by in ALL if by is not by_security])
def test_an_encrypted_request_goes_through_a_tunnel(by: By, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODAT_API_KEY", KEY)
    monkeypatch.setenv("CODAT_BASE_URL", "https://codat.example")
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    with pytest.raises(Exception) as ended:
        by("https://codat.example", None)
    assert not isinstance(ended.value, InvalidInputError)
    assert proxy.received.startswith(b"CONNECT codat.example:443 ")


async def test_a_trace_of_httpx_is_called_too(codat_emulator: Emulator) -> None:
    events: list[str] = []

    async def trace(event: str, info: object) -> None:
        events.append(event)

    async with httpx.AsyncClient(auth=HttpxAuth(AsyncClient())) as http:
        await http.get(f"{codat_emulator.base_url}/apiKeys", extensions={"trace": trace})
    with httpx.Client(auth=HttpxAuth(Client())) as blocking:
        extensions = {"trace": lambda event, info: events.append(event)}
        blocking.get(f"{codat_emulator.base_url}/apiKeys", extensions=extensions)
    assert events.count("http11.send_request_headers.started") == 2
