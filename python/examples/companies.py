"""Makes concurrent calls, and iterates over pages."""

import asyncio

from codat_keys import AsyncClient


async def main() -> None:
    async with AsyncClient() as client:
        profile, own = await asyncio.gather(client.request("GET", "/profile"), client.whoami())
        print(f"the companies of {profile.json()['name']}, by the key {own.name or own.id}:")
        async for page in client.pages("/companies", page_size=500):
            print(*(company["name"] for company in page.results), sep="\n")


asyncio.run(main())
