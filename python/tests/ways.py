"""One request through each client and each integration, as its users make it."""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import httpx
import requests
from codat_platform.sdk import CodatPlatform

from codat_keys import AsyncClient, Client
from codat_keys.integrations.aiohttp import codat_auth
from codat_keys.integrations.httpx import CodatAuth as HttpxAuth
from codat_keys.integrations.official import connect
from codat_keys.integrations.requests import CodatAuth as RequestsAuth

# Version 5. Version 6 runs its async methods in threads.
WAITS = CodatPlatform.__mro__[1].__name__ == "BaseSDK"

# For a busy machine.
SECONDS = 60.0

Blocking = Callable[..., AbstractContextManager[Callable[[int], object]]]
Waiting = Callable[..., AbstractAsyncContextManager[Callable[[int], Awaitable[object]]]]


def each_thread(make: Callable[[], Any]) -> Callable[[], Any]:
    """An object that each thread creates once, because threads cannot share a session of requests or of httpcore."""
    of_thread = threading.local()

    def made() -> Any:
        if not hasattr(of_thread, "made"):
            of_thread.made = make()
        return of_thread.made

    return made


@contextmanager
def by_client(**options: Any) -> Iterator[Callable[[int], object]]:
    with Client(**options) as client:
        yield lambda number: client.request("GET", "/companies", params={"page": number})


@contextmanager
def by_httpx(**options: Any) -> Iterator[Callable[[int], object]]:
    client = Client(**options)
    auth = HttpxAuth(client)
    http = each_thread(lambda: httpx.Client(auth=auth, base_url=client.base_url, timeout=SECONDS))
    yield lambda number: http().get("/companies", params={"page": number}).raise_for_status()


@contextmanager
def by_requests(**options: Any) -> Iterator[Callable[[int], object]]:
    client = Client(**options)
    auth, session = RequestsAuth(client), each_thread(requests.Session)
    url = f"{client.base_url}/companies"
    yield lambda number: session().get(url, params={"page": number}, auth=auth).raise_for_status()


@contextmanager
def by_platform(**options: Any) -> Iterator[Callable[[int], object]]:
    client = Client(**options)
    sdk = each_thread(lambda: connect(client, CodatPlatform, timeout_ms=int(SECONDS * 1000)))
    yield lambda number: sdk().companies.list(request={"page": number})


@contextmanager
def by_lending(**options: Any) -> Iterator[Callable[[int], object]]:
    from codat_lending.sdk import CodatLending

    client = Client(**options)
    sdk = each_thread(lambda: connect(client, CodatLending, timeout_ms=int(SECONDS * 1000)))
    yield lambda number: sdk().companies.list(request={"page": number})


@asynccontextmanager
async def by_async_client(**options: Any) -> AsyncIterator[Callable[[int], Awaitable[object]]]:
    async with AsyncClient(**options) as client:
        yield lambda number: client.request("GET", "/companies", params={"page": number})


@asynccontextmanager
async def by_httpx_async(**options: Any) -> AsyncIterator[Callable[[int], Awaitable[object]]]:
    async with AsyncClient(**options) as client:
        async with httpx.AsyncClient(auth=HttpxAuth(client), base_url=client.base_url, timeout=SECONDS) as http:

            async def call(number: int) -> None:
                (await http.get("/companies", params={"page": number})).raise_for_status()

            yield call


@asynccontextmanager
async def by_aiohttp(**options: Any) -> AsyncIterator[Callable[[int], Awaitable[object]]]:
    async with AsyncClient(**options) as client:
        async with aiohttp.ClientSession(client.base_url, middlewares=[codat_auth(client)]) as session:

            async def call(number: int) -> None:
                async with session.get("/companies", params={"page": number}) as response:
                    response.raise_for_status()

            yield call


@asynccontextmanager
async def by_platform_async(**options: Any) -> AsyncIterator[Callable[[int], Awaitable[object]]]:
    client = AsyncClient(**options) if WAITS else Client(**options)
    sdk: Any
    async with connect(client, CodatPlatform, timeout_ms=int(SECONDS * 1000)) as sdk:
        yield lambda number: sdk.companies.list_async(request={"page": number})


BLOCKING: list[Blocking] = [by_httpx, by_requests, by_platform]
if sys.version_info >= (3, 10):
    BLOCKING.append(by_lending)
WAITING: list[Waiting] = [by_httpx_async, by_aiohttp, by_platform_async]
