"""Rotations by both clients: the keys afterwards, what the functions of sinks may do, and interruptions."""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import re
import signal
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from datetime import datetime, timedelta
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
    MemoryJournal,
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


class Table:
    """A journal store. ``machine`` and ``lock`` are those of a subclass."""

    def __init__(self, rows: dict[tuple[str, int], bytes] | None = None) -> None:
        self.rows = dict(rows or {})

    def list(self, name: str) -> Any:
        return {seq for journal, seq in [*self.rows] if journal == name}

    def get(self, name: str, seq: int) -> Any:
        entry = self.rows.get((name, seq))
        return entry if entry is None else memoryview(entry)

    def create(self, name: str, seq: int, entry: bytes) -> Any:
        return self.rows.setdefault((name, seq), entry) is entry

    def entries(self) -> Any:
        return [json.loads(entry) for _, entry in sorted(self.rows.items())]


class AsyncTable(Table):
    """A journal store whose functions are async."""

    async def list(self, name: str) -> Any:
        await asyncio.sleep(0)
        return super().list(name)

    async def get(self, name: str, seq: int) -> Any:
        await asyncio.sleep(0)
        return super().get(name, seq)

    async def create(self, name: str, seq: int, entry: bytes) -> Any:
        await asyncio.sleep(0)
        return super().create(name, seq, entry)


class LockedTable(Table):
    """A journal store with a lock, which ends with the process."""

    machine = "this machine"

    def __init__(self, rows: dict[tuple[str, int], bytes] | None = None) -> None:
        super().__init__(rows)
        self.held, self.locked, self.released = False, 0, 0

    def lock(self, name: str) -> Any:
        if self.held:
            return False
        self.held, self.locked = True, self.locked + 1

        def release() -> None:
            self.held, self.released = False, self.released + 1

        return release


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


def test_another_rotation_waits_for_a_thread_that_still_delivers(codat_emulator: Emulator, tmp_path: Path) -> None:
    memory, delivering, end = Memory(), threading.Event(), threading.Event()

    def deliver(key: ApiKey) -> None:
        delivering.set()
        end.wait(60)
        memory.deliver(key)

    async def main() -> None:
        async with AsyncClient() as client:
            slow = Sink(memory.name, deliver, memory.read)
            task = asyncio.ensure_future(client.keys.rotate([slow], journal=tmp_path))
            await asyncio.to_thread(delivering.wait, 60)
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                # The traceback refers to the frames of the interrupted rotation.
                aborted = asyncio.ensure_future(client.keys.rotation([memory], journal=tmp_path).abort())
                await asyncio.sleep(0.3)
                assert memory.calls.count("deliver") == 0
                end.set()
                assert (await aborted).state == "aborted"

    asyncio.run(asyncio.wait_for(main(), 60))
    assert memory.expose() == KEY and ids(codat_emulator) == ["old", "foreign"]


