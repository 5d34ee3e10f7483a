"""What a fresh eye found: walks that go on, values that are not JSON, errors on their way to another process."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
from typing import Any

import pytest

from codat_keys import AsyncClient, Client, OutcomeUnknownError, ServerError
from codat_keys.testing import Emulator

FAILS = [{"method": "GET", "path": "/companies", "fault": "status", "status": 503}]


def test_a_walk_goes_on_after_an_error(codat_emulator: Emulator) -> None:
    codat_emulator.set_faults(FAILS)
    pages = Client(retry=False).pages("/companies", page_size=2)
    with pytest.raises(ServerError):
        next(pages)
    assert [len(page.results) for page in pages] == [2, 2, 1]


async def test_with_asyncio_a_walk_goes_on_after_an_error_and_a_time_out(codat_emulator: Emulator) -> None:
    wait = {"method": "GET", "path": "/companies", "fault": "delay-before", "milliseconds": 600_000}
    codat_emulator.set_faults([*FAILS, wait])
    pages = AsyncClient(retry=False).pages("/companies", page_size=2)
    with pytest.raises(ServerError):
        await pages.__anext__()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(pages.__anext__(), 0.3)
    assert [len(page.results) async for page in pages] == [2, 2, 1]


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
