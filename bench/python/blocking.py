"""The blocking clients, each as a function that makes a call and returns the number of results."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from itertools import chain, repeat

from calls import BODY, DISTANT, DISTANT_PAGE_SIZE, KEYS, PAGE, PAGE_SIZE, PAGES, headers

Call = Callable[[], int]


def codat_keys_list(url: str, key: str) -> Call:
    from codat_keys import Client

    client = Client(base_url=url, api_key=key)
    return lambda: len(client.keys.list())


def codat_keys_pages(url: str, key: str) -> Call:
    from codat_keys import Client

    client = Client(base_url=url, api_key=key)
    # Continues with the first page after the last page.
    pages = chain.from_iterable(client.pages(PAGES, page_size=PAGE_SIZE) for _ in repeat(None))
    return lambda: len(next(pages).results)


def codat_keys_mapped_pages(url: str, key: str) -> Call:
    """Maps each body, so that its memory returns to the system. By default, glibc puts later bodies into its heap."""
    import ctypes

    M_MMAP_THRESHOLD = -3
    ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1_000_000)
    return codat_keys_pages(url, key)


def codat_keys_all_pages(concurrency: int) -> Callable[[str, str], Call]:
    def client(url: str, key: str) -> Call:
        from codat_keys import Client

        client = Client(base_url=url, api_key=key)

        def call() -> int:
            pages = client.pages(DISTANT, page_size=DISTANT_PAGE_SIZE, concurrency=concurrency)
            return sum(len(page.results) for page in pages)

        return call

    return client


def codat_keys_download(url: str, key: str) -> Call:
    from codat_keys import Client

    client = Client(base_url=url, api_key=key)

    def call() -> int:
        with open(os.environ["BENCH_FILE"], "wb") as file, client.stream("GET", BODY) as response:
            return sum(file.write(chunk) for chunk in response.iter_bytes())

    return call


def pycurl_list(url: str, key: str) -> Call:
    import pycurl  # type: ignore[import-untyped]

    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url + KEYS)
    curl.setopt(pycurl.HTTPHEADER, [f"{name}: {value}" for name, value in headers(key).items()])
    curl.setopt(pycurl.FAILONERROR, True)
    return lambda: len(json.loads(curl.perform_rb())["results"])


def httpx_pages(url: str, key: str) -> Call:
    import httpx

    client = httpx.Client(base_url=url, headers=headers(key))
    return lambda: len(client.get(PAGE).raise_for_status().json()["results"])


def httpx_and_orjson_pages(url: str, key: str) -> Call:
    import httpx
    import orjson

    client = httpx.Client(base_url=url, headers=headers(key))
    return lambda: len(orjson.loads(client.get(PAGE).raise_for_status().content)["results"])


def requests_pages(url: str, key: str) -> Call:
    import requests

    session = requests.Session()
    session.headers.update(headers(key))

    def call() -> int:
        response = session.get(url + PAGE)
        response.raise_for_status()
        return len(response.json()["results"])

    return call


def json_pages(url: str, key: str) -> Call:
    """Parses a page that is requested once."""
    from urllib.request import Request, urlopen

    with urlopen(Request(url + PAGE, headers=headers(key))) as response:
        body = response.read()
    return lambda: len(json.loads(body)["results"])


CLIENTS: dict[str, dict[str, Callable[[str, str], Call]]] = {
    "keys": {
        "codat-keys in Python": codat_keys_list,
        "pycurl and json": pycurl_list,
    },
    "all pages": {
        "concurrency 1": codat_keys_all_pages(1),
        "concurrency 8": codat_keys_all_pages(8),
    },
    "download": {
        "codat-keys in Python": codat_keys_download,
    },
    "pages": {
        "codat-keys in Python": codat_keys_pages,
        "codat-keys, bodies mapped": codat_keys_mapped_pages,
        "httpx and json": httpx_pages,
        "requests and json": requests_pages,
        "httpx and orjson": httpx_and_orjson_pages,
        "json alone": json_pages,
    },
}
