"""Functions that give a key: where they run, who waits for them and for how long, and what stops them."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from typing import Any

import pytest

from codat_keys import AsyncClient, Client, TimeoutError
from codat_keys.testing import Emulator

FOREVER = 600


def run(program: str) -> str:
    """What a program prints that runs in a child, which finds the emulator by its environment."""
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (child.returncode, child.stderr) == (0, "")
    return child.stdout


async def test_a_function_that_blocks_does_not_hold_up_the_loop(codat_emulator: Emulator) -> None:
    released = threading.Event()

    def key() -> str:
        # Set by the loop, which would never come to it.
        assert released.wait(FOREVER)
        return codat_emulator.api_key

    call = asyncio.ensure_future(AsyncClient(api_key=key).keys.list())
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.05, released.set)
    assert len(await call) == 1


async def test_one_that_never_returns_ends_with_the_call(codat_emulator: Emulator) -> None:
    ended: list[str] = []

    async def never() -> str:
        try:
            await asyncio.sleep(FOREVER)
        finally:
            ended.append("cancelled")
        return ""

    hangs = threading.Event()
    for key in (never, lambda: str(hangs.wait(FOREVER))):
        async with AsyncClient(api_key=key, timeout=0.3) as client:
            for call in (client.whoami, client.reload_key):
                with pytest.raises(TimeoutError):
                    await call()
    hangs.set()
    await asyncio.sleep(0)
    assert ended == ["cancelled"] * 2
    assert codat_emulator.journal() == []


def test_a_thread_that_hangs_holds_up_neither_loop_nor_exit(codat_emulator: Emulator) -> None:
    program = """
import asyncio, threading
from codat_keys import AsyncClient, TimeoutError
async def main():
    try:
        await AsyncClient(api_key=lambda: threading.Event().wait(), timeout=0.3).whoami()
    except TimeoutError:
        print("in time")
