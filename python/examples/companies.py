"""Makes concurrent calls, and iterates over the results of all pages."""

import asyncio

from codat_keys import AsyncClient


async def main() -> None:
    async with AsyncClient() as client:
        profile, own = await asyncio.gather(client.request("GET", "/profile"), client.whoami())
        print(f"the companies of {profile.json()['name']}, by the key {own.name or own.id}:")
        async for company in client.pages("/companies", page_size=500).items():
            print(company["name"])


asyncio.run(main())