@pytest.mark.parametrize(("verb", "state"), [("abort", "aborted"), ("finish", "done")])
def test_the_handler_of_an_interruption_can_continue(
    verb: str, state: str, codat_emulator: Emulator, tmp_path: Path
) -> None:
    """The traceback of the interruption refers to the frames of the interrupted function."""
    memory = Memory()

    def interrupted(_: ApiKey) -> None:
        raise KeyboardInterrupt

    with Client() as client:
        try:
            client.keys.rotate([Sink(memory.name, interrupted, memory.read)], journal=tmp_path)
        except KeyboardInterrupt:
            assert getattr(client.keys.rotation([memory], journal=tmp_path), verb)().state == state

    async def main() -> None:
        delivering = asyncio.Event()

        async def deliver(_: ApiKey) -> None:
            delivering.set()
            await asyncio.sleep(600)

        async with AsyncClient(api_key=memory.expose()) as client:
            task = asyncio.ensure_future(
                client.keys.rotate([Sink(memory.name, deliver, memory.read)], journal=tmp_path)
            )
            await delivering.wait()
            task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                report = await getattr(client.keys.rotation([memory], journal=tmp_path), verb)()
                assert report.state == state

    asyncio.run(asyncio.wait_for(main(), 60))
    assert len(ids(codat_emulator)) == 2


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
        (TypeError, [Sink("a", print)], {}, "argument 'sinks': a Sink has neither a function read nor confirm"),
        (TypeError, [Sink("a", print, confirm=5)], {}, "argument 'sinks': a Sink has no function confirm"),  # type: ignore[arg-type]
        (ValueError, [Memory()], {"lease": -1}, "argument 'lease'"),
        (TypeError, [Memory()], {"lease": "1h"}, "argument 'lease'"),
        (ValueError, [Memory()], {"probe_timeout": -1}, "argument 'probe_timeout'"),
        (TypeError, [Memory()], {"journal": Memory()}, "argument 'journal': a Memory has no function list"),
        (TypeError, [Memory()], {"on_event": 5}, "argument 'on_event'"),
        (TypeError, [Memory()], {"on_event": AsyncMemory().deliver}, "argument 'on_event'"),
        (InvalidInputError, [Memory()], {"key": ""}, "id"),
    ]
    if kind is Client:
        wrong.append((TypeError, [AsyncMemory()], {}, "give it to AsyncClient"))
        wrong.append((TypeError, [Memory()], {"journal": AsyncTable()}, "give it to AsyncClient"))
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
        ([Memory()], {"lease": 119}),
        ([Memory()], {"lease": timedelta(days=2)}),
        ([Sink("a", print, lambda: None, timeout=100)], {"lease": 199}),
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
            error = await failure(lambda: client.keys.rotate([sink], journal=tmp_path), "unfinished")
            assert "no result arrived within the timeout; check it, and abort the rotation again" in str(error)
            # The function was run four times with the new key, and four times with the old key.
            while len(cancelled) < 8:
                await asyncio.sleep(0.01)
            assert len(cancelled) == 8 and len(ids(codat_emulator)) == 3
            assert (await client.keys.rotation([sink], journal=tmp_path).abort()).state == "aborted"

    asyncio.run(asyncio.wait_for(main(), 120))
    assert ids(codat_emulator) == ["old", "foreign"]


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


@kinds
@pytest.mark.parametrize("is_async", [False, True])
async def test_a_sink_that_cannot_be_read_confirms_the_key(
    kind: Any, is_async: bool, codat_emulator: Emulator, tmp_path: Path
) -> None:
    if is_async and kind is Client:
        pytest.skip("only an event loop runs async functions")
    delivered: list[ApiKey] = []
    asked: list[ApiKey] = []

    def confirm(key: ApiKey) -> bool:
        asked.append(key)
        return len(asked) > 1

    async def confirm_later(key: ApiKey) -> bool:
        await asyncio.sleep(0)
        return confirm(key)

    client = kind()
    sink = Sink("remote", delivered.append, confirm=confirm_later if is_async else confirm)
    rotation = client.keys.rotation([sink, Memory()], journal=tmp_path)
    assert (await call(rotation.plan())).sinks == {"remote": "unreadable", "memory:billing": "old"}
    report = await call(rotation.start())
    assert report.sinks == {"remote": "confirmed", "memory:billing": "confirmed"} and len(asked) == 2
    assert (await call(rotation.finish())).state == "done" and len(asked) == 3
    new = (await call(client.whoami())).api_key
    assert delivered == [new] and asked == [new] * 3
    assert ids(codat_emulator) == ["foreign", report.new_key]
    await call(client.close())


@kinds
@pytest.mark.parametrize(
    ("confirmed", "says"),
    [(False, "do not have the key yet"), (1, "confirm returned int; return True if the programs have the key")],
)
async def test_a_key_that_is_not_confirmed_is_rolled_back(
    kind: Any, confirmed: Any, says: str, codat_emulator: Emulator, tmp_path: Path
) -> None:
    client, delivered, asked = kind(), list[ApiKey](), list[ApiKey]()

    def confirm(key: ApiKey) -> Any:
        asked.append(key)
        return key == ApiKey(KEY) or confirmed

    sink = Sink("remote", delivered.append, confirm=confirm)
    error = await failure(lambda: client.keys.rotate([sink], journal=tmp_path), "rolled_back")
    assert says in str(error) and len(asked) == (2 if confirmed else 5)
    # The old key is restored in the sink, and confirmed.
    assert [asked[-1], delivered[-1]] == [ApiKey(KEY)] * 2 and len(delivered) == 2
    assert ids(codat_emulator) == ["old", "foreign"]
    await call(client.close())


