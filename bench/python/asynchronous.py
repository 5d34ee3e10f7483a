"""The clients for asyncio, each as a function that makes a call and returns the number of results."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from calls import KEYS, PAGE_SIZE, PAGES, headers

Call = Callable[[], Awaitable[int]]


async def codat_keys_list(url: str, key: str) -> Call:
    from codat_keys import AsyncClient

    client = AsyncClient(base_url=url, api_key=key)

    async def call() -> int:
        return len(await client.keys.list())

    return call


async def codat_keys_pages(url: str, key: str) -> Call:
    from codat_keys import AsyncClient

    client = AsyncClient(base_url=url, api_key=key)

    def first() -> AsyncIterator[Any]:
        return client.pages(PAGES, page_size=PAGE_SIZE)

    pages = first()

    async def call() -> int:
        nonlocal pages
        while (page := await anext(pages, None)) is None:
            pages = first()
        return len(page.results)

    return call


async def aiohttp_list(url: str, key: str) -> Call:
    import aiohttp

    session = aiohttp.ClientSession(headers=headers(key))

    async def call() -> int:
        async with session.get(url + KEYS, raise_for_status=True) as response:
            return len((await response.json())["results"])

    return call


CLIENTS: dict[str, dict[str, Callable[[str, str], Awaitable[Call]]]] = {
    "keys": {"codat-keys in asyncio": codat_keys_list, "aiohttp and json": aiohttp_list},
    "pages": {"codat-keys in asyncio": codat_keys_pages},
}
