"""Rotations by both clients: the keys afterwards, what the functions of sinks may do, and interruptions."""

from __future__ import annotations

import asyncio
import os
import pickle
import re
import signal
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from either import call, kinds

from codat_keys import (
    ApiKey,
    AsyncClient,
    AuthorizationHeader,
    Client,
    InvalidInputError,
    RotationError,
    RotationEvent,
    Sink,
    UnauthorizedError,
)
from codat_keys.testing import Emulator

KEY = "MadeUpKeyOfBilling00000000000000000000Old"
FOREIGN = "MadeUpKeyOfAnother00000000000000000000One"


@pytest.fixture(autouse=True)
def _keys(codat_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [{"id": "old", "name": "billing", "apiKey": KEY}, {"id": "foreign", "apiKey": FOREIGN}]
    codat_emulator.set_state(keys=keys)
    monkeypatch.setenv("CODAT_API_KEY", KEY)


class Memory:
    """A sink in memory, which is an object with a name and two methods."""

    def __init__(self, key: object = KEY, name: str = "memory:billing") -> None:
        self.name, self.key, self.calls = name, key, [""][:0]

    def deliver(self, key: ApiKey) -> None:
        self.calls.append("deliver")
        self.key = key

    def read(self) -> Any:
        self.calls.append("read")
        return self.key

    def expose(self) -> str:
        return self.key.expose_secret() if isinstance(self.key, ApiKey) else str(self.key)


class AsyncMemory(Memory):
    """A sink whose methods are async."""

    async def deliver(self, key: ApiKey) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        super().deliver(key)

    async def read(self) -> Any:
        await asyncio.sleep(0)
        return super().read()


def ids(emulator: Emulator) -> list[str]:
    return [key["id"] for key in emulator.state()["keys"]]


async def failure(running: Any, *kinds: str) -> RotationError:
    """The error of a rotation of one of these kinds."""
    with pytest.raises(RotationError) as raised:
        await call(running())
    assert raised.value.kind in kinds, raised.value
    return raised.value


def test_a_rotation_ends_in_its_grace_period_and_is_finished_later(codat_emulator: Emulator, tmp_path: Path) -> None:
    async def rotates(client: Any, sink: Memory) -> None:
        old = (await call(client.whoami())).id
        events: list[RotationEvent] = []
        rotation = client.keys.rotation([sink], journal=tmp_path, on_event=events.append)
        plan = await call(rotation.plan())
        assert (plan.old_key, plan.keys, plan.sinks) == (old, 2, {sink.name: old})
        assert re.fullmatch(r"billing~[0-9]{8}-\w{4}", plan.name)
        codat_emulator.clear_journal()

        report = await call(rotation.start())
        assert (report.state, report.old_key, report.sinks) == ("grace", old, {sink.name: "confirmed"})
        assert isinstance(sink.key, ApiKey) and set(ids(codat_emulator)) == {old, "foreign", report.new_key}
        # The client continues with its new key.
        assert (await call(client.whoami())).id == report.new_key
        assert [event.event for event in events if event.event != "state"] == [
            "created",
            "probed",
            "delivered",
            "confirmed",
        ]
        states = [event.state for event in events if event.event == "state"]
        assert states == ["create", "probe", "deliver", "confirm", "grace"]
        assert (events[1].id, events[1].name) == (report.new_key, report.name)

        status = await call(rotation.status())
        assert status.report == report and status.holder is None and status.started <= status.updated
        again = await failure(rotation.start, "in_progress")
        assert again.report == report
        report = await call(rotation.finish())
        assert (report.state, report.deleted) == ("done", [old])
        assert (await call(client.whoami())).id == report.new_key
        await failure(rotation.resume, "nothing_to_resume")
        for text in (repr(report), repr(status), repr(events), repr(rotation), repr(again), repr(plan)):
            assert sink.expose() not in text and KEY not in text

    with Client() as client:
        asyncio.run(rotates(client, Memory()))
        memory = Memory(client.whoami().api_key)
    os.environ["CODAT_API_KEY"] = memory.expose()

    async def waits() -> None:
        async with AsyncClient() as client:
            await rotates(client, AsyncMemory(memory.key))

    asyncio.run(waits())
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert b"memory:billing" in written
    assert all(key["apiKey"].strip("*").encode() not in written for key in codat_emulator.state()["keys"])


@pytest.mark.parametrize(
    "form",
    [
        ApiKey.expose_secret,
        lambda key: f"{key.expose_secret()}\n",
        AuthorizationHeader.encode,
        lambda key: AuthorizationHeader.encode(key).expose_secret(),
    ],
)
def test_a_sink_holds_a_key_in_any_form(form: Callable[[ApiKey], Any], tmp_path: Path) -> None:
    stored: list[Any] = [form(ApiKey(KEY))]
    sink = Sink("a", lambda key: stored.append(form(key)), lambda: stored[-1], timeout=timedelta(seconds=20))
    empty = Memory(" ")
    with Client() as client:
        report = client.keys.rotate([sink, empty], grace=0, journal=tmp_path, journal_name="x", name="other")
        assert report.state == "done" and report.sinks == {"a": "confirmed", "memory:billing": "confirmed"}
        assert report.name is not None and report.name.startswith("other~") and len(client.keys.list()) == 2
    assert (tmp_path / "x").is_dir() and isinstance(empty.key, ApiKey) and stored[-1] == form(empty.key)


def test_a_client_follows_a_rotation_of_its_own_key_alone(codat_emulator: Emulator, tmp_path: Path) -> None:
    with Client() as client, Client(api_key=FOREIGN) as other, Client(api_key=lambda: FOREIGN) as asks:
        for one in (client, other, asks):
            sink = Memory(None)
            report = one.keys.rotate([sink], key="foreign", journal=tmp_path)
            assert report.old_key == "foreign"
            assert one.whoami().id == {client: "old", other: report.new_key, asks: "foreign"}[one]
            # A rollback returns to the old key.
            assert one.keys.rotation([sink], journal=tmp_path).abort().state == "aborted"
            assert one.whoami().id == ("old" if one is client else "foreign")
            assert sink.expose() == FOREIGN
    assert ids(codat_emulator) == ["old", "foreign"]


@kinds
async def test_an_interrupted_rotation_is_resumed(kind: Any, codat_emulator: Emulator, tmp_path: Path) -> None:
    sink, seen = Memory(), []
    stop = LookupError("enough")

    def on_event(event: RotationEvent) -> None:
        seen.append(event.event)
        if event.event == "delivered":
            raise stop

    client = kind()
    with pytest.raises(LookupError) as raised:
        await call(client.keys.rotate([sink], journal=tmp_path, on_event=on_event))
    assert raised.value is stop
    error = stop.__cause__
    assert isinstance(error, RotationError) and error.kind == "cancelled" and error.report is not None
    assert error.report.sinks == {sink.name: "written"} and "resume" in error.hint
    assert seen[-1] == "delivered"
    await call(client.close())

    # Another client, which has the old key, goes on; or returns to the old key.
    other = kind()
    rotation = other.keys.rotation([sink], journal=tmp_path, grace=0)
    assert (await call(rotation.status())).report == error.report
    report = await call(rotation.resume())
    assert (report.state, report.new_key) == ("done", error.report.new_key)
    assert (await call(other.whoami())).id == report.new_key and len(ids(codat_emulator)) == 2
    await call(other.close())


def test_ctrl_c_in_a_function_leaves_a_rotation_that_can_be_aborted(codat_emulator: Emulator, tmp_path: Path) -> None:
    sink = Memory()

    def deliver(key: ApiKey) -> None:
        Memory.deliver(sink, key)
        raise KeyboardInterrupt

    with Client() as client:
        with pytest.raises(KeyboardInterrupt) as raised:
            client.keys.rotate([Sink(sink.name, deliver, sink.read)], journal=tmp_path)
        error = raised.value.__cause__
        assert isinstance(error, RotationError) and error.kind == "cancelled" and error.report is not None
        assert error.report.state == "deliver" and error.report.sinks == {sink.name: "writing"}
        assert client.whoami().id == "old" and len(ids(codat_emulator)) == 3
        assert client.keys.rotation([sink], journal=tmp_path).abort().state == "aborted"
    assert ids(codat_emulator) == ["old", "foreign"] and sink.expose() == KEY


def test_a_cancelled_task_leaves_a_rotation_that_can_be_finished(codat_emulator: Emulator, tmp_path: Path) -> None:
    async def main() -> None:
        sink, delivering, cancelled = Memory(), asyncio.Event(), []

        async def deliver(key: ApiKey) -> None:
            delivering.set()
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

        async with AsyncClient() as client:
            task = asyncio.ensure_future(client.keys.rotate([Sink(sink.name, deliver, sink.read)], journal=tmp_path))
            await delivering.wait()
            busy = await failure(lambda: client.keys.rotate([sink], journal=tmp_path), "busy")
            assert busy.report is None
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as raised:
                await task
            error = raised.value.__cause__
            assert isinstance(error, RotationError) and error.kind == "cancelled" and error.report is not None
            await asyncio.sleep(0)
            assert cancelled == [True] and sink.expose() == KEY
            report = await client.keys.rotation([sink], journal=tmp_path).finish()
            assert report.state == "done" and report.new_key == error.report.new_key

    asyncio.run(main())
    assert len(ids(codat_emulator)) == 2


@kinds
async def test_an_exception_rolls_the_rotation_back_and_is_the_cause(
    kind: Any, codat_emulator: Emulator, tmp_path: Path
) -> None:
    raised = OSError(f"no {KEY}")
    events: list[RotationEvent] = []
    first, second = Memory(name="first"), Memory(name="second")

    def deliver(_: ApiKey) -> None:
        second.calls.append("deliver")
        raise raised

    client = kind()
    sinks = [first, Sink("second", deliver, second.read)]
    error = await failure(lambda: client.keys.rotate(sinks, journal=tmp_path, on_event=events.append), "rolled_back")
    assert error.__cause__ is raised and KEY not in f"{error!r} {events}"
    assert str(error) == "the rotation was rolled back: second did not get the new key: deliver raised OSError"
    assert error.report is not None and error.report.state == "aborted"
    # Four deliveries of the new key, and one of the old key in the rollback.
    assert second.calls.count("deliver") == 5
    assert [event.wait for event in events if event.event == "retrying"] == [1.0, 2.0, 4.0]
    assert first.expose() == KEY and ids(codat_emulator) == ["old", "foreign"]
    assert (await call(client.whoami())).id == "old"
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.kind, copy.report, copy.code) == (str(error), error.kind, error.report, "rotation")
    with pytest.raises(AttributeError, match="cannot be changed"):
        error.report.state = "done"
    await call(client.close())


