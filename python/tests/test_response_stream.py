"""Bodies that are read in chunks: their ends, limits and connections."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from types import FrameType
from typing import Any

import pytest
from either import END, call, entered, kinds, rest, step
from raw_server import RawServer, json as response, raw_server

from codat_keys import (
    AsyncClient,
    Client,
    ClosedError,
    ConnectError,
    InvalidInputError,
    NotFoundError,
    OutcomeUnknownError,
    TimeoutError,
    TooLargeError,
)
from codat_keys.testing import Emulator

KEY = "MadeUpKeyOfTheStream00000000000000000000"
# A part of a body. The rest never arrives.
CUT = [
    b'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"results":[',
    b'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nc\r\n{"results":[\r\n1f4\r\n1,2',
]
HEAD = b"HTTP/1.1 200 OK\r\nx-part: one\r\nx-part: two\r\ncontent-length: 2\r\n\r\n"
# The server waits until the client closes the connection.
WAIT = b""

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")


def client(kind: Any, server: RawServer, **options: Any) -> Any:
    return kind(base_url=server.url, api_key=KEY, **options)


def answered(parts: list[bytes], _: str) -> Iterable[bytes]:
    return parts


def endless(_: str) -> Iterable[bytes]:
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    while True:
        yield bytes(65536)


@kinds
async def test_a_streamed_body_is_that_of_a_whole_response(kind: Any, codat_emulator: Emulator) -> None:
    codat_emulator.set_state(companies=500)
    with_key_function = kind(api_key=lambda: codat_emulator.api_key)
    for one in (kind(), with_key_function):
        whole = await call(one.request("GET", "/companies", params={"pageSize": 500}))
        stream = one.stream("get", "/companies", params={"pageSize": 500})
        assert "not sent" in repr(stream)
        async with entered(stream) as streamed:
            assert streamed is stream
            assert (streamed.status, streamed.content_length) == (200, len(whole.content))
            assert streamed.headers["content-type"] == whole.headers["content-type"]
            assert streamed.rate_limit.remaining == whole.rate_limit.remaining - 1
            chunks = await rest(streamed.iter_bytes())
            assert all(type(chunk) is bytes and chunk for chunk in chunks)
            assert b"".join(chunks) == whole.content
            assert await step(streamed.iter_bytes()) is END
    assert repr(streamed) == f"<{type(streamed).__name__} 200>"


@kinds
async def test_a_body_is_sent_and_headers_are_joined(kind: Any) -> None:
    with raw_server(lambda _: [HEAD + b"ok"]) as server:
        stream = client(kind, server).stream("POST", "/x", json={"a": 1}, headers={"x-own": "yes"})
        async with entered(stream) as streamed:
            assert (streamed.headers["x-part"], streamed.rate_limit) == ("one, two", None)
            assert await rest(streamed.iter_bytes()) == [b"ok"]
    assert "x-own: yes\r\n" in server.requests[0] and "content-type: application/json" in server.requests[0]


@kinds
def test_the_memory_in_use_does_not_depend_on_the_length(kind: Any, codat_emulator: Emulator) -> None:
    if sys.platform != "linux":
        pytest.skip("the unit of ru_maxrss differs")
    codat_emulator.set_faults([{"fault": "huge", "path": "/companies"}])
    program = f"""
    import asyncio, resource
    from codat_keys import AsyncClient, Client
    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async def waits():
        async with AsyncClient(max_response_bytes=1000) as client, client.stream("GET", "/companies") as response:
            return sum([len(chunk) async for chunk in response.iter_bytes()])
    def blocks():
        with Client(max_response_bytes=1000) as client, client.stream("GET", "/companies") as response:
            return sum(len(chunk) for chunk in response.iter_bytes())
    before = peak()
    print({"blocks()" if kind is Client else "asyncio.run(waits())"}, peak() - before < 20_000)
    """
    child = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=60)
    assert child.stdout == "100000000 True\n", (child.stdout, child.stderr)


@kinds
@pytest.mark.parametrize("cut", CUT)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_cut_body_is_one_clear_error(kind: Any, cut: bytes, method: str) -> None:
    with raw_server(lambda _: [cut]) as server:
        async with entered(client(kind, server).stream(method, "/x")) as streamed:
            chunks, read = streamed.iter_bytes(), b""
            with pytest.raises((ConnectError, OutcomeUnknownError), match="was lost before the response ended") as lost:
                while True:
                    read += await step(chunks)
            assert read.startswith(b'{"results":[')
            assert type(lost.value) is (ConnectError if method == "GET" else OutcomeUnknownError)
            assert (lost.value.idempotency_key is None) == (method == "GET")
            for again in (chunks, streamed.iter_bytes()):
                with pytest.raises(type(lost.value)):
                    await step(again)
    assert len(server.requests) == 1, "the request is not repeated"


@kinds
async def test_a_body_that_is_left_early_closes_its_connection(kind: Any) -> None:
    with raw_server(endless) as server:
        one = client(kind, server)
        async with entered(one.stream("GET", "/x")) as streamed:
            assert len(await step(streamed.iter_bytes())) > 0
            assert len(server.open) == 1
        server.wait_until_closed()
        with pytest.raises(LookupError):
            async with entered(one.stream("GET", "/x")) as streamed:
                raise LookupError
        server.wait_until_closed()
        assert len(server.requests) == 2


@kinds
async def test_a_response_that_is_dropped_closes_its_connection(kind: Any) -> None:
    with raw_server(endless) as server:
        stream = client(kind, server).stream("GET", "/x")
        await call(stream.__aenter__() if kind is AsyncClient else stream.__enter__())
        chunks = stream.iter_bytes()
        await step(chunks)
        del stream, chunks
        gc.collect()
        server.wait_until_closed()


@kinds
async def test_a_limit_ends_a_body_that_is_too_large(kind: Any, codat_emulator: Emulator) -> None:
    codat_emulator.set_faults([{"fault": "huge", "path": "/companies", "bytes": 2000, "count": 2}])
    with pytest.raises(TooLargeError, match="1999 bytes, the limit `max_response_bytes`"):
        async with entered(kind().stream("GET", "/companies", max_response_bytes=1999)):
            raise AssertionError
    async with entered(kind().stream("GET", "/companies", max_response_bytes=2000)) as streamed:
        assert len(b"".join(await rest(streamed.iter_bytes()))) == 2000
    with pytest.raises(InvalidInputError, match="max_response_bytes"):
        async with entered(kind().stream("GET", "/companies", max_response_bytes=0)):
            raise AssertionError
    with raw_server(endless) as server:
        async with entered(client(kind, server).stream("GET", "/x", max_response_bytes=1_000_000)) as streamed:
            chunks, read = streamed.iter_bytes(), 0
            with pytest.raises(TooLargeError):
                while True:
                    read += len(await step(chunks))
            assert 0 < read <= 1_000_000


@kinds
@pytest.mark.parametrize("cut", CUT)
async def test_a_body_that_stalls_times_out(kind: Any, cut: bytes) -> None:
    with raw_server(lambda _: [cut, WAIT]) as server:
        async with entered(client(kind, server).stream("GET", "/x", timeout=2)) as streamed:
            with pytest.raises(TimeoutError, match="no further byte of the response arrived for 2 s"):
                await rest(streamed.iter_bytes())
        server.wait_until_closed()


@kinds
async def test_a_slow_body_and_a_slow_program_do_not_time_out(kind: Any) -> None:
    def slow(head: str) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n"
        for _ in range(12):
            time.sleep(0.2)
            yield b"x"

    with raw_server(slow) as server:
        async with entered(client(kind, server).stream("GET", "/x", timeout=2)) as streamed:
            first = await step(streamed.iter_bytes())
            time.sleep(2.2)
            assert first + b"".join(await rest(streamed.iter_bytes())) == b"x" * 12


@kinds
async def test_an_error_response_is_the_error_of_request(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "codat_keys")
    answers = [response(503, "{}"), b"", response(404, '{"correlationId": "c1"}')]
    with raw_server(lambda _: [one for one in [answers.pop(0)] if one]) as server:
        with pytest.raises(NotFoundError) as gone:
            async with entered(client(kind, server).stream("GET", "/x")):
                raise AssertionError
        assert (gone.value.correlation_id, gone.value.attempts, len(server.requests)) == ("c1", 3, 3)
    assert len(caplog.records) == 3
    assert KEY not in caplog.text


@kinds
async def test_a_response_is_used_in_its_block(kind: Any) -> None:
    with raw_server(lambda _: [HEAD + b"ok"]) as server:
        one = client(kind, server)
        stream = one.stream("GET", "/x")
        uses: list[Callable[[], object]] = [lambda: stream.status, lambda: stream.headers, lambda: stream.iter_bytes()]
        for use in uses:
            with pytest.raises(RuntimeError, match="has not been sent"):
                use()
        async with entered(stream) as streamed:
            chunks = streamed.iter_bytes()
            with pytest.raises(RuntimeError, match="has already been sent"):
                async with entered(stream):
                    raise AssertionError
        assert streamed.status == 200
        for left in (chunks, streamed.iter_bytes()):
            with pytest.raises(ClosedError, match="the response is closed") as closed:
                await step(left)
        assert "within the `with` block" in closed.value.hint
    assert len(server.requests) == 1


@kinds
async def test_a_client_that_is_closed_finishes_its_responses(kind: Any) -> None:
    goes_on = threading.Event()

    def answer(_: str) -> Iterable[bytes]:
        yield HEAD + b"o"
        goes_on.wait(30)
        yield b"k"

    with raw_server(answer) as server:
        one = client(kind, server)
        async with entered(one.stream("GET", "/x")) as streamed:
            assert await step(streamed.iter_bytes()) == b"o"
            await call(one.close())
            goes_on.set()
            assert await rest(streamed.iter_bytes()) == [b"k"]
        with pytest.raises(ClosedError):
            async with entered(one.stream("GET", "/x")):
                raise AssertionError


def test_threads_read_one_after_the_other() -> None:
    goes_on = threading.Event()

    def answer(_: str) -> Iterable[bytes]:
        yield HEAD + b"o"
        goes_on.wait(30)
        yield b"k"

    with raw_server(answer) as server:
        with client(Client, server).stream("GET", "/x") as streamed:
            taken: list[bytes] = []
            reads = threading.Thread(target=lambda: taken.extend(streamed.iter_bytes()))
            reads.start()
            while not taken:
                time.sleep(0.01)
            # Time for the thread to wait for the next chunk. Nothing reports this.
            time.sleep(0.3)
            with pytest.raises(RuntimeError, match="another thread is reading this response"):
                next(streamed.iter_bytes())
            goes_on.set()
            reads.join()
            assert taken == [b"o", b"k"]


def test_a_block_that_ends_while_another_thread_reads_closes_the_connection() -> None:
    goes_on = threading.Event()

    def answer(_: str) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\no"
        goes_on.wait(30)
        yield b"k"
        yield WAIT

    with raw_server(answer) as server:
        raised: list[BaseException] = []
        taken: list[bytes] = []

        def reads() -> None:
            try:
                taken.extend(streamed.iter_bytes())
            except ClosedError as error:
                raised.append(error)

        with client(Client, server).stream("GET", "/x") as streamed:
            thread = threading.Thread(target=reads)
            thread.start()
            while not taken:
                time.sleep(0.01)
            time.sleep(0.1)
        goes_on.set()
        thread.join()
        assert (taken, len(raised)) == ([b"o", b"k"], 1)
        server.wait_until_closed()


async def test_tasks_that_read_at_the_same_time_get_different_chunks(codat_emulator: Emulator) -> None:
    codat_emulator.set_faults([{"fault": "huge", "path": "/companies", "bytes": 5_000_000}])
    async with AsyncClient().stream("GET", "/companies") as streamed:
        parts = await asyncio.gather(*(rest(streamed.iter_bytes()) for _ in range(4)))
    assert sum(len(chunk) for part in parts for chunk in part) == 5_000_000


def stepwise(parts: list[bytes], goes_on: threading.Semaphore) -> Callable[[str], Iterable[bytes]]:
    """Sends a part each time that the semaphore is released."""

    def answer(_: str) -> Iterable[bytes]:
        for part in parts:
            goes_on.acquire(timeout=30)
            yield part

    return answer


async def test_a_cancellation_loses_no_part_of_the_body() -> None:
    goes_on = threading.Semaphore(2)
    parts = [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n", b"a", b"b", b"c", b"d"]
    with raw_server(stepwise(parts, goes_on)) as server:
        async with client(AsyncClient, server).stream("GET", "/x") as streamed:
            chunks = streamed.iter_bytes()
            read = await chunks.__anext__()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(chunks.__anext__(), 0.1)
            task = asyncio.ensure_future(chunks.__anext__())
            await asyncio.sleep(0.05)
            # The loop is busy until the chunk has arrived, and sees it together with the cancellation.
            goes_on.release()
            time.sleep(0.3)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            goes_on.release(2)
            assert read + b"".join(await rest(streamed.iter_bytes())) == b"abcd"


async def test_chunks_of_cancelled_tasks_come_in_order() -> None:
    goes_on = threading.Semaphore(1)
    parts = [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", b"a", b"b", b"c", b"d", b"e"]
    with raw_server(stepwise(parts, goes_on)) as server:
        async with client(AsyncClient, server).stream("GET", "/x") as streamed:
            tasks = [asyncio.ensure_future(streamed.iter_bytes().__anext__()) for _ in range(4)]
            await asyncio.sleep(0.05)
            for _ in range(4):
                goes_on.release()
                time.sleep(0.1)
            for task in tasks[:3]:
                task.cancel()
            goes_on.release()
            last = await tasks[3]
            kept = b"".join(await rest(streamed.iter_bytes()))
            assert sorted(last + kept) == sorted(b"abcde") and kept == bytes(sorted(kept))


async def test_a_task_that_is_cancelled_closes_its_connection() -> None:
    for parts in ([WAIT], [HEAD + b"o", WAIT]):
        with raw_server(partial(answered, parts)) as server:

            async def reads(server: RawServer = server) -> None:
                async with client(AsyncClient, server).stream("GET", "/x", timeout=600) as streamed:
                    await rest(streamed.iter_bytes())

            task = asyncio.ensure_future(reads())
            while not server.requests:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            server.wait_until_closed()


async def test_headers_that_arrive_with_a_cancellation_leave_no_connection() -> None:
    with raw_server(endless) as server:
        stream = client(AsyncClient, server).stream("GET", "/x")
        task = asyncio.ensure_future(stream.__aenter__())
        await asyncio.sleep(0)
        while not server.requests:
            time.sleep(0.01)
        # Time for the client's thread to read the headers. If it is too short, another case is tested.
        time.sleep(0.3)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.wait_until_closed()


PROGRAM = """
import asyncio, signal, sys, threading, time
from codat_keys import AsyncClient, Client
signal.signal(signal.SIGINT, signal.default_int_handler)
url = sys.argv[1]
options = {"base_url": url, "api_key": "MadeUpKeyOfTheStream00000000000000000000", "timeout": 600}
async def waits():
    async with AsyncClient(**options) as client, client.stream("GET", "/x") as response:
        async for chunk in response.iter_bytes():
            print(chunk.decode(), flush=True)
