"""Forks, signals, cancellation, threads and interpreter shutdown: each in a child process, judged from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from codat_keys import AsyncClient, Client, Creation, OutcomeUnknownError
from codat_keys.testing import Emulator

FOREVER = [{"fault": "delay-before", "milliseconds": 600_000, "count": 100}]


def start(program: str) -> subprocess.Popen[str]:
    """Runs a program in a child, which finds the emulator by its environment."""
    begin = """import asyncio, os, signal, sys, threading, time
from codat_keys import AsyncClient, Client
# A shell that runs the tests in its background has it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
"""
    program = begin + textwrap.dedent(program)
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def end(child: subprocess.Popen[str]) -> tuple[str, str]:
    """What it wrote to standard output and error."""
    try:
        return child.communicate(timeout=60)
    finally:
        child.kill()


def run(program: str) -> str:
    child = start(program)
    said, complained = end(child)
    assert child.returncode == 0, (child.returncode, said, complained)
    return said


def until(seen: object, emulator: Emulator) -> None:
    """Waits until the journal shows it."""
    assert callable(seen)
    for _ in range(2000):
        if seen(emulator.journal()):
            return
        time.sleep(0.005)
    raise AssertionError(emulator.journal())


FORKS = """
    def child(works):
        pid = os.fork()
        if pid == 0:
            import signal
            signal.alarm(20)
            try:
                works()
            except BaseException:
                import traceback
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        return pid

    def forks(works):
        works()
        for _ in range(10):
            children = [child(works) for _ in range(10)]
            works()
            assert [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children] == [0] * 10
            works()
