"""Calls at interpreter shutdown: they succeed in `atexit` functions, and raise an error in a later `__del__`."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from codat_keys import AsyncClient, Client
from codat_keys.testing import Emulator

IN_DEL = """
import os
from codat_keys import AsyncClient, Client, InvalidInputError
from codat_keys.testing import Emulator

class Ends:
    def __init__(self):
        self.client, self.emulator = Client(), Emulator()
        self.client.whoami()

    def __del__(self, write=os.write):
        for call in (
            lambda: self.client.whoami(),
            lambda: self.client.request("POST", "/companies", json={}),
            lambda: next(self.client.pages("/companies")),
            lambda: self.client.stream("GET", "/companies").__enter__(),
            lambda: self.client.reauthorize(self.client.base_url, "Basic eA=="),
            lambda: self.client.authorization_for("https://elsewhere.example"),
            lambda: self.emulator.journal(),
        ):
            try:
                call()
            except BaseException as error:
                write(1, f"{type(error).__name__}: {error}\\n".encode())

ends = Ends()
"""

AT_EXIT = """
import asyncio, atexit
from codat_keys import AsyncClient, Client
from codat_keys.testing import Emulator

emulator = Emulator()

async def asks():
    return emulator.api_key

async def lists(key):
    async with AsyncClient(base_url=emulator.base_url, api_key=key) as client:
        return len(await client.keys.list())

def ends():
    print(len(Client(base_url=emulator.base_url, api_key=lambda: emulator.api_key).keys.list()))
    for key in (emulator.api_key, lambda: emulator.api_key, asks):
        print(asyncio.run(lists(key)))
    print(len(emulator.journal()))

atexit.register(ends)
"""

DAEMONS = """
import asyncio, threading
from codat_keys import AsyncClient, Client

called = threading.Semaphore(0)

def blocks():
    client = Client()
    while True:
        client.whoami()
        called.release()

async def waits():
    client = AsyncClient(api_key=lambda: Client().whoami().api_key)
    while True:
        await client.whoami()
        called.release()

for _ in range(4):
    threading.Thread(target=blocks, daemon=True).start()
    threading.Thread(target=lambda: asyncio.run(waits()), daemon=True).start()
for _ in range(40):
    called.acquire()
"""

# After the shutdown of the interpreter, the process stays for half a second, in which its threads go on.
LATE = """
import ctypes, threading, time
from codat_keys import Client

libc, pointer = ctypes.CDLL(None), ctypes.c_void_p
libc.__cxa_atexit(ctypes.cast(libc.usleep, pointer), pointer(500_000), None)
threading.Thread(target=Client().whoami, daemon=True).start()
time.sleep(0.3)
"""

# A thread that Python ends while a function of it runs: `Lasts.__del__` runs during the shutdown, in which the function
# of the thread returns, and the thread needs the GIL again.
ENDED_IN = """
import asyncio, logging, sys, threading, time
from codat_keys import ApiKey, AsyncClient, Client, Sink

inside = threading.Event()

def last():
    if threading.current_thread() is not threading.main_thread():
        inside.set()
        time.sleep(0.3)

class Lasts:
    def __del__(self, sleep=time.sleep):
        sleep(0.8)

class Handler(logging.Handler):
    def emit(self, record):
        last()

def key():
    last()
    return KEY

stored = {}

def store(key):
    if WHERE == "deliver":
        last()
    stored["key"] = key

def read():
    if WHERE == "read":
        last()
    return stored.get("key")

def on_event(event):
    if WHERE == "event":
        last()

def works():
    if WHERE == "log":
        logger = logging.getLogger("codat_keys")
        logger.setLevel(logging.DEBUG)
        logger.addHandler(Handler())
    client = Client(api_key=key if WHERE == "key" else KEY)
    if WHERE in ("key", "log"):
        client.whoami()
    elif WHERE == "stream":
        client = Client(api_key=key)
        client.stream("GET", "/companies").__enter__()
    else:
        client.keys.rotate([Sink("memory", store, read)], journal=JOURNAL, on_event=on_event)

KEY, WHERE, JOURNAL = sys.argv[1:]
threading.Thread(target=works, daemon=True).start()
assert inside.wait(30)
sys.lasts = Lasts()  # The variables of this module live as long as the thread.
sys.exit(5)
"""


def ends(program: str) -> list[str]:
    """Runs a program that must succeed, and returns its output."""
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (child.returncode, child.stderr) == (0, "")
    return child.stdout.splitlines()


@pytest.mark.usefixtures("codat_emulator")
def test_a_call_after_the_end_says_so() -> None:
    printed = ends(IN_DEL)
    assert len(printed) == 7
    for line in printed:
        assert line.startswith("RuntimeError: the interpreter is shutting down: make calls of codat_keys before"), line


def test_at_exit_everything_can_be_called() -> None:
    assert ends(AT_EXIT) == ["1", "1", "1", "1", "4"]


def test_daemon_threads_that_call_do_not_disturb_the_end(codat_emulator: Emulator) -> None:
    for _ in range(5):
        assert ends(DAEMONS) == []
    assert codat_emulator.journal() != []


@pytest.mark.skipif(sys.platform == "win32", reason="the program uses the C library of Unix")
def test_a_daemon_thread_that_waits_for_a_call_does_not_panic_after_shutdown(codat_emulator: Emulator) -> None:
    codat_emulator.set_faults([{"fault": "delay-before", "milliseconds": 600_000}])
    assert ends(LATE) == []


@pytest.mark.parametrize("where", ["key", "stream", "log", "read", "deliver", "event"])
def test_a_thread_that_python_ends_within_a_function_leaves_the_exit_status(
    where: str, codat_emulator: Emulator, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", ENDED_IN, codat_emulator.api_key, where, str(tmp_path)]
    child = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (child.returncode, child.stdout, child.stderr) == (5, "", "")


def test_a_call_at_the_limit_of_the_recursion_says_so(codat_emulator: Emulator) -> None:
    client = Client()
    client.whoami()
    ends_of = set[str]()

    def deeper(left: int) -> None:
        if left:
            deeper(left - 1)
        else:
            client.whoami()

    for depth in range(sys.getrecursionlimit() - 200, sys.getrecursionlimit()):
        try:
            deeper(depth)
        except RuntimeError as error:
            ends_of.add(type(error).__name__)
    assert ends_of == {"RecursionError"} and len(client.keys.list()) == 1


async def test_a_key_function_needs_no_thread_at_exit(
    codat_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The behaviour of Python 3.12."""

    def start(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", start)
    assert len(await AsyncClient(api_key=lambda: codat_emulator.api_key).keys.list()) == 1