def blocks():
    with Client(**options) as client, client.stream("GET", "/x") as response:
        for chunk in response.iter_bytes():
            print(chunk.decode(), flush=True)
"""


def start(program: str, server: RawServer) -> subprocess.Popen[str]:
    """Runs a program in a child, until it has printed its first line."""
    child = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + textwrap.dedent(program), server.url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "o\n"
    return child


@pytest.mark.skipif(sys.version_info < (3, 10), reason="signal handlers run at more points")
def test_an_exception_of_a_signal_handler_after_a_chunk_loses_no_bytes(codat_emulator: Emulator) -> None:
    class Raised(Exception):
        pass

    def profile(frame: FrameType, event: str, _: object) -> None:
        # A signal handler runs where a function in C returns.
        if event == "c_return" and frame.f_code.co_filename.endswith("_response_stream.py"):
            raise Raised

    with Client() as client, client.stream("GET", "/companies") as response:
        chunks, received = response.iter_bytes(), b""
        sys.setprofile(profile)
        try:
            received += next(chunks)
        except Raised:
            pass
        finally:
            sys.setprofile(None)
        assert len(received + b"".join(chunks)) == response.content_length


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal here")
@pytest.mark.parametrize("program", ["blocks()", "asyncio.run(waits())"])
def test_ctrl_c_ends_the_wait_for_a_chunk(program: str) -> None:
    with raw_server(lambda _: [HEAD + b"o", WAIT]) as server:
        child = start(program, server)
        time.sleep(0.2)
        child.send_signal(signal.SIGINT)
        _, complained = child.communicate(timeout=60)
        assert complained.rstrip().endswith("KeyboardInterrupt") and "panicked" not in complained, complained
        server.wait_until_closed()


@pytest.mark.skipif(sys.platform == "win32", reason="no such signal here")
def test_after_ctrl_c_the_body_can_be_read_on() -> None:
    goes_on = threading.Semaphore(1)
    with raw_server(stepwise([HEAD + b"o", b"k"], goes_on)) as server:
        program = """
        with Client(**options).stream("GET", "/x") as response:
            chunks = response.iter_bytes()
            print(next(chunks).decode(), flush=True)
            try:
                next(chunks)
            except KeyboardInterrupt:
                print("interrupted", flush=True)
            print(b"".join(chunks).decode())
        """
        child = start(program, server)
        time.sleep(0.2)
        # The chunk arrives together with the signal.
        child.send_signal(signal.SIGINT)
        goes_on.release()
        said, complained = child.communicate(timeout=60)
        assert said == "interrupted\nk\n", complained


@pytest.mark.parametrize("program", ["target=blocks", "target=lambda: asyncio.run(waits())"])
def test_the_interpreter_ends_while_a_body_is_read(program: str) -> None:
    with raw_server(lambda _: [HEAD + b"o", WAIT]) as server:
        child = start(f"threading.Thread({program}, daemon=True).start(); time.sleep(0.5)", server)
        _, complained = child.communicate(timeout=60)
        assert (child.returncode, complained) == (0, "")
        server.wait_until_closed()


@forks
@kinds
async def test_the_child_of_a_fork_leaves_the_response_alone(kind: Any) -> None:
    goes_on = threading.Event()

    def answer(_: str) -> Iterable[bytes]:
        yield HEAD + b"o"
        goes_on.wait(30)
        yield b"k"

    with raw_server(answer) as server:
        async with entered(client(kind, server).stream("GET", "/x")) as streamed:
            assert await step(streamed.iter_bytes()) == b"o"
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    await step(streamed.iter_bytes())
                except InvalidInputError as error:
                    status = 0 if "belongs to the parent process" in str(error) else 2
                finally:
                    if kind is Client:
                        streamed.__exit__(None, None, None)
                    else:
                        await streamed.__aexit__(None, None, None)
                    del streamed
                    gc.collect()
                    os._exit(status)
            assert os.waitpid(child, 0)[1] == 0
            goes_on.set()
            assert await rest(streamed.iter_bytes()) == [b"k"]


@forks
def test_the_child_of_a_fork_leaves_a_response_alone_that_another_thread_reads() -> None:
    goes_on = threading.Event()

    def answer(_: str) -> Iterable[bytes]:
        yield HEAD + b"o"
        goes_on.wait(30)
        yield b"k"

    with raw_server(answer) as server, client(Client, server).stream("GET", "/x") as streamed:
        chunks = streamed.iter_bytes()
        assert next(chunks) == b"o"
        read: list[bytes] = []
        reads = threading.Thread(target=lambda: read.extend(chunks), daemon=True)
        reads.start()
        # Time for the thread to wait for the next chunk. Nothing reports this.
        time.sleep(0.3)
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            try:
                next(chunks)
            except InvalidInputError as error:
                os._exit(0 if "belongs to the parent process" in str(error) else 2)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        goes_on.set()
        reads.join(30)
        assert read == [b"k"]
