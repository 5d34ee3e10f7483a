"""The clients for asyncio, each as a function that makes a call and returns the number of results."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from calls import DISTANT, DISTANT_PAGE_SIZE, KEYS, PAGE_SIZE, PAGES, headers

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


def codat_keys_all_pages(concurrency: int) -> Callable[[str, str], Awaitable[Call]]:
    async def client(url: str, key: str) -> Call:
        from codat_keys import AsyncClient

        client = AsyncClient(base_url=url, api_key=key)

        async def call() -> int:
            pages = client.pages(DISTANT, page_size=DISTANT_PAGE_SIZE, concurrency=concurrency)
            return sum([len(page.results) async for page in pages])

        return call

    return client


async def aiohttp_list(url: str, key: str) -> Call:
    import aiohttp

    session = aiohttp.ClientSession(headers=headers(key))

    async def call() -> int:
        async with session.get(url + KEYS, raise_for_status=True) as response:
            return len((await response.json())["results"])

    return call


CLIENTS: dict[str, dict[str, Callable[[str, str], Awaitable[Call]]]] = {
    "keys": {"codat-keys in asyncio": codat_keys_list, "aiohttp and json": aiohttp_list},
    "all pages": {
        "asyncio, concurrency 1": codat_keys_all_pages(1),
        "asyncio, concurrency 8": codat_keys_all_pages(8),
    },
    "pages": {"codat-keys in asyncio": codat_keys_pages},
}
