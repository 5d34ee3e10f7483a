"""Regression tests: values that are not JSON, errors that are pickled."""

from __future__ import annotations

import asyncio
import copy
import gc
import os
import pickle
import subprocess
import sys
import weakref
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

import codat_keys
from codat_keys import (
    AsyncClient,
    Client,
    ClosedError,
    ConnectError,
    OutcomeUnknownError,
    ServerError,
)
from codat_keys.testing import Emulator

KINDS: list[type[Client] | type[AsyncClient]] = [Client, AsyncClient]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_json_does_not_know_is_not_sent(number: float, codat_emulator: Emulator) -> None:
    with pytest.raises(ValueError, match="JSON"):
        Client().request("POST", "/companies", json={"a": number})
    assert codat_emulator.journal() == []


class Asking(OutcomeUnknownError):
    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} and {other}", hint="a hint", idempotency_key="a key")


@pytest.mark.parametrize("error", [ServerError("m", hint="a hint", status=503), Asking(1, 2)])
def test_errors_are_copied_and_pickled_with_what_was_added(error: Any) -> None:
    error.request_id = 7
    for same in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(same) is type(error) and str(same) == str(error)
        assert vars(same) == vars(error)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_an_emulator_without_a_reference_runs_on() -> None:
    emulator = Emulator()
    given, held = emulator.environment, weakref.ref(emulator)
    del emulator
    gc.collect()
    client = Client(base_url=given["CODAT_BASE_URL"], api_key=given["CODAT_API_KEY"])
    assert len(client.keys.list()) == 1
    running = held()
    assert running is not None, "it was collected"
    running.stop()
    with pytest.raises(ConnectError):
        client.keys.list()


def test_what_the_emulator_does_not_understand_is_said_in_words(codat_emulator: Emulator) -> None:
    with pytest.raises(ValueError, match=r"^unknown field `companie`"):
        codat_emulator.set_state(companie=3)


