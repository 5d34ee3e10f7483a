"""All output of the package can be written to a terminal of any encoding."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from codat_keys.testing import Emulator

SHOWN = """
import asyncio
from codat_keys import ApiKey, AsyncClient, Client, CodatError, KeyCommand, encode

client = Client()
made = client.keys.create("payroll")
print(made, made.key, made.key.api_key, made.key.api_key.masked(), client, client.keys, AsyncClient())
print(client.authorization_for(client.base_url), client.request("GET", "/profile").redacted().decode())
for wrong in ("a key", "Bearer x", "'x'", "\\xfc"):
    try:
        ApiKey(wrong)
    except CodatError as error:
        print(error, error.hint)
"""


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "cp850"])
def test_a_key_is_shown_in_an_encoding_of_few_characters(encoding: str, codat_emulator: Emulator) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    child = subprocess.run([sys.executable, "-c", SHOWN], env=environment, capture_output=True, timeout=60)
    assert child.returncode == 0, child.stderr
    assert b"****" in child.stdout