asyncio.run(main())
"""
    assert run(program) == "in time\n"


class Asked:
    """An async function that returns the key once ``answers`` is set."""

    def __init__(self, emulator: Emulator) -> None:
        self.key, self.asked, self.answers = emulator.api_key, 0, threading.Event()

    async def __call__(self) -> str:
        self.asked += 1
        while not self.answers.is_set():
            await asyncio.sleep(0.005)
        return self.key

    async def until(self, times: int) -> None:
        while self.asked < times:
            await asyncio.sleep(0.005)


async def test_who_waits_with_a_call_that_is_cancelled_asks_anew(codat_emulator: Emulator) -> None:
    asked = Asked(codat_emulator)
    client = AsyncClient(api_key=asked)
    calls = [asyncio.ensure_future(client.keys.list()) for _ in range(64)]
    await asked.until(1)
    calls[0].cancel()
    await asked.until(2)
    asked.answers.set()
    cancelled, *brought = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(cancelled, asyncio.CancelledError) and all(isinstance(keys, list) for keys in brought)
    assert asked.asked == 2


@pytest.mark.parametrize("end", ["cancels", "stops"])
def test_who_waits_with_a_loop_that_ends_asks_anew(end: str, codat_emulator: Emulator) -> None:
    """A loop that is only stopped cancels nothing: then others wait for as long as its call may take."""
    asked, ends = Asked(codat_emulator), asyncio.new_event_loop()
    client = AsyncClient(api_key=asked)
    call = ends.create_task(client.request("GET", "/profile", timeout=1))
    ends.run_until_complete(asked.until(1))
    if end == "cancels":
        call.cancel()

    async def waits() -> int:
        another = asyncio.ensure_future(client.request("GET", "/profile"))
        await asyncio.sleep(0)
        if end == "cancels":
            await asyncio.to_thread(ends.run_until_complete, asyncio.wait([call]))
        asked.answers.set()
        return (await another).status

    assert asyncio.run(waits()) == 200
    assert asked.asked == 2
    ends.run_until_complete(asyncio.wait([call]))
    ends.close()


def test_loops_share_what_one_of_them_reads(codat_emulator: Emulator) -> None:
    asked = Asked(codat_emulator)
    client = AsyncClient(api_key=asked)
    brought: list[int] = []

    async def lists() -> int:
        return sum(len(keys) for keys in await asyncio.gather(*(client.keys.list() for _ in range(8))))

    threads = [threading.Thread(target=lambda: brought.append(asyncio.run(lists()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    asyncio.run(asked.until(1))
    asked.answers.set()
    for thread in threads:
        thread.join()
    assert (brought, asked.asked) == ([8] * 8, 1)


def test_threads_that_block_share_it_and_the_gil_is_free(codat_emulator: Emulator) -> None:
    asked, released = [], threading.Event()

    def key() -> str:
        asked.append(threading.get_ident())
        assert released.wait(FOREVER)
        return codat_emulator.api_key

    client, brought = Client(api_key=key), []
    threads = [threading.Thread(target=lambda: brought.append(len(client.keys.list()))) for _ in range(8)]
    for thread in threads:
        thread.start()
    while not asked:
        time.sleep(0.005)
    released.set()
    for thread in threads:
        thread.join()
    assert brought == [1] * 8 and len(asked) == 1
    assert asked[0] in {thread.ident for thread in threads}, "it runs in the thread of the call that needs it"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_stops_the_call_alone(stop: type[BaseException], codat_emulator: Emulator) -> None:
    waits = threading.Event()
    first = [True]

    def key() -> str:
        if first and first.pop():
            assert waits.wait(FOREVER)
            raise stop
        return codat_emulator.api_key

    client = Client(api_key=key)
    ended: list[object] = []

    def interrupted() -> None:
        try:
            client.whoami()
        except BaseException as raised:
            ended.append(raised)

    one = threading.Thread(target=interrupted)
    one.start()
    while first:
        time.sleep(0.005)
    another = threading.Thread(target=lambda: ended.append(client.whoami().name))
    another.start()
    waits.set()
    one.join()
    another.join()
    assert sorted(map(type, ended), key=str) == sorted([stop, type(None)], key=str)


def test_a_client_in_a_cycle_with_its_function_is_let_go(codat_emulator: Emulator) -> None:
    class Vault:
        def __init__(self, kind: Any) -> None:
            self.client = kind(api_key=self.key)

        def key(self) -> str:
            return codat_emulator.api_key

    vaults = [Vault(Client), Vault(AsyncClient)]
    assert len(vaults[0].client.keys.list()) == 1
    gone = [weakref.ref(vault) for vault in vaults]
    vaults.clear()
    gc.collect()
    assert [vault() for vault in gone] == [None, None]


@pytest.mark.parametrize("kind", ["Client", "AsyncClient"])
def test_ctrl_c_ends_a_call_whose_function_takes_its_time(kind: str, codat_emulator: Emulator) -> None:
    program = f"""
import asyncio, signal, time
from codat_keys import AsyncClient, Client
signal.signal(signal.SIGINT, signal.default_int_handler)
def key():
    print("asked", flush=True)
    time.sleep({FOREVER})
async def main():
    await AsyncClient(api_key=key).whoami()
Client(api_key=key).whoami() if {kind == "Client"} else asyncio.run(main())
"""
    child = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "asked\n"
    child.send_signal(signal.SIGINT)
    _, complained = child.communicate(timeout=60)
    assert complained.rstrip().endswith("KeyboardInterrupt"), complained
    assert "InvalidCredentialError" not in complained and "panicked" not in complained


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_waits_for_no_thread_of_its_parent(codat_emulator: Emulator) -> None:
    program = f"""
import os, signal, threading
from codat_keys import Client
parent, asked = os.getpid(), threading.Event()
def key():
    if os.getpid() == parent:
        asked.set()
        threading.Event().wait({FOREVER})
    return os.environ["CODAT_API_KEY"]
client = Client(api_key=key)
threading.Thread(target=client.whoami, daemon=True).start()
asked.wait()
if child := os.fork():
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    os._exit(0)
signal.alarm(20)
os._exit(len(client.keys.list()) - 1)
"""
    assert run(program) == "0\n"
