"""Lets another HTTP library carry the key."""

import httpx

from codat_keys import Client
from codat_keys.integrations.httpx import CodatAuth

client = Client()
with httpx.Client(base_url=client.base_url, auth=CodatAuth(client)) as http:
    print(http.get("/companies").json()["totalResults"], "companies")