def test_a_cancellation_that_a_function_raises_is_the_cause(codat_emulator: Emulator, tmp_path: Path) -> None:
    """The rotation does not wait for the timeout of the sink."""
    memory = Memory()

    async def deliver(_: ApiKey) -> None:
        raise asyncio.CancelledError

    async def main() -> RotationError:
        async with AsyncClient() as client:
            sink = Sink(memory.name, deliver, memory.read, timeout=600)
            return await failure(lambda: client.keys.rotate([sink], journal=tmp_path), "rolled_back")

    error = asyncio.run(asyncio.wait_for(main(), 60))
    assert type(error.__cause__) is asyncio.CancelledError and "deliver raised CancelledError" in str(error)
    assert ids(codat_emulator) == ["old", "foreign"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, asyncio.CancelledError])
def test_any_exception_of_on_event_ends_an_asyncio_rotation(
    stop: type[BaseException], codat_emulator: Emulator, tmp_path: Path
) -> None:
    memory = Memory()

    def on_event(event: RotationEvent) -> None:
        if event.event == "delivered":
            raise stop

    async def main() -> None:
        async with AsyncClient() as client:
            with pytest.raises(stop) as raised:
                await client.keys.rotate([memory], journal=tmp_path, on_event=on_event)
            cause = raised.value.__cause__
            assert isinstance(cause, RotationError) and cause.kind == "cancelled"
            assert (await client.keys.rotation([memory], journal=tmp_path).abort()).state == "aborted"

    asyncio.run(main())
    assert memory.expose() == KEY
    assert ids(codat_emulator) == ["old", "foreign"]


