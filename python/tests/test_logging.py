"""The records in the standard ``logging``, and when they are written."""

from __future__ import annotations

import asyncio
import logging
import re
import threading

import pytest

from codat_keys import AsyncClient, Client, UnauthorizedError
from codat_keys.testing import Emulator


def line(record: logging.LogRecord) -> str:
    text = record.getMessage().split(", milliseconds")[0]
    return re.sub(r"http://127\.0\.0\.1:\d+", "URL", text)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line(record) for record in caplog.records if record.name == "codat_keys"]


LOST = [{"method": "GET", "path": "/apiKeys", "fault": "drop-after"}]
EXPECTED = [
    "GET /apiKeys: not answered, error=the connection to URL was lost before the response arrived, sent=true",
    "GET /apiKeys: answered, status=200",
]


def test_each_attempt_is_a_line_of_the_calling_thread(
    caplog: pytest.LogCaptureFixture, codat_emulator: Emulator
) -> None:
    caplog.set_level(logging.DEBUG, logger="codat_keys")
    codat_emulator.set_faults(LOST)
    Client().keys.list()
    assert lines(caplog) == EXPECTED
    assert {record.thread for record in caplog.records} == {threading.get_ident()}


async def test_with_asyncio_each_attempt_is_a_line_of_the_loops_thread(
    caplog: pytest.LogCaptureFixture, codat_emulator: Emulator
) -> None:
    caplog.set_level(logging.DEBUG, logger="codat_keys")
    codat_emulator.set_faults(LOST)
    await AsyncClient().keys.list()
    assert lines(caplog) == EXPECTED
    assert {record.thread for record in caplog.records if record.name == "codat_keys"} == {threading.get_ident()}


def test_an_error_response_is_logged_with_its_correlation_id(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="codat_keys")
    with pytest.raises(UnauthorizedError) as refused:
        Client(api_key="MadeUpKeyThatIsNotInUse").keys.list()
    assert lines(caplog) == [f"GET /apiKeys: answered, status=401, correlation_id={refused.value.correlation_id}"]


def test_an_attempt_is_logged_before_the_call_ends(codat_emulator: Emulator) -> None:
    codat_emulator.set_faults([*LOST, {"fault": "delay-before", "milliseconds": 600_000, "count": 9}])
    logged: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            logged.append(line(record))
            # Until the end of the call, which tries again and again, there would be more requests.
            assert len(codat_emulator.journal()) <= 2
            raise KeyboardInterrupt

    logger, handler = logging.getLogger("codat_keys"), Handler()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        with pytest.raises(KeyboardInterrupt):
            Client().keys.list()
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert logged == EXPECTED[:1]


def test_nothing_is_logged_above_the_debug_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="codat_keys")
    Client().keys.list()
    assert lines(caplog) == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_handler_that_fails_takes_no_result_along(caplog: pytest.LogCaptureFixture) -> None:
    class Filter(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise ValueError("a filter of the user's")

    logger, broken = logging.getLogger("codat_keys"), Filter()
    caplog.set_level(logging.DEBUG, logger="codat_keys")
    logger.addFilter(broken)
    try:
        assert len(await AsyncClient().keys.list()) == 1
        with pytest.raises(ValueError, match="of the user's"):
            Client().keys.list()
    finally:
        logger.removeFilter(broken)


def test_ctrl_c_in_a_handler_ends_an_event_loop_and_loses_no_result(codat_emulator: Emulator) -> None:
    class Handler(logging.Handler):
        interrupts = 1

        def emit(self, record: logging.LogRecord) -> None:
            if self.interrupts:
                self.interrupts -= 1
                raise KeyboardInterrupt

    logger, handler, loop = logging.getLogger("codat_keys"), Handler(), asyncio.new_event_loop()
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)

    async def main() -> None:
        assert [len(keys) for keys in await asyncio.gather(*(client.keys.list() for _ in range(8)))] == [1] * 8
        await client.close()

    client = AsyncClient()
    try:
        task = loop.create_task(main())
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(task)
        loop.run_until_complete(asyncio.wait_for(task, 30))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        loop.close()