"""


@pytest.mark.skipif(not hasattr(os, "fork") or sys.version_info < (3, 9), reason="no fork here")
@pytest.mark.parametrize("works", ["client.keys.list()", "asyncio.run(waits())"])
def test_a_hundred_forks_answer(works: str) -> None:
    run(
        FORKS
        + f"""
    client, waiting = Client(), AsyncClient()
    async def waits():
        assert len(await waiting.keys.list()) == 1
    forks(lambda: {works})
    """
    )


def test_multiprocessing_answers() -> None:
    run(
        """
    import multiprocessing
    client = Client()
    client.keys.list()
    def count(_):
        return len(client.keys.list())
    with multiprocessing.get_context("fork").Pool(4) as pool:
        assert pool.map(count, range(40)) == [1] * 40
    """
    )


def test_ctrl_c_interrupts_a_blocking_call(codat_emulator: Emulator) -> None:
    codat_emulator.set_faults(FOREVER)
    for program in ("Client().keys.list()", "Client().keys.create('ci')", "asyncio.run(AsyncClient().keys.list())"):
        codat_emulator.clear_journal()
        child = start(program)
        until(lambda journal: journal, codat_emulator)
        begun = time.monotonic()
        child.send_signal(signal.SIGINT)
        _, complained = end(child)
        assert time.monotonic() - begun < 20, "by itself it ends after 30 s"
        assert complained.rstrip().endswith("KeyboardInterrupt"), complained
        assert "panicked" not in complained


def test_an_interrupted_ambiguous_change_keeps_what_is_known(codat_emulator: Emulator) -> None:
    codat_emulator.set_faults([{"method": "POST", "fault": "delay-after", "milliseconds": 600_000}])
    child = start("Client().keys.create('ci')")
    until(lambda journal: len(journal) == 2, codat_emulator)
    child.send_signal(signal.SIGINT)
    _, complained = end(child)
    assert "OutcomeUnknownError" in complained and complained.rstrip().endswith("KeyboardInterrupt"), complained


def test_an_interrupt_just_before_the_answer_loses_no_key(codat_emulator: Emulator) -> None:
    codat_emulator.set_faults([{"method": "POST", "fault": "delay-after", "milliseconds": 25, "count": 8}])
    run(
        """
    from codat_keys import OutcomeUnknownError
    client = Client()
    for _ in range(8):
        made = None
        try:
            threading.Timer(0.01, os.kill, (os.getpid(), signal.SIGINT)).start()
        except KeyboardInterrupt:
            # On a busy machine, the signal can arrive before the call.
            continue
        try:
            made = client.keys.create("ci")
            time.sleep(60)
        except KeyboardInterrupt as interrupted:
            assert made or isinstance(interrupted.__cause__, OutcomeUnknownError), repr(interrupted.__cause__)
    """
    )


@pytest.mark.parametrize("how", ["request", "stream"])
def test_an_interrupt_just_before_the_answer_hides_no_change(how: str, codat_emulator: Emulator) -> None:
    codat_emulator.set_faults([{"fault": "delay-after", "milliseconds": 25, "count": 1000}])
    run(
        f"""
    from codat_keys import OutcomeUnknownError
    client = Client()
    def is_explained(call, seconds):
        ended = False
        try:
            threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT)).start()
        except KeyboardInterrupt:
            # On a busy machine, the signal can arrive before the call.
            return True
        try:
            call()
            ended = True
            time.sleep(60)
        except KeyboardInterrupt as interrupted:
            return ended or isinstance(interrupted.__cause__, OutcomeUnknownError)
    def create():
        answer = client.{how}("POST", "/apiKeys", json={{"name": "ci"}})
        return answer.__enter__() if "{how}" == "stream" else answer
    for _ in range(4):
        assert is_explained(create, 0.01)
    for key in client.keys.find("ci"):
        # The list before the deletion takes at least 25 ms.
        is_known = is_explained(lambda: client.keys.delete(key.id), 0.04)
        assert is_known or key.id in [listed.id for listed in client.keys.list()]
    """
    )


def test_an_interrupt_while_the_error_is_built_keeps_the_outcome() -> None:
    # The signal arrives shortly before the end of the call, while the binding no longer waits.
    run(
        """
    import socket
    from codat_keys import OutcomeUnknownError
    server = socket.create_server(("127.0.0.1", 0))
    def serve():
        while True:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=serve, daemon=True).start()
    client = Client(retry=False, base_url=f"http://127.0.0.1:{server.getsockname()[1]}")
    for _ in range(20):
        try:
            client.request("POST", "/apiKeys", json={"name": "ci"})
        except KeyboardInterrupt as interrupted:
            assert isinstance(interrupted.__cause__, OutcomeUnknownError), repr(interrupted.__cause__)
    """
    )


def test_a_handlers_own_cause_stays(codat_emulator: Emulator) -> None:
    codat_emulator.set_faults([{"method": "POST", "fault": "delay-after", "milliseconds": 600_000}])
    run(
        """
    from codat_keys import OutcomeUnknownError
    def handler(*_):
        raise LookupError from ValueError("of the handler's")
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        Client().keys.create("ci")
    except LookupError as raised:
        own = raised.__cause__
    assert isinstance(own, ValueError) and isinstance(own.__cause__, OutcomeUnknownError), own
    """
    )


def test_a_handler_makes_calls_of_its_own(codat_emulator: Emulator) -> None:
    codat_emulator.set_faults([{"path": "/profile", "fault": "delay-before", "milliseconds": 600}])
    said = run(
        """
    client = Client()
    signal.signal(signal.SIGALRM, lambda *_: print(len(client.keys.list())))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    print(client.request("GET", "/profile").status)
    """
    )
    assert said == "1\n200\n"


def no_readers() -> asyncio.AbstractEventLoop:
    """As the loops of Windows, which can only be called."""

    def refuse(*_: object) -> None:
        raise NotImplementedError

    loop = asyncio.new_event_loop()
    setattr(loop, "add_reader", refuse)
    return loop


def uvloop() -> asyncio.AbstractEventLoop:
    # There is none for Windows.
    loop: asyncio.AbstractEventLoop = pytest.importorskip("uvloop").new_event_loop()
    return loop


@pytest.fixture(params=[asyncio.new_event_loop, no_readers, uvloop])
def loop(request: pytest.FixtureRequest) -> Iterator[asyncio.AbstractEventLoop]:
    loop = request.param()
    yield loop
    loop.close()


def test_cancelling_closes_the_connection(loop: asyncio.AbstractEventLoop, codat_emulator: Emulator) -> None:
    codat_emulator.set_faults(FOREVER)
    closed = lambda journal: journal[0].get("ended") == "client-closed"  # noqa: E731

    async def cancels() -> None:
        task = asyncio.ensure_future(AsyncClient().keys.list())
        await asyncio.to_thread(until, lambda journal: journal, codat_emulator)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await task
        assert cancelled.value.__cause__ is None, "there is nothing to say of a list"
        await asyncio.to_thread(until, closed, codat_emulator)
        assert len(codat_emulator.journal()) == 1, "the request was not sent again"

    loop.run_until_complete(cancels())


@pytest.mark.parametrize("times", [1, 2])
def test_a_change_that_is_cancelled_says_what_is_known(
    times: int, loop: asyncio.AbstractEventLoop, codat_emulator: Emulator
) -> None:
    codat_emulator.set_faults([{"method": "POST", "fault": "delay-after", "milliseconds": 2000}])

    async def cancels() -> Creation:
        client = AsyncClient()
        task = asyncio.ensure_future(client.keys.create("ci"))
        await asyncio.to_thread(until, lambda journal: len(journal) == 2, codat_emulator)
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await task
        known = cancelled.value.__cause__
        assert isinstance(known, OutcomeUnknownError) and known.idempotency_key
        codat_emulator.set_faults([])
        return await client.keys.create("ci", idempotency_key=known.idempotency_key)

    assert loop.run_until_complete(cancels()).how == "replayed"
    assert [key.get("name") for key in codat_emulator.state()["keys"]] == [None, "ci"]


async def cause_after_answer(
    call: Coroutine[Any, Any, object],
    is_answered: Callable[[list[dict[str, object]]], bool],
    turns: int,
    codat_emulator: Emulator,
) -> BaseException | None:
    """Cancels a call whose answer has arrived. Returns the cause of the cancellation."""
    task = asyncio.ensure_future(call)
    await asyncio.sleep(0)
    # The loop is busy until long after the answer, and sees it before or together with the cancellation.
    until(is_answered, codat_emulator)
    # Time for the client's thread to read it. Only the loop could report this. If it is too early, another case is
    # tested.
    time.sleep(0.3)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task
    return cancelled.value.__cause__


@pytest.mark.parametrize("turns", [0, 1])
def test_a_key_in_hand_is_not_lost_with_the_task(turns: int, codat_emulator: Emulator) -> None:
    def is_answered(journal: list[dict[str, object]]) -> bool:
        return len(journal) == 2 and "status" in journal[1]

    async def cancels() -> BaseException | None:
        return await cause_after_answer(AsyncClient().keys.create("ci"), is_answered, turns, codat_emulator)

    known = asyncio.run(cancels())
    assert isinstance(known, OutcomeUnknownError), known
    assert [key.name for key in known.candidates or []] == ["ci"]


@pytest.mark.parametrize("turns", [0, 1])
@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_a_change_in_hand_is_not_hidden_by_the_cancellation(method: str, turns: int, codat_emulator: Emulator) -> None:
    key = Client().keys.create("old").key

    def is_answered(journal: list[dict[str, object]]) -> bool:
        return any(sent["method"] == method and "status" in sent for sent in journal[2:])

    async def cancels() -> BaseException | None:
        client = AsyncClient()
        if method == "DELETE":
            return await cause_after_answer(client.keys.delete(key.id), is_answered, turns, codat_emulator)
        call = client.request("POST", "/apiKeys", json={"name": "ci"})
        return await cause_after_answer(call, is_answered, turns, codat_emulator)

    known = asyncio.run(cancels())
    assert isinstance(known, OutcomeUnknownError) and "interrupted before it could return" in str(known), known


def test_sixty_four_calls_wait_at_once(loop: asyncio.AbstractEventLoop, codat_emulator: Emulator) -> None:
    codat_emulator.set_faults(FOREVER)

    def all_wait(journal: list[dict[str, object]]) -> bool:
        return len(journal) == 64 and not any("ended" in request for request in journal)

    async def waits() -> list[int]:
        async with AsyncClient() as client:
            calls = asyncio.gather(*(client.keys.list() for _ in range(64)))
            await asyncio.to_thread(until, all_wait, codat_emulator)
            calls.cancel()
            with pytest.raises(asyncio.CancelledError):
                await calls
            codat_emulator.set_faults([])
            return [len(keys) for keys in await asyncio.gather(*(client.keys.list() for _ in range(64)))]

    assert loop.run_until_complete(waits()) == [1] * 64


def test_many_loops_in_many_threads() -> None:
    client = AsyncClient()

    async def lists() -> int:
        return sum(len(keys) for keys in await asyncio.gather(*(client.keys.list() for _ in range(8))))

    counted: list[int] = []
    threads = [threading.Thread(target=lambda: counted.append(asyncio.run(lists()))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted == [8] * 16


def test_the_gil_is_free_while_a_call_waits(codat_emulator: Emulator) -> None:
    codat_emulator.set_faults([{"fault": "delay-before", "milliseconds": 600_000}])
    run(
        """
    client = Client(timeout=2)
    def waits():
        try:
            client.keys.list()
        except Exception:
            pass
    thread = threading.Thread(target=waits)
    thread.start()
    ticks = 0
    while thread.is_alive():
        ticks += 1
        time.sleep(0.001)
    assert ticks > 100, ticks
    """
    )


@pytest.mark.parametrize(
    "program",
    [
        "threading.Thread(target=Client().keys.list, daemon=True).start(); time.sleep(0.3)",
        "async def main():\n    asyncio.ensure_future(AsyncClient().keys.list()); await asyncio.sleep(0.3)\n"
        "asyncio.run(main())",
        "client = AsyncClient(); loop = asyncio.new_event_loop(); task = loop.create_task(client.keys.list())\n"
        "loop.call_later(0.3, loop.stop); loop.run_forever()",
    ],
)
def test_the_interpreter_ends_with_calls_in_flight(program: str, codat_emulator: Emulator) -> None:
    codat_emulator.set_faults(FOREVER)
    child = start(program)
    _, complained = end(child)
    assert child.returncode == 0 and "panicked" not in complained, complained


def test_an_exception_of_a_signal_handler_anywhere_in_the_loop_loses_no_result() -> None:
    # Signal handlers run where Python calls a function, and where a function in C returns. A profiler raises there.
    run(
        """
    client, loop, profilers = AsyncClient(), asyncio.new_event_loop(), []
    class Raised(BaseException):
        pass
    def is_of_settle(frame):
        while frame is not None and frame.f_code.co_name != "_settle":
            frame = frame.f_back
        return frame is not None
    def raise_at(number):
        def profile(frame, event, _):
            nonlocal number
            # The entry of `_settle` comes before its first statement.
            if event in ("call", "c_return") and is_of_settle(frame) and frame.f_code.co_name != "_settle" or (
                event == "c_return" and frame.f_code.co_name == "_settle"
            ):
                number -= 1
                if number == 0:
                    raise Raised
        # Python releases a profiler that raises, although it still runs.
        profilers.append(profile)
        sys.setprofile(profile)
        return lambda: number <= 0
    async def main():
        return [len(keys) for keys in await asyncio.gather(*(client.keys.list() for _ in range(3)))]
    loop.set_exception_handler(lambda *_: None)
    number, was_raised = 0, True
    while was_raised:
        number += 1
        task = loop.create_task(main())
        is_raised = raise_at(number)
        try:
            loop.run_until_complete(asyncio.wait([task], timeout=20))
        except Raised:
            pass
        sys.setprofile(None)
        was_raised = is_raised()
        if not task.done():
            loop.run_until_complete(asyncio.wait([task], timeout=20))
        assert task.done(), f"the tasks do not end after an exception at call {number}"
        assert task.result() == [1] * 3
    assert number > 10, number
    """
    )


def test_loops_that_end_leave_nothing_open() -> None:
    run(
        """
    import gc
    client = AsyncClient()
    def opened():
        gc.collect()
        return len(os.listdir("/dev/fd"))
    asyncio.run(client.keys.list())
    before = opened()
    for _ in range(50):
        asyncio.run(client.keys.list())
    # The runtime closes the last connections in its own thread.
    until = time.monotonic() + 60
    while opened() > before:
        assert time.monotonic() < until, (opened(), before)
        time.sleep(0.05)
    """
    )


def test_a_sub_interpreter_is_refused() -> None:
    said = run(
        """
    try:
        import _interpreters as interpreters
    except ImportError:
        import _xxsubinterpreters as interpreters
    try:
        print(interpreters.run_string(interpreters.create(), "import codat_keys"))
    except Exception as refused:
        print(refused)
    Client().keys.list()
    """
    )
    # Of its own accord, Python refuses where interpreters do not share a GIL.
    assert "codat_keys works in the main interpreter alone" in said or "does not support loading in subinterp" in said