@kinds
@pytest.mark.parametrize(
    ("read", "kind_of_error", "says"),
    [
        (lambda: 5, "sink_unavailable", "read returned int; return the key as a str"),
        (lambda: FOREIGN, "sink_occupied", "memory:billing"),
        (lambda: "no credential", "sink_occupied", "memory:billing"),
    ],
)
async def test_nothing_is_changed_for_a_sink_that_cannot_be_used(
    kind: Any, read: Callable[[], Any], kind_of_error: str, says: str, codat_emulator: Emulator, tmp_path: Path
) -> None:
    client, delivered = kind(), list[ApiKey]()
    sinks = [Memory(name="first"), Sink("memory:billing", delivered.append, read)]
    error = await failure(lambda: client.keys.rotate(sinks, journal=tmp_path), kind_of_error)
    assert says in str(error) and FOREIGN not in str(error)
    assert delivered == [] and ids(codat_emulator) == ["old", "foreign"]
    await call(client.close())


@kinds
async def test_wrong_arguments(kind: Any, codat_emulator: Emulator, tmp_path: Path) -> None:
    client = kind()
    wrong: list[tuple[type[Exception], Any, dict[str, Any], str]] = [
        (TypeError, ["file:key.txt"], {}, "argument 'sinks': a str has no function deliver"),
        (TypeError, [Sink("a", print, 5)], {}, "argument 'sinks': a Sink has no function read"),  # type: ignore[arg-type]
        (TypeError, [Sink(5, print, print)], {}, "argument 'name'"),  # type: ignore[arg-type]
        (ValueError, [Sink("a", print, lambda: None, timeout=0)], {}, "argument 'timeout'"),
        (ValueError, [Memory()], {"grace": -1}, "argument 'grace'"),
        (ValueError, [Memory()], {"grace": float("nan")}, "argument 'grace'"),
        (ValueError, [Memory()], {"grace": timedelta(seconds=-1)}, "argument 'grace'"),
        (TypeError, [Memory()], {"grace": "1h"}, "argument 'grace'"),
        (TypeError, [Memory()], {"delete_first": "old"}, "argument 'delete_first'"),
        (TypeError, [Memory()], {"journal": 5}, "argument 'journal'"),
        (TypeError, [Memory()], {"on_event": 5}, "argument 'on_event'"),
        (TypeError, [Memory()], {"on_event": AsyncMemory().deliver}, "argument 'on_event'"),
        (InvalidInputError, [Memory()], {"key": ""}, "id"),
    ]
    if kind is Client:
        wrong.append((TypeError, [AsyncMemory()], {}, "give it to AsyncClient"))
    for error, sinks, options, says in wrong:
        with pytest.raises(error, match=re.escape(says)):
            client.keys.rotation(sinks, **options)
    for sinks, options in (
        ([], {}),
        ([Memory(), Memory()], {}),
        ([Memory(name="")], {}),
        ([Memory(name=f"file:{KEY}")], {}),
        ([Memory()], {"journal_name": "../other"}),
        ([Memory()], {"grace": 1e300}),
        ([Memory()], {"key": "unknown"}),
        ([Sink("a", print, lambda: None, timeout=1e300)], {}),
    ):
        refused = await failure(client.keys.rotation(sinks, **{"journal": tmp_path, **options}).start, "invalid_input")
        assert KEY not in str(refused) and refused.hint
    assert not list(tmp_path.rglob("*.json")) or ids(codat_emulator) == ["old", "foreign"]
    await call(client.close())


