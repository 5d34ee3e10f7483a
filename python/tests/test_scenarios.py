"""The files of ``tests/scenario``, through both clients, judged by what the emulator saw and holds."""

from __future__ import annotations

import asyncio
import json
import re
import time
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from codat_keys import ApiKeyDetails, AsyncClient, Client, CodatError, OutcomeUnknownError
from codat_keys.testing import Emulator

FILES = sorted((Path(__file__).parents[2] / "tests" / "scenario").glob("*.json"))


def show(key: ApiKeyDetails, client: Client | AsyncClient) -> dict[str, Any]:
    own = client.authorization_for(client.base_url).api_key
    created = key.created_date and key.created_date.isoformat().replace("+00:00", "Z")
    masked = key.api_key.masked()
    return {"id": key.id, "name": key.name, "created": created, "inUse": key.api_key == own, "key": masked}


async def perform(client: Client | AsyncClient, step: dict[str, Any]) -> dict[str, Any]:
    async def done(value: Any) -> Any:
        return await value if isinstance(client, AsyncClient) else value

    call, keys = step["call"], client.keys
    if call in ("list", "find"):
        found = await done(keys.list() if call == "list" else keys.find(step["name"]))
        return {"keys": [show(key, client) for key in found]}
    if call in ("get", "whoami"):
        return {"key": show(await done(keys.get(step["id"]) if call == "get" else client.whoami()), client)}
    if call == "create":
        key, adopt = step.get("idempotencyKey"), step.get("adopt", False)
        made = await done(keys.create(step["name"], adopt=adopt, idempotency_key=key))
        extras = None if made.extras is None else [extra.id for extra in made.extras]
        return {"key": show(made.key, client), "how": made.how, "extras": extras}
    if call == "delete":
        await done(keys.delete(step["id"], allow_key_in_use=step.get("allowKeyInUse", False)))
        return {}
    if call == "request":
        answer = await done(client.request(step["method"], step["path"], json=step.get("body")))
        return {"status": answer.status, "json": answer.json() if answer.content else None}
    path, page_size = step["path"], step.get("pageSize")
    if isinstance(client, AsyncClient):
        return {"results": [result async for page in client.pages(path, page_size=page_size) for result in page.results]}
    return {"results": [result for page in client.pages(path, page_size=page_size) for result in page.results]}


def holds(expected: Any, actual: Any) -> bool:
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(n in actual and holds(v, actual[n]) for n, v in expected.items())
    if isinstance(expected, list):
        return isinstance(actual, list) and len(expected) == len(actual) and all(map(holds, expected, actual))
    return bool(expected == actual)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_scenario(file: Path, kind: type[Client | AsyncClient]) -> None:
    scenario = json.loads(file.read_text(encoding="utf-8"))
    with Emulator() as emulator:
        emulator.set_state(**scenario["emulator"])
        emulator.set_faults(scenario.get("faults", []))
        for step in scenario["steps"]:
            if isinstance(minutes := step.get("idempotencyKey"), dict):
                step["idempotencyKey"] = uuid7(minutes["minutesAgo"])
            key = step.get("key") or scenario.get("key") or scenario["emulator"]["keys"][0]["apiKey"]
            client = kind(base_url=emulator.base_url, api_key=key, timeout=step.get("timeout"))
            try:
                outcome = asyncio.run(perform(client, step))
            except CodatError as error:
                keys = error.candidates if isinstance(error, OutcomeUnknownError) else None
                outcome = {"error": error.code, "candidates": keys if keys is None else [key.name for key in keys]}
            # A datetime holds microseconds.
            expected = json.loads(re.sub(r"(\.\d{6})\d+Z", r"\1Z", json.dumps(step["expect"])))
            assert holds(expected, outcome), outcome
        saw = [line for line, _ in groupby(map(journalled, emulator.journal()))]
        assert saw == scenario["saw"]
        assert [key.get("name") for key in emulator.state()["keys"]] == scenario["namesAtEnd"]


def journalled(request: dict[str, Any]) -> str:
    end = request.get("status") or request.get("ended", "running")
    return f"{request['method']} {request['path']} {end}{' replayed' if request.get('replayed') else ''}"


def uuid7(minutes_ago: float) -> str:
    digits = f"{int((time.time() - 60 * minutes_ago) * 1000):012x}"
    return f"{digits[:8]}-{digits[8:]}-7000-8000-000000000000"
