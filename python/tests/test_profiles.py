"""The cases of profiles that every language runs, in ``tests/profile``."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from codat_keys import ApiKeyDetails, AsyncClient, Client, CodatError
from codat_keys.testing import Emulator

CASES = json.loads((Path(__file__).parents[2] / "tests/profile/cases.json").read_text())
NAMES = {"profile": "profile", "baseUrl": "base_url", "apiKey": "api_key"}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and shells of Unix")


def whoami(client: type[Client] | type[AsyncClient], **options: Any) -> ApiKeyDetails:
    async def ask() -> ApiKeyDetails:
        async with AsyncClient(**options) as made:
            return await made.whoami()

    if client is AsyncClient:
        return asyncio.run(ask())
    with Client(**options) as made:
        return made.whoami()


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_cases(
    client: type[Client],
    case: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    codat_emulator: Emulator,
) -> None:
    with Client() as admin:
        key = admin.keys.create("profile").key.api_key.expose_secret()
    values = {
        "$FOLDER": str(tmp_path),
        "$BASE_URL": codat_emulator.base_url,
        "$PROFILE_KEY": key,
        "$OTHER_KEY": codat_emulator.api_key,
    }

    def filled(text: str) -> str:
        for name, value in values.items():
            text = text.replace(name, value)
        return text

    for name, content in case.get("files", {}).items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        file.write_text(filled(content["text"]))
        file.chmod(int(content["mode"], 8))
    for name in codat_emulator.environment:
        monkeypatch.delenv(name)
    for name, value in {"XDG_CONFIG_HOME": "$FOLDER", **case.get("environment", {})}.items():
        monkeypatch.setenv(name, filled(value))
    options = {NAMES[name]: filled(value) for name, value in case.get("options", {}).items()}
    expected = case["expect"]
    if "key" in expected:
        assert whoami(client, **options).name == expected["key"]
        return
    with pytest.raises(CodatError) as raised:
        whoami(client, **options)
    error = raised.value
    assert error.code == expected["error"]
    assert filled(expected["message"]) in str(error)
    assert filled(expected["hint"]) in (error.hint or "")
    assert key not in f"{error!r}{error.hint}"


def test_a_profile_and_a_key_are_not_both_given() -> None:
    with pytest.raises(TypeError, match="give api_key or profile, not both"):
        Client(api_key="MadeUpKey", profile="work")