@kinds
async def test_the_error_of_a_call_is_the_cause(kind: Any, codat_emulator: Emulator, tmp_path: Path) -> None:
    client = kind(api_key="MadeUpKeyThatCodatDoesNotKnow00000000000")
    error = await failure(lambda: client.keys.rotate([Memory(None)], journal=tmp_path), "api")
    assert isinstance(error.__cause__, UnauthorizedError) and error.__cause__.status == 401
    await call(client.close())


@pytest.mark.filterwarnings("ignore:coroutine")
def test_an_awaitable_of_a_function_that_is_not_async_needs_an_event_loop(tmp_path: Path) -> None:
    memory = AsyncMemory()
    sink = Sink("memory:billing", lambda key: memory.deliver(key), lambda: memory.read())

    async def waits() -> None:
        async with AsyncClient() as client:
            assert (await client.keys.rotate([sink], journal=tmp_path)).state == "grace"
            await client.keys.rotation([sink], journal=tmp_path).abort()

    asyncio.run(waits())
    with Client() as client, pytest.raises(RotationError) as raised:
        client.keys.rotate([Sink("a", print, lambda: memory.read())], journal=tmp_path)
    assert "read returned coroutine, which only AsyncClient awaits" in str(raised.value)


def test_functions_of_a_sink_run_one_at_a_time_also_after_a_timeout(codat_emulator: Emulator, tmp_path: Path) -> None:
    """The first delivery ends after its timeout. Nothing else uses the sink until then."""
    memory, running, overlaps = Memory(), threading.Lock(), []
    variable: ContextVar[str] = ContextVar("variable")

    def alone(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            assert variable.get() == "of the task"
            if not running.acquire(blocking=False):
                overlaps.append(function)
            try:
                return function(*arguments)
            finally:
                running.release()

        return run

    def deliver(key: ApiKey) -> None:
        if not memory.calls.count("deliver"):
            time.sleep(1.5)
        memory.deliver(key)

    async def main() -> None:
        variable.set("of the task")
        sink = Sink(memory.name, alone(deliver), alone(memory.read), timeout=0.3)
        async with AsyncClient() as client:
            assert (await client.keys.rotate([sink], grace=0, journal=tmp_path)).state == "done"

    asyncio.run(main())
    assert overlaps == [] and memory.calls.count("deliver") >= 1
    assert len(ids(codat_emulator)) == 2


def test_a_function_that_never_ends_is_cancelled_at_its_timeout(codat_emulator: Emulator, tmp_path: Path) -> None:
    memory, cancelled = Memory(), []

    async def deliver(_: ApiKey) -> None:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def main() -> None:
        async with AsyncClient() as client:
            sink = Sink(memory.name, deliver, memory.read, timeout=0.2)
            error = await failure(lambda: client.keys.rotate([sink], journal=tmp_path), "rolled_back")
            assert "no result arrived within the timeout" in str(error) or "TimeoutError" in str(error)

    asyncio.run(main())
    assert len(cancelled) == 5 and ids(codat_emulator) == ["old", "foreign"]


def test_a_function_can_make_calls_with_the_same_client(tmp_path: Path) -> None:
    memory = Memory()
    with Client(api_key=lambda: KEY) as client:
        seen: list[int] = []

        def deliver(key: ApiKey) -> None:
            seen.append(len(client.keys.list()))
            memory.deliver(key)

        events: list[int] = []
        sink = Sink(memory.name, deliver, memory.read)
        client.keys.rotate([sink], journal=tmp_path, on_event=lambda _: events.append(len(client.keys.list())))
    assert seen == [3] and set(events) == {2, 3}


def test_a_plan_that_waits_is_interrupted(codat_emulator: Emulator, tmp_path: Path) -> None:
    codat_emulator.set_faults([{"method": "GET", "fault": "delay-before", "milliseconds": 600_000, "count": 10}])

    async def main() -> None:
        async with AsyncClient() as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.keys.rotation([Memory()], journal=tmp_path).plan(), 0.5)

    asyncio.run(main())
    interrupts = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    # A shell that runs the tests in its background has the signal ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Client() as client, pytest.raises(KeyboardInterrupt):
            interrupts.start()
            client.keys.rotation([Memory()], journal=tmp_path).plan()
    finally:
        signal.signal(signal.SIGINT, before)
