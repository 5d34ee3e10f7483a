"""Clients that follow a key file while the command line rotates the key: no call fails, as the journal has it."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import ways
from scene import Scene

from codat_keys import Client
from codat_keys.testing import Emulator

# The command line, which `cargo xtask test python` builds.
PROGRAM = Path(__file__).parents[2] / "target/debug/codat-keys"

ROTATIONS = 10

# The number of calls of each client at the same time.
AT_ONCE = 64

BLOCKING: list[ways.Blocking] = [ways.by_client, ways.by_httpx, ways.by_requests]
WAITING: list[ways.Waiting] = [ways.by_async_client, ways.by_httpx_async, ways.by_aiohttp]


def rotate(scene: Scene, state: Path) -> None:
    """Replaces the key in the file, and deletes the old one."""
    environment = {**os.environ, "CODAT_API_KEY_FILE": str(scene.file), "XDG_STATE_HOME": str(state)}
    del environment["CODAT_API_KEY"]
    rotation = [str(PROGRAM), "rotate", "--to", f"file:{scene.file}", "--grace", "0"]
    ended = subprocess.run(rotation, env=environment, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    scene.look()


@pytest.mark.timeout(300)
async def test_no_call_fails_while_the_key_in_the_file_is_rotated_ten_times(
    codat_emulator: Emulator, tmp_path: Path
) -> None:
    scene, numbers, is_over = Scene(codat_emulator, tmp_path), count(1), False
    under_way: set[int] = set()
    # The calls are under way at the same time, and leave time of the processor to the rotations.
    delay = {"method": "GET", "path": "/companies", "fault": "delay-before", "milliseconds": 2000, "count": 1_000_000}
    codat_emulator.set_faults([delay])

    def to_call() -> Iterator[int]:
        while not is_over:
            number = next(numbers)
            under_way.add(number)
            try:
                yield number
            finally:
                under_way.discard(number)

    async def calls_end() -> None:
        """A call is repeated once, so it must not last for two rotations."""
        begun = set(under_way)
        while begun & under_way:
            await asyncio.sleep(0.02)

    def repeat(call: Any) -> None:
        for number in to_call():
            call(number)

    async def repeat_async(call: Any) -> None:
        for number in to_call():
            await call(number)

    async with AsyncExitStack() as stack:
        blocking = [stack.enter_context(way(api_key_file=scene.file)) for way in BLOCKING]
        waiting = [await stack.enter_async_context(way(api_key_file=scene.file)) for way in WAITING]
        threads = stack.enter_context(ThreadPoolExecutor(AT_ONCE * len(blocking)))
        in_thread = asyncio.get_running_loop().run_in_executor
        callers = [in_thread(threads, repeat, call) for call in blocking for _ in range(AT_ONCE)]
        callers += [asyncio.ensure_future(repeat_async(call)) for call in waiting for _ in range(AT_ONCE)]
        try:
            for _ in range(ROTATIONS):
                await asyncio.to_thread(rotate, scene, tmp_path / "state")
                await calls_end()
        finally:
            is_over = True
        await asyncio.gather(*callers)
    calls = next(numbers) - 1
    refused = scene.refused(calls, "/companies")
    print(f"{calls} calls, of which {refused} were rejected and repeated")
    assert 0 < refused <= ROTATIONS * len(callers)
    with Client(api_key_file=scene.file) as client:
        assert str(client.whoami().name).startswith("followed~")
        assert len(client.keys.list()) == 2
