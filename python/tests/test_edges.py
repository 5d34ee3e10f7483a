"""Malformed answers, failing proxies and unusual key files."""

from __future__ import annotations

import http.server
import os
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from codat_keys import AsyncClient, BadResponseError, Client, ConnectError, InvalidCredentialError, RateLimitedError

KEY = "MadeUpKeyOfTheEdges000000000000000000000"
LIST = '{"results":[{"id":"a","apiKey":"MadeUpKey"}],"totalResults":1}'


@contextmanager
def server(
    status: int, body: bytes = b"", **headers: str
) -> Iterator[tuple[str, list[http.server.BaseHTTPRequestHandler]]]:
    """Answers every request with this; yields its URL and the requests."""
    requests: list[http.server.BaseHTTPRequestHandler] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            requests.append(self)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), "Connection": "close", **headers}.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_CONNECT = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", requests
        running.shutdown()


def client(url: str, **options: Any) -> Client:
    return Client(base_url=url, api_key=KEY, **options)


def test_a_call_without_a_body_says_so_and_allows_no_encoding() -> None:
    with server(200, b"{}") as (url, requests):
        client(url).request("POST", "/companies")
    assert requests[0].headers.get_all("content-length") == ["0"]
    assert requests[0].headers.get_all("accept-encoding") == ["identity"]


@pytest.mark.parametrize("asyncio", [True, False], ids=["asyncio", "blocking"])
async def test_a_proxy_that_wants_a_password_is_asked_once_and_named(asyncio: bool) -> None:
    with server(407) as (url, requests):
        proxy = url.replace("http://", "http://user:MadeUpPassword@")
        with pytest.raises(
            ConnectError, match=f"^the proxy {url} answered 407 Proxy Authentication Required when asked"
        ) as refused:
            if asyncio:
                await AsyncClient(base_url="https://codat.example", api_key=KEY, proxy=proxy).keys.list()
            else:
                client("https://codat.example", proxy=proxy).keys.list()
    assert len(requests) == 1 and "MadeUpPassword" not in repr(refused.value)
    # Most errors of the kind are retryable, and this one is final.
    assert (refused.value.retryable, pickle.loads(pickle.dumps(refused.value)).retryable) == (False, False)
    assert ConnectError.retryable and ConnectError("no connection").retryable


def test_a_lost_connection_is_retryable() -> None:
    with pytest.raises(ConnectError, match="nothing listens there") as lost:
        client("http://127.0.0.1:1", retry=False).keys.list()
    assert lost.value.retryable is True


def test_an_unrequested_content_encoding_is_named() -> None:
    with server(200, b"\x1f\x8b", Content_Encoding="gzip") as (url, requests):
        with pytest.raises(BadResponseError, match="^the response is encoded as `gzip`, though "):
            client(url).keys.list()
    assert len(requests) == 1


def test_json_with_a_byte_order_mark_is_read_and_in_utf16_it_is_none() -> None:
    with server(200, f"\ufeff{LIST}".encode()) as (url, _):
        assert client(url).keys.list()[0].id == "a"
        assert client(url).request("GET", "/x").json()["results"][0]["id"] == "a"
        assert next(iter(client(url).pages("/x"))).total_results == 1
    with server(200, LIST.encode("utf-16")) as (url, _):
        with pytest.raises(BadResponseError, match="it is not encoded as UTF-8"):
            client(url).request("GET", "/x").json()


def test_an_array_is_no_page() -> None:
    with server(200, b"[[1],1]") as (url, _):
        with pytest.raises(BadResponseError):
            next(client(url).pages("/x"))
        with pytest.raises(BadResponseError):
            next(client(url).pages("/x").items())


def test_a_wait_beyond_every_number_is_the_longest() -> None:
    with server(429, Retry_After="99999999999999999999") as (url, requests):
        with pytest.raises(RateLimitedError) as refused:
            client(url).keys.list()
    assert (len(requests), refused.value.retry_after) == (1, 100 * 365 * 24 * 3600)


def test_a_key_file_of_windows_is_read_and_one_of_another_owner_taken(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.touch(0o600)
    for encoding in ("utf-8-sig", "utf-16"):
        file.write_text(f"{KEY}\r\n", encoding=encoding)
        opened = Client(base_url="https://codat.example", api_key_file=file)
        assert opened.authorization_for("https://codat.example").api_key.expose_secret() == KEY
    file.write_text('{"apiKey": "MadeUpKey"}')
    with pytest.raises(InvalidCredentialError, match="holds JSON, not the key alone") as refused:
        Client(api_key_file=file)
    assert "jq -r .apiKey" in refused.value.hint
    file.write_text(KEY)
    file.chmod(0o644)
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("only root can change the owner of a file")
    os.chown(file, 12345, -1)
    assert Client(api_key_file=file)
    os.chown(file, 0, -1)
    with pytest.raises(InvalidCredentialError, match="can be read by every user"):
        Client(api_key_file=file)
