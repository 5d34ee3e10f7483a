"""The files of ``tests/scenario``, through both clients, judged by what the emulator saw and holds."""

from __future__ import annotations

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from codat_keys import ApiKeyDetails, AsyncClient, Client, CodatError
from codat_keys.testing import Emulator

FILES = sorted((Path(__file__).parents[2] / "tests" / "scenario").glob("*.json"))
NAMES = {"allowKeyInUse": "allow_key_in_use", "body": "json", "idempotencyKey": "idempotency_key"}


def show(key: ApiKeyDetails, client: Client | AsyncClient) -> dict[str, Any]:
    own = client.authorization_for(client.base_url).api_key
    made = key.created_date and key.created_date.isoformat().replace("+00:00", "Z")
    return {"id": key.id, "name": key.name, "created": made, "inUse": key.api_key == own, "key": key.api_key.masked()}


async def perform(client: Client | AsyncClient, call: str, **given: Any) -> dict[str, Any]:
    if call == "pages":
        pages: Any = client.pages(given["path"], page_size=given.get("pageSize"))
        found = [page async for page in pages] if isinstance(client, AsyncClient) else list(pages)
        return {"results": [result for page in found for result in page.results]}
    verb = getattr(client if call in ("request", "whoami") else client.keys, call)
    answer = verb(**{NAMES.get(name, name): value for name, value in given.items()})
    found = await answer if isinstance(client, AsyncClient) else answer
    if call == "request":
        return {"status": found.status, "json": found.json() if found.content else None}
    if call == "create":
        extras = found.extras and [extra.id for extra in found.extras]
        return {"key": show(found.key, client), "how": found.how, "extras": extras}
    if call in ("list", "find"):
        return {"keys": [show(key, client) for key in found]}
    return {"key": show(found, client)} if found else {}


def holds(expected: Any, actual: Any) -> bool:
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(n in actual and holds(v, actual[n]) for n, v in expected.items())
    if isinstance(expected, list):
        return isinstance(actual, list) and len(expected) == len(actual) and all(map(holds, expected, actual))
    return bool(expected == actual)


def journalled(request: dict[str, Any]) -> str:
    end = request.get("status") or request.get("ended", "running")
    return f"{request['method']} {request['path']} {end}{' replayed' if request.get('replayed') else ''}"


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_scenario(file: Path, kind: type[Client | AsyncClient], codat_emulator: Emulator) -> None:
    scenario = json.loads(file.read_text(encoding="utf-8"))
    codat_emulator.set_state(**scenario["emulator"])
    codat_emulator.set_faults(scenario.get("faults", []))
    for step in scenario["steps"]:
        if isinstance(begun := step.get("idempotencyKey"), dict):
            digits = f"{int((time.time() - 60 * begun['minutesAgo']) * 1000):012x}"
            step["idempotencyKey"] = f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"
        key = step.pop("key", None) or scenario.get("key") or scenario["emulator"]["keys"][0]["apiKey"]
        client = kind(base_url=codat_emulator.base_url, api_key=key, timeout=step.pop("timeout", None))
        # A datetime holds microseconds.
        expected = json.loads(re.sub(r"(\.\d{6})\d+Z", r"\1Z", json.dumps(step.pop("expect"))))
        try:
            outcome = asyncio.run(perform(client, **step))
        except CodatError as error:
            names = None if error.candidates is None else [candidate.name for candidate in error.candidates]
            outcome = {"error": error.code, "candidates": names, "attempts": error.attempts}
            assert (error.attempts == 0) == (error.elapsed == 0)
        assert holds(expected, outcome), outcome
    lines = list(map(journalled, codat_emulator.journal()))
    saw = [line for line in scenario["saw"] if not line.startswith("cli: ")]
    in_time = [line.removeprefix("in time: ") for line in saw]
    late = [line for line in saw if not line.startswith("in time: ")]
    assert lines == (late if len(lines) < len(in_time) else in_time)
    assert [key.get("name") for key in codat_emulator.state()["keys"]] == scenario["namesAtEnd"]
