"""Codat's API through requests."""

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from codat_keys import Client
from codat_keys.integrations.requests import CodatAuth

with Client() as client, requests.Session() as session:
    session.auth = CodatAuth(client)
    retry = Retry(total=3, backoff_factor=0.5, status_forcelist=[500, 502, 503, 504], respect_retry_after_header=False)
    session.mount(client.base_url, HTTPAdapter(max_retries=retry))
    response = session.get(f"{client.base_url}/companies", params={"pageSize": 100}, timeout=10)
    response.raise_for_status()
    print(response.json()["totalResults"], "companies")
