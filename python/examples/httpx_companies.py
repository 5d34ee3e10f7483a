"""Codat's API through httpx."""

import httpx

from codat_keys import Client
from codat_keys.integrations.httpx import CodatAuth

with Client() as client, httpx.Client(auth=CodatAuth(client), base_url=client.base_url, timeout=10) as http:
    response = http.get("/companies", params={"pageSize": 100})
    response.raise_for_status()
    print(response.json()["totalResults"], "companies")
