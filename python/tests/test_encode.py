"""The files of ``tests/encode``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from codat_keys import ApiKey, AsyncClient, AuthorizationHeader, Client, InvalidCredentialError, encode

FOLDER = Path(__file__).parents[2] / "tests" / "encode"


def cases(name: str) -> list[Any]:
    found = json.loads((FOLDER / name).read_text(encoding="utf-8"))["cases"]
    assert found
    return [pytest.param(case, id=case["name"]) for case in found]


def header_of(case: dict[str, Any], file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    if case["as"] == "key":
        return encode(case["given"])
    if case["as"] == "header":
        return AuthorizationHeader(case["given"]).expose_secret()
    file.touch(0o600)  # a file that others can read is refused
    file.write_bytes(case["given"].encode())
    monkeypatch.delenv("CODAT_API_KEY")
    monkeypatch.setenv("CODAT_API_KEY_FILE", str(file))
    client = Client()
    return client.authorization_for(client.base_url).expose_secret()


@pytest.mark.parametrize("case", cases("accepted.json"))
def test_accepted(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert header_of(case, tmp_path / "key", monkeypatch) == case["header"]


@pytest.mark.parametrize("case", cases("refused.json"))
def test_refused(case: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidCredentialError) as refused:
        header_of(case, tmp_path / "key", monkeypatch)
    assert str(refused.value).endswith(case["refused"]) and refused.value.hint
    assert len(case["given"]) < 8 or case["given"].strip() not in repr(refused.value)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=80))
def test_any_key_is_taken_and_given_back_or_refused(text: str) -> None:
    try:
        key = ApiKey(text)
    except InvalidCredentialError as refused:
        assert len(text) < 12 or text not in str(refused)
        return
    assert key.expose_secret() == text
    assert AuthorizationHeader(encode(text)).api_key == key


@pytest.mark.parametrize(
    "client",
    [
        lambda url: Client(base_url=url, api_key="MadeUpKey"),
        lambda url: AsyncClient(base_url=url, api_key=ApiKey("MadeUpKey")),
        lambda url: AsyncClient(base_url=url, auth_header=encode("MadeUpKey")),
        lambda url: Client(base_url=url, auth_header=AuthorizationHeader(encode(ApiKey("MadeUpKey")))),
    ],
)
def test_a_client_takes_text_and_objects(client: Callable[[str], Client | AsyncClient]) -> None:
    header = client("https://api.example").authorization_for("https://api.example/x")
    assert header.expose_secret() == "Basic TWFkZVVwS2V5"
