"""Files that others can write, child processes, and keys in the place of a path."""

from __future__ import annotations

import asyncio
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codat_keys import AsyncClient, Client, InvalidCredentialError, InvalidInputError, KeyCommand
from codat_keys.testing import Emulator

KEY = "MadeUpKeyForTheTests0123456789abcdefGhIj"
SHORT = "MadeUpKey.short"

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and shells of Unix")


def make(client: type[Client] | type[AsyncClient], **options: object) -> None:
    """Makes a client, and reads its key."""

    async def read(made: AsyncClient) -> None:
        async with made:
            await made.keys.list()

    made = client(**options)  # type: ignore[arg-type]
    if isinstance(made, AsyncClient):
        asyncio.run(read(made))
    else:
        with made:
            made.keys.list()


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_files_that_others_can_write_are_refused(client: type[Client], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text(KEY)
    file.chmod(0o622)
    with pytest.raises(InvalidCredentialError, match=r"can be changed by other users \(mode 0622, owner ") as raised:
        client(api_key_file=file)
    assert raised.value.hint == f"run: chmod go-w {file}"
    with pytest.raises(InvalidInputError, match=r"is not trusted: the file .* can be changed by other users") as of_ca:
        client(api_key=KEY, ca_file=file)
    assert of_ca.value.hint == f"run: chmod go-w {file}"
    file.chmod(0o600)
    tmp_path.chmod(0o777)
    with pytest.raises(InvalidInputError, match=r"is not trusted: the folder .* can be changed by other users"):
        client(api_key=KEY, ca_file=file)


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_key_command_is_given_no_key(client: type[Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dump = tmp_path / "dump"
    for name in ("CODAT_API_KEY", "CODAT_AUTH_HEADER", "CODAT_API_KEY_FILE", "CODAT_PROFILE", "VAULT_ADDR"):
        monkeypatch.setenv(name, "of this test")
    with Emulator() as emulator:
        command = KeyCommand(["sh", "-c", f"env > {dump}; echo {emulator.api_key}"])
        make(client, base_url=emulator.base_url, api_key_command=command)
    assert [line for line in dump.read_text().splitlines() if line.endswith("=of this test")] == [
        "VAULT_ADDR=of this test"
    ]


MISPLACED: dict[str, Callable[[str], dict[str, object]]] = {
    "key file": lambda key: {"api_key_file": key},
    "key file below it": lambda key: {"api_key_file": f"/nowhere/{key}/key"},
    "CA file": lambda key: {"ca_file": key},
    "command": lambda key: {"api_key_command": [key]},
    "complaint": lambda key: {"api_key_command": ["sh", "-c", f"echo {key} >&2; exit 1"]},
    "base URL": lambda key: {"base_url": key},
    "proxy": lambda key: {"proxy": key},
}


@pytest.mark.parametrize("key", [KEY, SHORT])
@pytest.mark.parametrize("place", MISPLACED)
@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_misplaced_key_is_not_repeated(
    client: type[Client], place: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODAT_API_KEY", key)
    with pytest.raises((InvalidCredentialError, InvalidInputError)) as raised:
        make(client, **({"base_url": "http://127.0.0.1:1"} | MISPLACED[place](key)))
    shown = "".join(traceback.format_exception_only(raised.value)) + repr(raised.value) + raised.value.hint
    assert key not in shown, shown


@pytest.mark.parametrize("key", [KEY, SHORT])
@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_misplaced_key_is_not_shown(client: type[Client], key: str) -> None:
    made = client(base_url=f"http://127.0.0.1:1/{key}", api_key=key)
    assert key in made.base_url and key not in repr(made) + repr(made.keys)
    assert KEY not in repr(KeyCommand([KEY, KEY]))

    async def send(headers: dict[str, str]) -> None:
        sent: Any = made.request("POST", "/companies", headers=headers)
        await sent if asyncio.iscoroutine(sent) else None

    for headers in ({f"{key}\n": "x"}, {key: "x\n"}, {"Idempotency-Key": key}):
        with pytest.raises(InvalidInputError) as raised:
            asyncio.run(send(headers))
        assert key not in f"{raised.value!r} {raised.value} {raised.value.hint}"


def test_a_misplaced_key_in_a_variable_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODAT_API_KEY", SHORT)
    for variable in ("CODAT_CA_FILE", "CODAT_BASE_URL", "CODAT_API_KEY_FILE"):
        for key in (SHORT, KEY):
            monkeypatch.setenv(variable, key)
            with pytest.raises((InvalidCredentialError, InvalidInputError)) as raised:
                Client()
            assert key not in f"{raised.value} {raised.value.hint}"
        monkeypatch.delenv(variable)
    assert os.environ["CODAT_API_KEY"] == SHORT
