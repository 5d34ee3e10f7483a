"""One key through everything that Python can show, keep or send on: it comes out where that was asked for."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import http.server
import json
import logging
import os
import pickle
import pprint
import threading
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import codat_keys
from codat_keys import ApiKey, AsyncClient, AuthorizationHeader, Client, CodatError, encode

CANARY = "CanaryKeyMadeUpForThisTest00000000000Zq7"
ENCODED = b64encode(CANARY.encode()).decode()
LIST = {
    "results": [
        {"id": "a", "name": f"of {CANARY}", "apiKey": CANARY},
        {"id": "b", "name": "ci", "apiKey": "x" + CANARY},
    ]
}
ERROR_BODY = {"statusCode": 400, "error": f"no {CANARY}", "correlationId": ENCODED, "service": f"Basic {ENCODED}"}


def is_silent(text: object) -> None:
    for secret in (CANARY, ENCODED.rstrip("=")):
        assert secret not in str(text)


@pytest.fixture(
    params=[
        (200, LIST),
        (200, ERROR_BODY),
        (200, CANARY),
        (201, LIST["results"]),
        (400, ERROR_BODY),
        (401, ERROR_BODY),
        (503, ERROR_BODY),
    ]
)
def echo(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that knows the key and says it wherever it can."""
    status, answer = request.param

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in (("X-Echo", CANARY), ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = answer

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def shown(thing: object) -> Iterator[str]:
    """Whatever a program may do to a thing without asking for its secret."""
    ways: list[Callable[[Any], object]] = [
        repr, str, format, "{0!r:>99}".format, "%s".__mod__, ascii, pprint.pformat, vars, dir, bytes, list, dict,
        lambda it: f"{it}", json.dumps, lambda it: json.dumps(it, default=str), pickle.dumps, copy.copy, copy.deepcopy,
        lambda it: it.__reduce__(), lambda it: it.__reduce_ex__(5), lambda it: it.__getstate__(),
        lambda it: {**it.__dict__}, dataclasses.asdict,
        lambda it: dataclasses.asdict(dataclasses.make_dataclass("Holder", ["it"])(it)),
    ]  # fmt: skip
    for way in ways:
        try:
            yield repr(way(thing))
        except Exception as refused:
            yield from reported(refused)


def reported(error: BaseException) -> Iterator[str]:
    """An exception as reporters show it: with its chain and the local variables of this package's frames."""
    yield repr(error)
    yield from map(repr, vars(error).values())
    for frame in traceback.walk_tb(error.__traceback__):
        if os.path.dirname(codat_keys.__file__) in frame[0].f_code.co_filename:
            yield from (repr(value) for name, value in frame[0].f_locals.items() if name != "self")
    yield "".join(traceback.format_exception(type(error), error, error.__traceback__))
    for cause in (error.__cause__, error.__context__):
        if cause is not None:
            yield from reported(cause)


def calls(client: Any) -> list[Callable[[], Any]]:
    return [
        client.keys.list, client.whoami, lambda: client.keys.create("ci"), lambda: client.keys.delete("b"),
        lambda: client.keys.find("ci"), lambda: client.keys.get("a"), lambda: client.request("GET", "/profile"),
        lambda: client.request("POST", "/companies", json={"name": "ci"}),
        lambda: client.authorization_for("https://other.example"),
    ]  # fmt: skip


OTHER = "OtherKeyMadeUpForThisTest000000000000Zq8"
GATEWAYS = [b64encode(f"{before}{OTHER}{after}".encode()).decode() for before, after in (("", ":"), (":", ""))]
NAMES = {
    "results": [
        {"id": "a", "name": f"of {OTHER}", "apiKey": CANARY},
        {"id": OTHER, "name": GATEWAYS[0], "apiKey": OTHER},
        {"id": "c", "name": GATEWAYS[1], "apiKey": "MadeUpKeyOfC"},
        {"id": "d", "name": "".join(f"%{ord(letter):02X}" for letter in OTHER), "apiKey": "MadeUpKeyOfD"},
    ]
}


@pytest.mark.parametrize("echo", [(200, NAMES)], indirect=True)
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_names_and_ids_are_shown_without_keys(kind: Any, echo: str) -> None:
    client = kind(base_url=echo, api_key=CANARY)

    async def wait(result: Any) -> Any:
        return await result

    listed = client.keys.list()
    keys = asyncio.run(wait(listed)) if asyncio.iscoroutine(listed) else listed
    for key in keys:
        for text in shown(key):
            assert not any(secret in text for secret in (OTHER, GATEWAYS[0][:40], GATEWAYS[1][8:48], "%4F%74")), text
    assert [key.name for key in keys] == [key["name"] for key in NAMES["results"]], (
        "a program has the names as they are"
    )
    assert keys[1].id == OTHER


@pytest.mark.parametrize("key", [CANARY, lambda: CANARY], ids=["key", "function"])
@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_what_calls_bring_and_raise(kind: Any, key: Any, echo: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = kind(base_url=echo, api_key=key, timeout=5, retry=False)

    async def wait(result: Any) -> Any:
        return await result

    brought: list[object] = [client, client.keys]
    for call in calls(client):
        try:
            result = call()
            brought.append(asyncio.run(wait(result)) if asyncio.iscoroutine(result) else result)
        except CodatError as error:
            brought.append(error)
            for text in reported(error):
                is_silent(text)
    for thing in brought:
        for part in thing if isinstance(thing, list) else [thing]:
            # A body is what was asked for.
            for text in shown(part):
                is_silent(text)
    for record in caplog.records:
        is_silent(vars(record))


def test_keys_and_headers_themselves() -> None:
    key, header = ApiKey(CANARY), AuthorizationHeader(encode(CANARY))
    for thing in (
        key,
        header,
        header.api_key,
        [key],
        {"key": header},
        Client(api_key=key),
        AsyncClient(auth_header=header),
    ):
        for text in shown(thing):
            is_silent(text)
    assert (key.expose_secret(), header.expose_secret()) == (CANARY, f"Basic {ENCODED}")


def test_a_key_that_was_made() -> None:
    made = Client().keys.create("ci")
    secret = made.key.api_key.expose_secret()
    for thing in (made, made.key, made.key.api_key, made.extras):
        assert not any(secret in text for text in shown(thing))


WRONG = [
    f"Bearer {CANARY}",
    f"Basic {CANARY}",
    f"{CANARY}\n",
    f"{CANARY}:",
    ENCODED,
    f"'{CANARY}'",
    f"{CANARY}é",
    f"{CANARY}\ud800",
]


@pytest.mark.parametrize("wrong", [*WRONG, CANARY.encode(), [CANARY], {"key": CANARY}], ids=range(11))
@pytest.mark.parametrize("take", [ApiKey, AuthorizationHeader, ApiKey.verbatim, encode])
def test_what_cannot_be_one(wrong: Any, take: Any) -> None:
    def client(kind: Any, name: str) -> Callable[[], object]:
        return lambda: kind(**{name: wrong})

    attempts: list[Callable[[], object]] = [lambda: take(wrong)]
    attempts += [
        client(kind, name) for kind in (Client, AsyncClient) for name in ("api_key", "auth_header", "base_url", "proxy")
    ]
    for attempt in attempts:
        try:
            attempt()
        except Exception as refused:
            for text in reported(refused):
                is_silent(text)


@pytest.mark.parametrize("wrong", WRONG[:-1], ids=range(7))
def test_what_the_environment_holds(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODAT_API_KEY", wrong)
    for kind in (Client, AsyncClient):
        with pytest.raises(CodatError) as refused:
            kind()
        for text in reported(refused.value):
            is_silent(text)
