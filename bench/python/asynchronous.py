"""The clients for asyncio, and their slices: each task makes one call after the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from calls import PATH, Clock, Done, address, authorization, bare_request, is_whole, read, two

Call = Callable[[], Awaitable[Sequence[object]]]


def slices(client: str, in_flight: int, url: str, key: str) -> Callable[[float], Done]:
    loop = asyncio.new_event_loop()
    call = loop.run_until_complete(CLIENTS[client](url, key))

    async def calls_for(seconds: float) -> Done:
        clock = Clock()
        clock.start(seconds)

        async def call_until_it_ends() -> int:
            calls = 0
            while time.perf_counter() < clock.ends:
                two(await call())
                calls += 1
            return calls

        return clock.stop(sum(await asyncio.gather(*(call_until_it_ends() for _ in range(in_flight)))))

    return lambda seconds: loop.run_until_complete(calls_for(seconds))


async def codat_keys(url: str, key: str) -> Call:
    from codat_keys import AsyncClient

    return AsyncClient(base_url=url, api_key=key).keys.list


async def codat_platform(url: str, key: str) -> Call:
    from codat_platform.models.shared.security import Security
    from codat_platform.sdk import CodatPlatform

    client = CodatPlatform(security=Security(auth_header=authorization(key)), server_url=url)

    async def call() -> Sequence[object]:
        return (await client.settings.list_api_keys_async()).results or []

    return call


async def aiohttp(url: str, key: str) -> Call:
    import aiohttp

    session = aiohttp.ClientSession(headers={"Authorization": authorization(key), "Accept": "application/json"})

    async def call() -> Sequence[Any]:
        async with session.get(url + PATH, raise_for_status=True) as answer:
            keys: Sequence[Any] = (await answer.json())["results"]
            return keys

    return call


async def bare_protocol(url: str, key: str) -> Call:
    loop, request, idle = asyncio.get_running_loop(), bare_request(url, key), list[_Connection]()

    async def call() -> Sequence[Any]:
        if idle:
            connection = idle.pop()
        else:
            _, connection = await loop.create_connection(_Connection, *address(url))
        answer = await connection.send(request)
        idle.append(connection)
        return read(answer)

    return call


class _Connection(asyncio.Protocol):
    _transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self, request: bytes) -> asyncio.Future[bytes]:
        self._answer, self._whole = b"", asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._whole

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if is_whole(self._answer):
            self._whole.set_result(self._answer)

    def connection_lost(self, error: Exception | None) -> None:
        self._whole.set_exception(error or ConnectionError("the server closed the connection"))


CLIENTS = {
    "codat-keys from Python": codat_keys,
    "codat-platform": codat_platform,
    "aiohttp": aiohttp,
    "a bare protocol and json": bare_protocol,
}