@kinds
async def test_the_timeout_of_the_probe_and_the_lease_are_options(kind: Any, codat_emulator: Emulator) -> None:
    rejects = {"method": "GET", "path": "/apiKeys", "fault": "status", "status": 401, "count": 1}

    def on_event(event: RotationEvent) -> None:
        if event.event == "created":
            codat_emulator.set_faults([rejects])

    client = kind()
    sink, table = Memory(), Table()
    rotation = client.keys.rotation([sink], journal=table, probe_timeout=0, on_event=on_event)
    error = await failure(rotation.start, "rolled_back")
    assert "the new key does not work" in str(error) and ids(codat_emulator) == ["old", "foreign"]

    lease = timedelta(minutes=10)
    report = await call(client.keys.rotate([sink], journal=table, lease=lease, on_event=on_event))
    assert report.state == "grace"
    leases = {datetime.fromisoformat(entry["expires"][:19]) - datetime.fromisoformat(entry["written"][:19])
              for entry in table.entries() if entry["rotation"].get("new_key") == report.new_key}  # fmt: skip
    # The last entry ends the lease.
    assert {round(lease.total_seconds(), -1) for lease in leases} == {600, 0}
    await call(client.close())


@kinds
@pytest.mark.parametrize("store", [Table, AsyncTable, LockedTable, MemoryJournal])
async def test_a_journal_in_a_store_of_the_program(kind: Any, store: Any, codat_emulator: Emulator) -> None:
    if store is AsyncTable and kind is Client:
        pytest.skip("only an event loop runs async functions")
    sink, journal, client = Memory(), store(), kind()
    stop = LookupError("enough")

    def on_event(event: RotationEvent) -> None:
        if event.event == "delivered":
            raise stop

    rotation = client.keys.rotation([sink], journal=journal, journal_name="payments", on_event=on_event)
    assert await call(rotation.status()) is None
    with pytest.raises(LookupError):
        await call(rotation.start())
    error = stop.__cause__
    assert isinstance(error, RotationError) and error.kind == "cancelled" and error.report is not None
    # The cancelled rotation has released its lease, and the lock.
    status = await call(rotation.status())
    assert status.report == error.report and status.holder is None
    again = client.keys.rotation([sink], journal=journal, journal_name="payments")
    assert (await failure(again.start, "in_progress")).report == error.report
    assert (await call(client.keys.rotation([sink], journal=journal).status())) is None
    report = await call(again.finish())
    assert (report.state, report.new_key) == ("done", error.report.new_key)
    assert len(ids(codat_emulator)) == 2
    if isinstance(journal, Table):
        written = repr(journal.rows)
        assert sink.expose() not in written and KEY not in written and "memory:billing" in written
        assert [seq for _, seq in sorted(journal.rows)] == list(range(1, len(journal.rows) + 1))
    if isinstance(journal, LockedTable):
        assert not journal.held and journal.locked == journal.released == 3
        journal.held = True
        assert "another process of this machine" in str(await failure(again.start, "busy"))
    await call(client.close())


@kinds
async def test_a_killed_process_is_waited_for_unless_the_journal_has_a_lock(
    kind: Any, codat_emulator: Emulator
) -> None:
    sink, rows = Memory(), list[dict[tuple[str, int], bytes]]()
    journal, client = LockedTable(), kind()

    def on_event(event: RotationEvent) -> None:
        if event.event == "delivered":
            rows.append(dict(journal.rows))
            raise LookupError

    with pytest.raises(LookupError):
        await call(client.keys.rotate([sink], journal=journal, on_event=on_event))
    # As if the process had been killed at this event.
    killed = rows[0]
    for table in (Table(killed), type("OfAnother", (LockedTable,), {"machine": "another"})(killed)):
        error = await failure(client.keys.rotation([sink], journal=table).resume, "busy")
        assert f"the process {os.getpid()}-" in str(error)
    report = await call(client.keys.rotation([sink], journal=LockedTable(killed), grace=0).resume())
    assert report.state == "done" and len(ids(codat_emulator)) == 2
    await call(client.close())


