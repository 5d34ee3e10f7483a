"""Functions that give a key: who calls them and where, what they may do, and what becomes of what they raise."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import subprocess
import sys
import threading
import time
import traceback
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from codat_keys import ApiKey, AsyncClient, AuthorizationHeader, Client, CodatError, InvalidCredentialError, TimeoutError
from codat_keys.testing import Emulator

SECRET = "MadeUpKeyThatAFunctionKnows0000000000000"
FOREVER = 600


async def list_with(key: Any, **options: Any) -> int:
    async with AsyncClient(api_key=key, **options) as client:
        return len(await client.keys.list())


def list_and_block(key: Any, **options: Any) -> int:
    with Client(api_key=key, **options) as client:
        return len(client.keys.list())


def in_both(key: Any, **options: Any) -> list[Callable[[], int]]:
    return [lambda: list_and_block(key, **options), lambda: asyncio.run(list_with(key, **options))]


def refused(call: Callable[[], object]) -> CodatError:
    with pytest.raises(CodatError) as error:
        call()
    return error.value


@pytest.mark.parametrize("form", [str, ApiKey, AuthorizationHeader.encode, lambda key: AuthorizationHeader.encode(key).expose_secret()])
def test_a_key_is_returned_in_any_form(form: Callable[[str], object], codat_emulator: Emulator) -> None:
    for call in in_both(lambda: form(codat_emulator.api_key)):
        assert call() == 1


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        (None, "it returned None; return the key as a str, an ApiKey or an AuthorizationHeader"),
        (SECRET.encode(), "it returned bytes; return the key as a str"),
        ([SECRET], "it returned list; return the key as a str"),
        ("", "what the function given as `api_key` returned is empty"),
        (f" {SECRET}", "what the function given as `api_key` returned has white space around it"),
        (f"{SECRET}\ud800", "what the function given as `api_key` returned holds a character that is not ASCII"),
    ],
)
def test_what_is_no_key_is_told_by_its_type(returned: object, says: str, codat_emulator: Emulator) -> None:
    for call in in_both(lambda: returned):
        error = refused(call)
        assert isinstance(error, InvalidCredentialError) and says in str(error) and error.__cause__ is None
        assert SECRET not in repr(error) + error.hint
    assert codat_emulator.journal() == []


def test_what_it_raises_is_the_cause_and_is_not_quoted(
    codat_emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    raised = LookupError(f"no {SECRET}")

    def fails() -> str:
        raise raised

    async def fails_later() -> str:
        await asyncio.sleep(0)
        raise raised

    for call in (*in_both(fails), lambda: asyncio.run(list_with(fails_later))):
        error = refused(call)
        assert isinstance(error, InvalidCredentialError) and error.__cause__ is raised
        assert str(error) == "the function given as `api_key` gave no key: it raised LookupError"
        assert SECRET not in repr(error) + error.hint + "".join(traceback.format_exception_only(type(error), error))
    assert SECRET not in caplog.text and codat_emulator.journal() == []


def test_a_key_that_cannot_be_read_again_goes_on_and_says_why(codat_emulator: Emulator) -> None:
    wrong = [SECRET]
    error = refused(lambda: list_and_block(wrong.pop))
    assert error.status == 401 and "the function given as `api_key` gave no key: it raised IndexError" in error.hint


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_sources_exclude_each_other(kind: Any) -> None:
    given: dict[str, object] = {
        "api_key": lambda: SECRET, "auth_header": "Basic eA==", "api_key_file": "key", "api_key_command": ["key"],
    }  # fmt: skip
    names = list(given)
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            with pytest.raises(TypeError, match=f"give {one} or {other}, not both"):
                kind(**{one: given[one], other: given[other]})


def test_a_function_is_in_no_repr(codat_emulator: Emulator) -> None:
    for kind in (Client, AsyncClient):
        client: Any = kind(api_key=functools.partial(str, SECRET))
        assert "api_key=<not read yet>" in repr(client) and SECRET not in repr(client) + repr(client.keys)


def test_the_client_that_blocks_takes_no_async_function(codat_emulator: Emulator) -> None:
    async def key() -> str:
        return SECRET

    class Callable_:
        async def __call__(self) -> str:
            return SECRET

    wrong: Any
    for wrong in (key, functools.partial(key), Callable_()):
        with pytest.raises(TypeError, match="give it to AsyncClient"):
            Client(api_key=wrong)
    coroutine = key()
    error = refused(lambda: list_and_block(lambda: coroutine))
    coroutine.close()
    assert "it returned coroutine (AsyncClient awaits it)" in str(error)


async def test_async_functions_are_awaited_in_any_form(codat_emulator: Emulator) -> None:
    async def key() -> str:
        loops.add(asyncio.get_running_loop())
        return codat_emulator.api_key

    class Callable_:
        async def __call__(self) -> str:
            return await key()

    loops: set[object] = set()
    for form in (key, functools.partial(key), Callable_(), lambda: key()):
        assert await list_with(form) == 1
    assert loops == {asyncio.get_running_loop()}


@pytest.mark.parametrize("nested", [False, True])
def test_a_function_that_calls_its_own_client_is_told_so(nested: bool, codat_emulator: Emulator) -> None:
    """It would wait for itself. By way of another client it would, too."""

    def key() -> ApiKey:
        return (Client(api_key=lambda: client.whoami().api_key) if nested else client).whoami().api_key

    async def key_later() -> ApiKey:
        call = AsyncClient(api_key=key_of_another) if nested else waiting
        return (await asyncio.ensure_future(call.whoami())).api_key

    async def key_of_another() -> ApiKey:
        return (await waiting.whoami()).api_key

    async def waits() -> object:
        return await waiting.whoami()

    client, waiting = Client(api_key=key), AsyncClient(api_key=key_later)
    for call in (client.whoami, lambda: asyncio.run(waits())):
        cause: BaseException = refused(call)
        while cause.__cause__ is not None:
            cause = cause.__cause__
        assert isinstance(cause, RuntimeError) and "use another client there" in str(cause)


def test_a_function_may_call_another_client(codat_emulator: Emulator) -> None:
    async def key() -> ApiKey:
        return (await waiting.whoami()).api_key

    other, waiting = Client(), AsyncClient()
    assert [call() for call in in_both(lambda: other.whoami().api_key)] == [1, 1]
    assert asyncio.run(list_with(key)) == 1


async def test_a_function_that_blocks_does_not_hold_up_the_loop(codat_emulator: Emulator) -> None:
    released = threading.Event()

    def key() -> str:
        # Set by the loop, which would never come to it.
        assert released.wait(FOREVER)
        return codat_emulator.api_key

    call = asyncio.ensure_future(list_with(key))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.05, released.set)
    assert await call == 1


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
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (child.returncode, child.stdout, child.stderr) == (0, "in time\n", "")


class Asked:
    """An async function that answers when it is told to."""

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


def test_a_command_is_a_list_and_has_its_own_times(codat_emulator: Emulator) -> None:
    from codat_keys import KeyCommand

    key = codat_emulator.api_key
    for command in (["printf", key], KeyCommand(["printf", key]), KeyCommand(["printf", key], timeout=5, cached_for=600)):
        assert len(Client(api_key_command=command).keys.list()) == 1
    assert repr(KeyCommand(["printf", key])) == "<KeyCommand printf>"
    for wrong in ("printf x", [5], 5):
        for takes in (lambda: Client(api_key_command=wrong), lambda: KeyCommand(wrong)):  # type: ignore[arg-type]
            with pytest.raises(TypeError, match="argument '(api_key_command|argv)'"):
                takes()
    error = refused(Client(api_key_command=KeyCommand(["sleep", "600"], timeout=0.2)).whoami)
    assert isinstance(error, InvalidCredentialError) and "did not end within 200ms" in str(error)
