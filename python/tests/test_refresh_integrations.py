"""Keys that are replaced while other libraries send the requests: no call fails, as the emulator's journal has it.

With `pytest --requests 10000`, each integration sends as many from each source, 64 at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
import ways
from scene import Scene, sources

from codat_keys.testing import Emulator


class Load:
    """Counts the calls of a test, at least ``calls``, and decides when the key may be replaced."""

    def __init__(self, calls: int) -> None:
        self.begun = self.ended = self.replaced = 0
        self.at_once, self.replacements = (64, 10) if calls >= 10_000 else (8, 3)
        self._calls, self._numbers = calls, count(1)
        self._under_way: set[int] = set()
        # Calls that may have begun with the old key; None until a call is known to have had the new key.
        self._with_old_key: set[int] | None = set()
        self._latest_with_old_key = 0

    @contextmanager
    def call(self) -> Iterator[int]:
        """Numbers a call, and counts it as running until it ends."""
        number = self.begun = next(self._numbers)
        self._under_way.add(number)
        yield number
        self._under_way.discard(number)
        self.ended += 1
        if self._with_old_key is None and number > self._latest_with_old_key:
            self._with_old_key = self._under_way.copy()

    def goes_on(self) -> bool:
        return self.begun < self._calls or self.replaced < self.replacements

    def is_due(self) -> bool:
        """Whether a replacement is due, and no running call would see two."""
        share = (self.replaced + 1) * self._calls // (self.replacements + 1)
        return self.ended >= share and self._with_old_key is not None and not self._with_old_key & self._under_way

    def replace(self, scene: Scene) -> None:
        scene.rotate()
        self._latest_with_old_key, self._with_old_key = self.begun, None
        self.replaced += 1


@pytest.fixture
def scene(codat_emulator: Emulator, tmp_path: Path) -> Scene:
    return Scene(codat_emulator, tmp_path)


@pytest.fixture
def load(request: pytest.FixtureRequest) -> Load:
    return Load(int(str(request.config.getoption("--requests"))))


@pytest.mark.parametrize("source", ["function", "file", "command"])
@pytest.mark.parametrize("way", ways.BLOCKING)
def test_threads_notice_no_replaced_key(way: ways.Blocking, source: str, scene: Scene, load: Load) -> None:
    def caller() -> None:
        while load.goes_on():
            with load.call() as number:
                call(number)

    with way(**sources(scene)[source]) as call, ThreadPoolExecutor(load.at_once) as threads:
        callers = [threads.submit(caller) for _ in range(load.at_once)]
        # A caller that fails stops, so that no wait depends on calls that are never made.
        while load.replaced < load.replacements and not any(caller.done() for caller in callers):
            load.replace(scene) if load.is_due() else time.sleep(0.001)
        load.replaced = load.replacements
        for ended in callers:
            ended.result()
    assert 0 < scene.refused(load.begun, "/companies") <= load.replacements * load.at_once


@pytest.mark.parametrize(
    ("way", "source"),
    [
        (way, source)
        for way in ways.WAITING
        for source in ("async function", "function", "file", "command")
        if source != "async function" or way is not ways.by_platform_async or ways.WAITS
    ],
)
async def test_tasks_notice_no_replaced_key(way: ways.Waiting, source: str, scene: Scene, load: Load) -> None:
    async def caller() -> None:
        while load.goes_on():
            with load.call() as number:
                await call(number)

    async with way(**sources(scene)[source]) as call:
        callers = asyncio.gather(*(caller() for _ in range(load.at_once)))
        while load.replaced < load.replacements and not callers.done():
            await (asyncio.to_thread(load.replace, scene) if load.is_due() else asyncio.sleep(0.001))
        await callers
    assert 0 < scene.refused(load.begun, "/companies") <= load.replacements * load.at_once
