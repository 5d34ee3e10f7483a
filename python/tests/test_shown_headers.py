"""What other libraries show of a request: errors, headers and tracebacks hold no key."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
import pprint
import re
import socket
import struct
import threading
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import requests

from codat_keys import AsyncClient, Client
from codat_keys.integrations.aiohttp import codat_auth
from codat_keys.integrations.httpx import CodatAuth as HttpxAuth
from codat_keys.integrations.requests import CodatAuth as RequestsAuth

KEY = "MadeUpKeyForTheHeadersThatAreShown000000"
ENCODED = b64encode(KEY.encode()).decode()
ERROR_RESPONSE = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@pytest.fixture(params=[ERROR_RESPONSE, b""], ids=["refuses", "drops"])
def url(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that refuses each request that has the key, or closes the connection without a response."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    assert ENCODED.encode() in connection.recv(65536)
                    connection.sendall(request.param)

        threading.Thread(target=serve, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        monkeypatch.setenv("CODAT_BASE_URL", url)
        monkeypatch.setenv("CODAT_API_KEY", KEY)
        yield url


@pytest.fixture(params=["refused", "reset"])
def unreachable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a port that refuses connections, or that resets each connection without reading from it."""
    no_linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
    monkeypatch.setenv("CODAT_API_KEY", KEY)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reset() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, no_linger)

        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        monkeypatch.setenv("CODAT_BASE_URL", url)
        if request.param == "refused":
            listener.close()
        else:
            threading.Thread(target=reset, daemon=True).start()
        yield url


def by_aiohttp(url: str) -> None:
    async def get() -> None:
        async with aiohttp.ClientSession(middlewares=[codat_auth(AsyncClient())], raise_for_status=True) as session:
            await session.get(f"{url}/companies")

    asyncio.run(get())


def by_httpx(url: str) -> None:
    with httpx.Client(auth=HttpxAuth(Client()), trust_env=False) as http:
        http.get(f"{url}/companies").raise_for_status()


def by_requests(url: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.get(f"{url}/companies", auth=RequestsAuth(Client())).raise_for_status()


def shown(error: Any) -> Iterator[str]:
    """An error as logs and crash reporters show it, with what it refers to and the local variables of each frame."""
    yield "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    info, request = getattr(error, "request_info", None), None
    if not isinstance(error, aiohttp.ClientError):
        request = error.request
    response = getattr(error, "response", None)
    headers: Any = [of.headers for of in (info, request) if of is not None]
    for thing in (error, info, request, response, *headers):
        yield f"{thing!r} {thing} {[thing]} {pprint.pformat(thing)}"
    for thing in headers:
        # Those of httpx are bytes: their `repr` masks them, and `dict` takes them out.
        if not isinstance(thing, httpx.Headers):
            yield f"{dict(thing)} {thing.copy()} {copy.deepcopy(dict(thing))}"


@pytest.mark.parametrize("call", [by_aiohttp, by_httpx, by_requests])
def test_an_error_shows_no_key(call: Callable[[str], None], url: str) -> None:
    with pytest.raises((aiohttp.ClientError, httpx.HTTPError, requests.RequestException)) as raised:
        call(url)
    for text in shown(raised.value):
        assert KEY not in text and ENCODED not in text


@pytest.mark.parametrize("call", [by_aiohttp, by_httpx, by_requests])
def test_an_error_without_a_connection_shows_no_key(call: Callable[[str], None], unreachable: str) -> None:
    with pytest.raises((aiohttp.ClientError, httpx.HTTPError, requests.RequestException)) as raised:
        call(unreachable)
    for text in shown(raised.value):
        if call in (by_requests, by_aiohttp):
            # SECURITY.md lists these exceptions: local variables of `http.client` and `asyncio`.
            text = re.sub(r"^    (msg|data) = b'GET .*$", "", text, flags=re.MULTILINE)
        assert KEY not in text and ENCODED not in text


@pytest.mark.parametrize("url", [ERROR_RESPONSE], indirect=True)
def test_a_response_of_requests_is_pickled_without_the_key(url: str) -> None:
    response = requests.get(f"{url}/companies", auth=RequestsAuth(Client()), headers={"X-Own": "kept"}, timeout=60)
    pickled = pickle.dumps(response)
    assert ENCODED.encode() not in pickled and KEY.encode() not in pickled
    headers = pickle.loads(pickled).request.headers
    assert headers["X-Own"] == "kept" and "Authorization" not in headers
    assert copy.deepcopy(response.request.headers)["Authorization"] == f"Basic {ENCODED}"