@kinds
@pytest.mark.parametrize("function", ["list", "get", "create", "lock"])
async def test_an_exception_of_a_store_is_the_cause_and_the_rotation_can_be_resumed(
    kind: Any, function: str, codat_emulator: Emulator
) -> None:
    client, sink, journal = kind(), Memory(), LockedTable()
    raised, broken = OSError(f"no {KEY}"), [function in ("create", "lock")]

    def fails(*arguments: Any) -> Any:
        if broken[0] and (function != "create" or len(journal.rows) == 5):
            broken[0] = False
            raise raised
        return getattr(LockedTable, function)(journal, *arguments)

    setattr(journal, function, fails)
    rotation = client.keys.rotation([sink], journal=journal, grace=0)
    if function in ("list", "get"):
        # The store fails when the rotation is resumed.
        def on_event(event: RotationEvent) -> None:
            if event.event == "delivered":
                raise LookupError

        with pytest.raises(LookupError):
            await call(client.keys.rotate([sink], journal=journal, on_event=on_event))
        broken[0] = True
        error = await failure(rotation.resume, "journal")
    else:
        error = await failure(rotation.start, "journal")
    assert f"the journal `default` cannot be used: {function} raised OSError" == str(error)
    assert error.__cause__ is raised and KEY not in repr(error) and not journal.held
    resume = rotation.start if function == "lock" else rotation.resume
    if function == "create":
        # The lease has not ended, but the process that had it has released its lock.
        assert error.report is not None and error.report.state in ("probe", "deliver", "create")
    assert (await call(resume())).state == "done" and len(ids(codat_emulator)) == 2
    await call(client.close())


@kinds
@pytest.mark.parametrize(
    ("function", "returned", "says"),
    [
        ("list", None, "list returned NoneType; return the numbers of the entries"),
        ("list", ["1"], "list returned list; return the numbers of the entries"),
        ("get", "text", "get returned str; return the entry as bytes, or None"),
        ("create", None, "create returned NoneType; return True if the entry was created"),
        ("lock", True, "lock returned bool; return a function that releases the lock"),
        ("get", b"no entry", "is not an entry of a rotation"),
        ("get", None, "is missing"),
    ],
)
async def test_a_store_that_returns_another_value(
    kind: Any, function: str, returned: Any, says: str, codat_emulator: Emulator
) -> None:
    client, sink, journal = kind(), Memory(), LockedTable({("default", 1): b""} if function == "get" else None)
    setattr(journal, function, lambda *_: returned)
    error = await failure(client.keys.rotation([sink], journal=journal).start, "journal")
    assert says in str(error) and ids(codat_emulator) == ["old", "foreign"]
    await call(client.close())


def test_a_store_that_never_ends_ends_the_rotation(codat_emulator: Emulator) -> None:
    cancelled: list[bool] = []

    class Endless(AsyncTable):
        timeout = 0.3

        async def create(self, name: str, seq: int, entry: bytes) -> Any:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                cancelled.append(True)
                raise

    async def main() -> None:
        async with AsyncClient() as client:
            error = await failure(lambda: client.keys.rotate([Memory()], journal=Endless()), "journal")
            assert "no result of create arrived within the timeout" in str(error) or "TimeoutError" in str(error)
            await asyncio.sleep(0)
        assert cancelled == [True]

    asyncio.run(asyncio.wait_for(main(), 60))
    assert ids(codat_emulator) == ["old", "foreign"]


def test_ctrl_c_in_a_function_of_a_store_leaves_a_rotation_that_can_be_resumed(codat_emulator: Emulator) -> None:
    class Interrupted(Table):
        interrupted = 0

        def create(self, name: str, seq: int, entry: bytes) -> Any:
            if seq == 4 and not self.interrupted:
                self.interrupted += 1
                raise KeyboardInterrupt
            return super().create(name, seq, entry)

    sink, journal = Memory(), Interrupted()
    with Client() as client:
        with pytest.raises(KeyboardInterrupt) as raised:
            client.keys.rotate([sink], journal=journal)
        error = raised.value.__cause__
        assert isinstance(error, RotationError) and error.kind == "cancelled" and error.report is not None
        rotation = client.keys.rotation([sink], journal=journal, grace=0)
        status = rotation.status()
        assert status is not None and status.holder is None
        assert rotation.resume().state == "done"
    assert len(ids(codat_emulator)) == 2


