"""Codat's own SDKs, unmodified, on the emulator."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx
import pytest

from codat_keys import AsyncClient, Client
from codat_keys.integrations.httpx import CodatAuth
from codat_keys.integrations.official import connect, security
from codat_keys.testing import Emulator

pytestmark = pytest.mark.skipif(sys.version_info < (3, 10), reason="the SDKs need Python 3.10")

ROOT = Path(__file__).parents[1]
CURRENT = {
    "codat_bankfeeds": "CodatBankFeeds",
    "codat_lending": "CodatLending",
    "codat_platform": "CodatPlatform",
    "codat_sync_for_expenses": "CodatSyncExpenses",
    "codat_sync_for_payables": "CodatSyncPayables",
}
each = pytest.mark.parametrize("module", CURRENT)


def sdk(module: str) -> Any:
    return getattr(import_module(f"{module}.sdk"), CURRENT[module])


def saw(emulator: Emulator) -> list[tuple[str, int]]:
    return [(request["path"], request["status"]) for request in emulator.journal()]


def companies(listed: Any) -> int:
    return len(listed.results or [])


@each
def test_an_sdk_has_the_key_from_the_first_call_on(module: str, codat_emulator: Emulator) -> None:
    keys = ["MadeUpKeyThatWasReplaced", codat_emulator.api_key]
    client = Client(api_key=lambda: keys.pop(0) if keys else codat_emulator.api_key)
    with connect(client, sdk(module), timeout_ms=60_000) as made:
        assert companies(made.companies.list()) == 5
        assert companies(asyncio.run(made.companies.list_async())) == 5
    assert saw(codat_emulator) == [("/companies", 401), ("/companies", 200), ("/companies", 200)]


@each
@pytest.mark.parametrize("given", ["by default", "its own"])
def test_an_sdk_takes_its_security(module: str, given: str, codat_emulator: Emulator) -> None:
    own = None if given == "by default" else import_module(f"{module}.models.shared").Security
    with sdk(module)(security=security(Client(), own), server_url=codat_emulator.base_url) as made:
        assert companies(made.companies.list()) == 5


@each
def test_an_sdk_takes_an_http_client_of_its_user(module: str, codat_emulator: Emulator) -> None:
    client = Client()
    with httpx.Client(auth=CodatAuth(client)) as http:
        made = sdk(module)(security=security(client), server_url=client.base_url, client=http)
        assert companies(made.companies.list()) == 5


@each
def test_an_sdk_that_blocks_needs_a_client_that_blocks(module: str, codat_emulator: Emulator) -> None:
    with pytest.raises(
        TypeError, match=f"^argument 'client': {CURRENT[module]} blocks .*: give a Client of codat_keys$"
    ):
        connect(AsyncClient(), sdk(module))


def test_without_platform_the_security_of_any_will_do(codat_emulator: Emulator) -> None:
    program = """
import sys; sys.modules["codat_platform"] = None
from codat_keys import Client
from codat_keys.integrations.official import security
from codat_lending.sdk import CodatLending
client = Client()
assert client.authorization_for(client.base_url).expose_secret() not in repr(security(client)())
print(len(CodatLending(security=security(client), server_url=client.base_url).companies.list().results))
"""
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (child.stdout, child.stderr) == ("5\n", "")


def test_an_sdk_alone_makes_a_second_key_after_a_lost_response(codat_emulator: Emulator) -> None:
    """The comparison in README.md rests on this test."""
    client = Client()
    header = client.authorization_for(client.base_url).expose_secret()
    own = import_module("codat_platform.models.shared").Security(auth_header=header)
    fault = {"method": "POST", "path": "/apiKeys", "fault": "drop-after"}
    with sdk("codat_platform")(security=own, server_url=codat_emulator.base_url) as alone:
        codat_emulator.set_faults([fault])
        alone.settings.create_api_key(request={"name": "alone"})
    codat_emulator.set_faults([fault])
    client.keys.create("with codat-keys")
    names = [key.name for key in client.keys.list()]
    assert (names.count("alone"), names.count("with codat-keys")) == (2, 1)


class BaseSDK:
    pass


class OfRequests:
    """As `codat-files` and `codat-sync-for-payroll`."""

    def __init__(self, security: Any = None, server_url: Any = None, client: Any = None) -> None:
        assert security is None
        self.url, self.client = server_url, client


class OfText(BaseSDK):
    """As `codat-common`."""

    def __init__(self, auth_header: str, server_url: Any = None, client: Any = None, async_client: Any = None) -> None:
        self.url, self.client, self.waits = server_url, client, async_client


@pytest.mark.parametrize("shape", [OfRequests, OfText])
def test_earlier_shapes_have_the_key(shape: Any, codat_emulator: Emulator) -> None:
    made = connect(Client(), shape)
    assert made.client.get(f"{made.url}/companies").status_code == 200


async def test_an_earlier_sdk_waits_with_a_client_that_waits(codat_emulator: Emulator) -> None:
    made = connect(AsyncClient(), OfText)
    assert (await made.waits.get(f"{made.url}/companies")).status_code == 200


KEY = "MadeUpKeyInThePlaceOfAnSDK00000000000000"


@pytest.mark.parametrize("wrong", [BaseSDK, lambda: None, KEY, [KEY]])
def test_what_is_no_sdk_is_refused(wrong: Any, codat_emulator: Emulator) -> None:
    with pytest.raises(TypeError, match="^argument 'sdk': give the class of one of Codat's SDKs") as refused:
        connect(Client(), wrong)
    assert KEY not in str(refused.value)


def test_an_earlier_sdk_waits_and_notices_no_replaced_key() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(sys.prefix) / "earlier-sdk")}
    tests = ["tests/test_refresh_integrations.py", "-k", "by_platform and function", "--requests", "100"]
    command = [sys.executable, "-m", "pytest", "-v", "-n", "0", *tests]
    child = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, cwd=ROOT)
    assert child.returncode == 0, child.stdout
    assert "[by_platform_async-async function] PASSED" in child.stdout
