"""``Response.json`` returns what ``json.loads`` returns, or raises BadResponseError."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import textwrap
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from raw_server import RawServer

from codat_keys import BadResponseError, Client

KEY = "MadeUpKeyOfTheParser00000000000000000000"

texts = st.text(st.characters(exclude_categories=[]), max_size=20)
numbers = st.integers() | st.integers(-(2**65), 2**65) | st.floats()
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)


@contextmanager
def parser() -> Iterator[Any]:
    """Returns a function that parses a text with ``Response.json``."""
    body = b""
    head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n"
    server = RawServer(lambda _: [head.format(len(body)).encode(), body] if body else [head.format(0).encode()])
    with Client(base_url=server.url, api_key=KEY) as client:

        def parse(text: str) -> Any:
            nonlocal body
            body = text.encode("utf-8", "surrogatepass")
            return client.request("GET", "/x").json()

        yield parse


@given(values, st.booleans(), st.sampled_from([None, 1]))
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_a_generated_value_is_parsed_as_json_loads_does(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    with parser() as parse:
        try:
            parsed = parse(text)
        except BadResponseError:
            # The body is not UTF-8, or it has a value that no JSON text can have.
            assert not ascii_only or any(word in text for word in ("NaN", "Infinity", "\\ud"))
        else:
            # `repr` tells apart 1, 1.0 and True, and 0.0 and -0.0.
            assert repr(parsed) == repr(json.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "-0",
        "-0.0",
        "0e5",
        "1e308",
        "123456789012345678901234567890",
        "-9223372036854775809",
        "18446744073709551615",
        "9007199254740993.0",
        "0.1000000000000000055511151231257827021181583404541015625",
        "2.2250738585072011e-308",
        '{"a": 1, "a": 2}',
        '{"": {"": [[], {}]}}',
        " \t\r\n[1 , 2]\n",
        '"\\u00e9\\ud83d\\ude00\\/\\b"',
        "[" * 300 + "]" * 300,
    ],
)
def test_an_unusual_text_is_parsed_as_json_loads_does(text: str) -> None:
    with parser() as parse:
        assert repr(parse(text)) == repr(json.loads(text))


@pytest.mark.parametrize("text", ["[1,]", "{'a': 1}", "[1] 2", '"', "nul", "01", '"\t"', "[", "{}}"])
def test_an_invalid_text_is_a_bad_response(text: str) -> None:
    with parser() as parse, pytest.raises(BadResponseError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "kind"),
    [("9" * 5000, ValueError), ("[" * 200_000 + "]" * 200_000, RecursionError)],
    ids=["digits", "depth"],
)
def test_an_error_of_pythons_parser_shows_no_body(text: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as expected:
        json.loads(text)
    body = f'{{"results": [{text}], "totalResults": 1}}'.encode()
    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    server = RawServer(lambda _: [head, body])
    with Client(base_url=server.url, api_key=KEY) as client:
        response, page = client.request("GET", "/x"), next(client.pages("/x"))
    for read in (response.json, lambda: page.results):
        with pytest.raises(kind) as raised:
            read()
        assert type(raised.value) is type(expected.value) and str(raised.value) == str(expected.value)
        assert raised.value.__context__ is None
        frames = [frame for frame, _ in traceback.walk_tb(raised.value.__traceback__)]
        assert all(frame.f_globals is globals() for frame in frames)


@pytest.mark.parametrize("enabled", [True, False], ids=["enabled", "disabled"])
def test_the_garbage_collector_stays_as_it_is(enabled: bool) -> None:
    was_enabled = gc.isenabled()
    (gc.enable if enabled else gc.disable)()
    try:
        with parser() as parse:
            assert parse("[{}]") == [{}] and gc.isenabled() is enabled
            with pytest.raises(BadResponseError):
                parse("[{}")
            assert gc.isenabled() is enabled
    finally:
        (gc.enable if was_enabled else gc.disable)()


def test_equal_names_share_one_string() -> None:
    with parser() as parse:
        first, second = (next(iter(item)) for item in parse('[{"amount due": 1}, {"amount due": 2}]'))
    assert first is second


def test_too_little_memory_is_a_memory_error() -> None:
    if sys.platform != "linux":
        pytest.skip("the program reads /proc")
    body = b"[" + b"{}," * 2_000_000 + b"{}]"
    head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    server = RawServer(lambda _: [head, body])
    program = f"""
    import gc, resource
    from codat_keys import Client
    response = Client(base_url={server.url!r}, api_key={KEY!r}).request("GET", "/x")
    pages = int(open("/proc/self/statm").read().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 60_000_000, resource.RLIM_INFINITY))
    try:
        response.json()
    except MemoryError:
        print("MemoryError", gc.isenabled())
    """
    with server.socket:
        command = [sys.executable, "-c", textwrap.dedent(program)]
        child = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert child.stdout == "MemoryError True\n", child