def test_a_cancelled_task_releases_the_lease_in_an_async_store(codat_emulator: Emulator) -> None:
    async def main() -> None:
        sink, delivering, journal = Memory(), asyncio.Event(), AsyncTable()

        async def deliver(_: ApiKey) -> None:
            delivering.set()
            await asyncio.sleep(600)

        async with AsyncClient() as client:
            task = asyncio.ensure_future(client.keys.rotate([Sink(sink.name, deliver, sink.read)], journal=journal))
            await delivering.wait()
            await failure(client.keys.rotation([sink], journal=journal).resume, "busy")
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as raised:
                await task
            assert isinstance(raised.value.__cause__, RotationError) and raised.value.__cause__.kind == "cancelled"
            assert (await client.keys.rotation([sink], journal=journal).abort()).state == "aborted"

    asyncio.run(asyncio.wait_for(main(), 60))
    assert ids(codat_emulator) == ["old", "foreign"]


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


@kinds
async def test_a_key_in_the_place_of_another_text_is_refused_and_masked(
    kind: Any, codat_emulator: Emulator, tmp_path: Path
) -> None:
    class OfMachine(Table):
        machine = f"machine {KEY}"

    client, unknown = kind(), "MadeUpKeyForTheTests0123456789abcdefGhIj"
    assert unknown not in repr(Sink(unknown, print, print))
    for key in (KEY, unknown):
        OfMachine.machine = f"machine {key}"
        for journal in (tmp_path / key, Path("/proc") / key, OfMachine()):
            error = await failure(client.keys.rotation([Memory()], journal=journal).start, "invalid_input")
            assert key not in f"{error!r} {error}" and "contains an API key" in str(error)
    assert ids(codat_emulator) == ["old", "foreign"] and not list(tmp_path.iterdir())
    await call(client.close())


@kinds
async def test_a_rotation_is_resumed_as_soon_as_its_store_works(kind: Any, codat_emulator: Emulator) -> None:
    class Fails(Table):
        def create(self, name: str, seq: int, entry: bytes) -> Any:
            if seq == 4 and not failed:
                failed.append(seq)
                raise OSError("no space")
            return super().create(name, seq, entry)

    client, failed, journal = kind(), list[int](), Fails()
    await failure(lambda: client.keys.rotate([Memory()], journal=journal), "journal")
    assert (await call(client.keys.rotation([Memory()], journal=journal, grace=0).resume())).state == "done"
    assert len(ids(codat_emulator)) == 2
    await call(client.close())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_of_a_function_does_not_keep_the_lock_of_the_journal(codat_emulator: Emulator, tmp_path: Path) -> None:
    children, memory = list[int](), Memory()

    def deliver(key: ApiKey) -> None:
        children.append(os.fork())
        if children[-1] == 0:
            time.sleep(600)
            os._exit(0)
        memory.deliver(key)

    try:
        with Client() as client:
            sink = Sink(memory.name, deliver, memory.read)
            assert client.keys.rotate([sink], journal=tmp_path).state == "grace"
            assert client.keys.rotation([memory], journal=tmp_path).finish().state == "done"
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert len(children) == 1 and len(ids(codat_emulator)) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_does_not_wait_for_a_function_of_its_parent(codat_emulator: Emulator, tmp_path: Path) -> None:
    memory, delivering, end = Memory(), threading.Event(), threading.Event()

    def deliver(key: ApiKey) -> None:
        delivering.set()
        end.wait(60)
        memory.deliver(key)

    client = Client()
    rotation = client.keys.rotation([Sink(memory.name, deliver, memory.read)], journal=tmp_path)
    thread = threading.Thread(target=rotation.start, daemon=True)
    thread.start()
    assert delivering.wait(60)
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if rotation.plan().sinks == {memory.name: "old"} else 1)
    status = os.waitpid(child, 0)[1]
    end.set()
    thread.join(60)
    assert status == 0 and rotation.finish().state == "done" and len(ids(codat_emulator)) == 2
    client.close()


