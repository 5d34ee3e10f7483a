"""What a new user meets first: one exception, whose last lines say what is wrong and what to do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from codat_keys.testing import Emulator

ASYNCIO = "import asyncio, os\nfrom codat_keys import AsyncClient\nasync def main():\n    {}\nasyncio.run(main())"
BLOCKING = "import os\nfrom codat_keys import Client\n{}"

# Written for asyncio: without `await` and `Async` they are mistakes with the client that blocks.
MISTAKES = {
    "wrong key": (
        "await AsyncClient(api_key='MadeUpKeyThatIsNotInUse').keys.list()",
        "codat_keys.UnauthorizedError: Codat does not accept the API key (HTTP 401; ",
        "the key is wrong or was deleted",
    ),
    "no key": (
        "del os.environ['CODAT_API_KEY']; AsyncClient()",
        "codat_keys.NoCredentialError: no API key was given",
        "set CODAT_API_KEY",
    ),
    "wrong base URL": (
        "await AsyncClient(base_url='api.codat.io').keys.list()",
        "codat_keys.InvalidInputError: the base URL is not a URL",
        "write it like https://api.codat.io",
    ),
    "no server": (
        "await AsyncClient(base_url='http://127.0.0.1:1', retry=False).keys.list()",
        "codat_keys.ConnectError: no connection to http://127.0.0.1:1 could be made: ",
        "check the base URL",
    ),
    "wrong type": (
        "await AsyncClient().keys.create(5)",
        "TypeError: argument 'name': 'int' object is not an instance of 'str'",
        None,
    ),
    "wrong time-out": (
        "AsyncClient(timeout=-1)",
        "codat_keys.InvalidInputError: a time-out is not above zero",
        "give a time-out above zero",
    ),
    "closed": (
        "client = AsyncClient(); await client.close(); await client.keys.list()",
        "codat_keys.ClosedError: the client is closed",
        "create a new client",
    ),
    "no time left": (
        "await AsyncClient(timeout=0.1).request('GET', '/companies')",
        "codat_keys.TimeoutError: no response arrived in time",
        "try again, or allow more time",
    ),
}


@pytest.mark.parametrize("asyncio", [True, False], ids=["asyncio", "blocking"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_one_exception_says_it(mistake: str, asyncio: bool, codat_emulator: Emulator) -> None:
    codat_emulator.set_faults([{"path": "/companies", "fault": "delay-before", "milliseconds": 600_000, "count": 9}])
    program, says, hint = MISTAKES[mistake]
    program = (
        ASYNCIO.format(program) if asyncio else BLOCKING.format(program.replace("await ", "").replace("Async", ""))
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert child.returncode == 1 and child.stdout == ""
    assert child.stderr.count("Traceback") == 1 and f"\n{says}" in child.stderr, child.stderr
    # Before Python 3.11 a traceback shows no notes.
    assert hint is None or sys.version_info < (3, 11) or f"\nhint: {hint}" in child.stderr, child.stderr
    for noise in ("panicked", "RUST_BACKTRACE", "Exception ignored", "never retrieved", "never awaited"):
        assert noise not in child.stderr, child.stderr
