"""Codat's API through aiohttp."""

import asyncio

import aiohttp

from codat_keys import AsyncClient
from codat_keys.integrations.aiohttp import codat_auth


async def main() -> None:
    async with AsyncClient() as client:
        auth, timeout = codat_auth(client), aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(client.base_url, middlewares=[auth], timeout=timeout) as session:
            async with session.get("/companies", params={"pageSize": 100}) as response:
                response.raise_for_status()
                print((await response.json())["totalResults"], "companies")


asyncio.run(main())