@kinds
@pytest.mark.parametrize("in_folder", [True, False])
async def test_a_rotation_does_not_wait_for_a_function_of_a_rotation_with_another_store(
    kind: Any, in_folder: bool, codat_emulator: Emulator, tmp_path: Path
) -> None:
    delivering, end = threading.Event(), threading.Event()
    stores = [tmp_path / "a", tmp_path / "b"] if in_folder else [MemoryJournal(), MemoryJournal()]
    slow, memory = Memory(name="store"), Memory(FOREIGN, name="store")

    def deliver(key: ApiKey) -> None:
        delivering.set()
        end.wait(60)
        slow.deliver(key)

    def rotates() -> None:
        with Client() as client:
            client.keys.rotate([Sink("store", deliver, slow.read)], journal=stores[0])

    thread = threading.Thread(target=rotates, daemon=True)
    thread.start()
    assert delivering.wait(60)
    client = kind(api_key=FOREIGN)
    quick = Sink("store", memory.deliver, memory.read, timeout=2)
    report = await call(client.keys.rotate([quick], journal=stores[1], grace=0))
    assert report.state == "done" and slow.calls.count("deliver") == 0
    end.set()
    await asyncio.to_thread(thread.join, 60) if kind is AsyncClient else thread.join(60)
    await call(client.close())
    assert len(ids(codat_emulator)) == 3


@pytest.mark.parametrize("at", [1, 2, 4])
def test_ctrl_c_after_an_entry_was_created_leaves_a_rotation_that_can_be_resumed(
    at: int, codat_emulator: Emulator
) -> None:
    class Interrupted(Table):
        interrupted = 0

        def create(self, name: str, seq: int, entry: bytes) -> Any:
            created = super().create(name, seq, entry)
            if seq == at and not self.interrupted:
                self.interrupted += 1
                raise KeyboardInterrupt
            return created

    sink, journal = Memory(), Interrupted()
    with Client() as client:
        rotation = client.keys.rotation([sink], journal=journal, grace=0)
        with pytest.raises(KeyboardInterrupt) as raised:
            rotation.start()
        error = raised.value.__cause__
        assert isinstance(error, RotationError) and error.kind == "cancelled" and error.report is not None
        status = rotation.status()
        assert status is not None and status.holder is None and status.report == error.report
        assert (rotation.start if at == 1 else rotation.resume)().state == "done"
    assert len(ids(codat_emulator)) == 2


@pytest.mark.parametrize("function", ["list", "get", "lock"])
def test_ctrl_c_before_the_first_entry_is_a_cancellation(function: str, codat_emulator: Emulator) -> None:
    journal = LockedTable({("default", 1): b""})

    def interrupted(*_: Any) -> Any:
        raise KeyboardInterrupt

    setattr(journal, function, interrupted)
    with Client() as client:
        with pytest.raises(KeyboardInterrupt) as raised:
            client.keys.rotate([Memory()], journal=journal)
        error = raised.value.__cause__
        assert isinstance(error, RotationError) and error.kind == "cancelled" and error.report is None
    assert not journal.held and ids(codat_emulator) == ["old", "foreign"]


@pytest.mark.parametrize("function", ["list", "lock"])
def test_a_cancellation_does_not_wait_for_a_store_that_hangs(function: str, codat_emulator: Emulator) -> None:
    journal, reached, end, left = LockedTable(), threading.Event(), threading.Event(), threading.Event()

    def hangs(*arguments: Any) -> Any:
        reached.set()
        end.wait(60)
        try:
            return getattr(LockedTable, function)(journal, *arguments)
        finally:
            left.set()

    setattr(journal, function, hangs)

    async def main() -> None:
        async with AsyncClient() as client:
            task = asyncio.ensure_future(client.keys.rotate([Memory()], journal=journal))
            assert await asyncio.to_thread(reached.wait, 60)
            task.cancel()
            # The time limit of the function is 30 s.
            done, _ = await asyncio.wait([task], timeout=15)
            ended = bool(done)
            end.set()
            with pytest.raises(asyncio.CancelledError) as raised:
                await task
            assert ended, "the cancellation has waited"
            error = raised.value.__cause__
            assert isinstance(error, RotationError) and error.kind == "cancelled" and error.report is None
            assert await asyncio.to_thread(left.wait, 60)
            # The lock arrives after the cancellation, and is released.
            while journal.locked != 1 or journal.held:
                await asyncio.sleep(0.01)
            assert journal.released == 1

    asyncio.run(asyncio.wait_for(main(), 60))
    assert ids(codat_emulator) == ["old", "foreign"]