def test_undo_in_a_test_keeps_the_emulator(codat_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODAT_PROFILE", "other")
    monkeypatch.undo()
    with Client() as client:
        assert client.base_url == codat_emulator.base_url
        assert len(client.keys.list()) == 1


def test_the_child_of_a_fork_leaves_the_emulator_alone(codat_emulator: Emulator) -> None:
    child = os.fork()
    if child == 0:
        try:
            codat_emulator.stop()
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert len(Client().keys.list()) == 1


def test_a_year_that_python_does_not_know_is_no_date(codat_emulator: Emulator) -> None:
    key = {"id": "old", "name": "old", "apiKey": "MadeUpKeyOfLongAgo", "createdDate": "0000-01-01T00:00:00Z"}
    codat_emulator.set_state(keys=[key])
    assert [key.created_date for key in Client(api_key="MadeUpKeyOfLongAgo").keys.list()] == [None]


def imports(program: str) -> set[str]:
    """The modules that a program has imported, which begins with those of the bare interpreter."""
    program = f"import sys; bare = set(sys.modules); {program}; print(*(set(sys.modules) - bare))"
    # Isolated: what starts with this environment, coverage say, may import anything.
    child = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return set(child.stdout.split())


def test_asyncio_is_imported_only_by_who_uses_it() -> None:
    blocking = imports("import codat_keys; codat_keys.Client")
    assert "codat_keys._client" in blocking
    assert blocking & {"asyncio", "collections.abc", "datetime", "json", "logging", "re", "typing"} == set()
    assert {"asyncio", "codat_keys._aio"} <= imports("from codat_keys import AsyncClient")


def test_what_is_imported_late_is_found_all_the_same() -> None:
    every: dict[str, object] = {}
    exec("from codat_keys import *", every)
    assert set(codat_keys.__all__) <= set(every) & set(dir(codat_keys))
    assert every["AsyncKeys"] is codat_keys.AsyncKeys is type(AsyncClient(api_key="MadeUpKey").keys)
    with pytest.raises(AttributeError, match="'codat_keys' has no attribute 'AsyncClints'"):
        getattr(codat_keys, "AsyncClints")


def test_no_exported_name_hides_the_cancelled_error_of_asyncio() -> None:
    every: dict[str, object] = {"CancelledError": asyncio.CancelledError}
    exec("from codat_keys import *", every)
    assert every["CancelledError"] is asyncio.CancelledError


def test_a_client_shows_where_it_calls_and_is_referred_to_weakly(codat_emulator: Emulator) -> None:
    for client in (Client(), AsyncClient()):
        kind = type(client).__name__
        assert (
            repr(client)
            == f"{kind}(base_url='{codat_emulator.base_url}', api_key={codat_keys.ApiKey(codat_emulator.api_key)!r})"
        )
        assert weakref.ref(client)() is client


@pytest.mark.parametrize("client", [Client, AsyncClient])
async def test_a_client_that_was_closed_gives_nothing_away(client: Any, codat_emulator: Emulator) -> None:
    closed = client()
    closing = closed.close()
    if closing is not None:
        await closing
    with pytest.raises(ClosedError):
        closed.authorization_for(closed.base_url)
    assert "<closed>" in repr(closed)


def test_quotas_that_are_equal_have_one_hash() -> None:
    client = Client()
    quotas = [client.request("GET", "/profile").rate_limit for _ in range(2)]
    assert {quotas[1], client.rate_limit} == {quotas[1]} != {quotas[0]}


@pytest.mark.parametrize("seconds", [-1, float("nan"), timedelta(seconds=-1), 0, timedelta(0)])
def test_a_time_out_below_or_at_zero_is_a_value_error(seconds: float | timedelta) -> None:
    with pytest.raises(ValueError, match="time-?out"):
        Client(timeout=seconds)
    with pytest.raises(ValueError, match="time-?out"):
        Client().request("GET", "/profile", timeout=seconds)


def test_the_error_for_another_kind_of_event_loop_names_the_one_needed() -> None:
    waits = AsyncClient(api_key="MadeUpKey").keys.list()
    with pytest.raises(RuntimeError, match="an event loop of asyncio"):
        waits.send(None)


@pytest.mark.parametrize(
    ("wrong", "argument"),
    [
        (lambda: codat_keys.encode(5), "key"),  # type: ignore[arg-type]
        (lambda: codat_keys.AuthorizationHeader.encode(None), "key"),  # type: ignore[arg-type]
        (lambda: Emulator(port=-1), "port"),
        (lambda: Emulator(port="x"), "port"),  # type: ignore[arg-type]
        (lambda: Emulator(seed=-1), "seed"),
    ],
)
def test_a_wrong_argument_is_named(wrong: Callable[[], object], argument: str) -> None:
    with pytest.raises((TypeError, ValueError), match=f"argument '{argument}'"):
        wrong()


def test_a_header_is_made_of_a_text_too() -> None:
    assert codat_keys.AuthorizationHeader.encode("example") == codat_keys.AuthorizationHeader("Basic ZXhhbXBsZQ==")


def test_another_machine_is_called_without_tls_by_an_explicit_word_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(allow: bool | None = None) -> str:
        clients = [kind(api_key="MadeUpKey", base_url="http://codat:4010", allow_insecure_http=allow) for kind in KINDS]
        urls = {client.base_url for client in clients}
        return urls.pop()

    for variable, allow in [(None, None), ("false", None), (None, False), ("true", False)]:
        monkeypatch.delenv("CODAT_ALLOW_INSECURE_HTTP", raising=False)
        if variable:
            monkeypatch.setenv("CODAT_ALLOW_INSECURE_HTTP", variable)
        with pytest.raises(codat_keys.InvalidInputError, match="unencrypted to http://codat:4010"):
            build(allow)
    monkeypatch.setenv("CODAT_ALLOW_INSECURE_HTTP", "true")
    assert build() == "http://codat:4010"
    monkeypatch.delenv("CODAT_ALLOW_INSECURE_HTTP")
    assert build(True) == "http://codat:4010"
