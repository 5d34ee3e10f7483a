"""Functions that give a key, and commands: what they may return and do, and what becomes of what they raise."""

from __future__ import annotations

import asyncio
import functools
import logging
import subprocess
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codat_keys import ApiKey, AsyncClient, AuthorizationHeader, Client, CodatError, InvalidCredentialError, KeyCommand
from codat_keys.testing import Emulator

SECRET = "MadeUpKeyThatAFunctionKnows0000000000000"


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


@pytest.mark.parametrize(
    "form", [str, ApiKey, AuthorizationHeader.encode, lambda key: AuthorizationHeader.encode(key).expose_secret()]
)
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
def test_the_error_for_a_value_that_is_no_key_names_its_type(
    returned: object, says: str, codat_emulator: Emulator
) -> None:
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


def test_a_cancellation_that_the_function_raises_is_a_cause_as_well(codat_emulator: Emulator) -> None:
    """Only the cancellation of the call itself is a cancellation."""

    class Other(BaseException):
        pass

    async def awaits_a_cancelled_task() -> str:
        task = asyncio.ensure_future(asyncio.sleep(600))
        asyncio.get_running_loop().call_soon(task.cancel)
        await task
        return SECRET

    def raises() -> str:
        raise asyncio.CancelledError

    async def raises_other() -> str:
        raise Other

    def in_time(function: Callable[[], object]) -> CodatError:
        """The call does not wait for its timeout."""
        return refused(lambda: asyncio.run(asyncio.wait_for(list_with(function, timeout=600), 30)))

    cases: tuple[tuple[Callable[[], object], type[BaseException]], ...] = (
        (awaits_a_cancelled_task, asyncio.CancelledError),
        (raises, asyncio.CancelledError),
        (raises_other, Other),
    )
    for function, kind in cases:
        error = in_time(function)
        assert isinstance(error, InvalidCredentialError) and type(error.__cause__) is kind
        assert str(error) == f"the function given as `api_key` gave no key: it raised {kind.__name__}"
    with pytest.raises(asyncio.CancelledError):
        list_and_block(raises)
    assert codat_emulator.journal() == []


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
def test_a_function_that_calls_its_own_client_gets_an_error(nested: bool, codat_emulator: Emulator) -> None:
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

    client, waiting = Client(api_key=key, timeout=5), AsyncClient(api_key=key_later, timeout=5)
    for call in (client.whoami, lambda: asyncio.run(waits())):
        cause: BaseException = refused(call)
        while cause.__cause__ is not None:
            cause = cause.__cause__
        assert isinstance(cause, RuntimeError) and "use another client there" in str(cause)


async def test_a_task_that_a_function_has_begun_may_call_its_client_later(codat_emulator: Emulator) -> None:
    tasks: list[asyncio.Task[int]] = []

    async def later() -> int:
        while not hasattr(client.rate_limit, "remaining"):
            await asyncio.sleep(0.005)
        return len(await client.keys.list())

    async def key() -> str:
        tasks.append(asyncio.create_task(later()))
        return codat_emulator.api_key

    client = AsyncClient(api_key=key)
    await client.whoami()
    assert await asyncio.gather(*tasks) == [1]


def test_a_function_may_call_another_client(codat_emulator: Emulator) -> None:
    async def key() -> ApiKey:
        return (await waiting.whoami()).api_key

    other, waiting = Client(), AsyncClient()
    assert [call() for call in in_both(lambda: other.whoami().api_key)] == [1, 1]
    assert asyncio.run(list_with(key)) == 1


def test_a_command_is_a_list_and_has_its_own_times(codat_emulator: Emulator) -> None:
    key = codat_emulator.api_key
    for command in (
        ["printf", key],
        KeyCommand(["printf", key]),
        KeyCommand(["printf", key], timeout=5, cached_for=600),
    ):
        assert len(Client(api_key_command=command).keys.list()) == 1
    assert repr(KeyCommand(["printf", key])) == "<KeyCommand printf>"
    for wrong in ("printf x", [5], 5):
        for takes in (lambda command: Client(api_key_command=command), KeyCommand):
            with pytest.raises(TypeError, match="argument '(api_key_command|argv)'"):
                takes(wrong)  # type: ignore[arg-type]
    error = refused(Client(api_key_command=KeyCommand(["sleep", "600"], timeout=0.2)).whoami)
    assert isinstance(error, InvalidCredentialError) and "did not end within 200ms" in str(error)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGCHLD")
def test_ignoring_sigchld_makes_a_command_fail_with_a_hint(codat_emulator: Emulator) -> None:
    script = """
import signal
from codat_keys import Client, InvalidCredentialError
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
try:
    Client(api_key_command=["echo", "MadeUpKey"]).whoami()
except InvalidCredentialError as error:
    assert str(error).startswith("the command `echo` has ended, but its exit status cannot be read: "), error
    assert "SIGCHLD" in error.hint
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc shows whether the process runs")
@pytest.mark.parametrize("ended_by", ["cancel", "timeout"])
def test_the_processes_of_a_command_end_with_its_call(ended_by: str, tmp_path: Path, codat_emulator: Emulator) -> None:
    started, part = tmp_path / "started", tmp_path / "part"
    command = KeyCommand(["sh", "-c", f"sleep 600 & echo $! > {part}; mv {part} {started}; wait"], timeout=600)

    async def cancels() -> None:
        call = asyncio.create_task(AsyncClient(api_key_command=command).whoami())
        while not started.exists():
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    if ended_by == "cancel":
        asyncio.run(asyncio.wait_for(cancels(), 60))
    else:
        refused(Client(api_key_command=command, timeout=2).whoami)
    deadline = time.monotonic() + 60
    while runs(int(started.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def runs(process: int) -> bool:
    """Returns whether a process runs. A zombie, which has exited but still has a process id, does not run."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except OSError:
        return False
