"""Keys that change while a program runs: no call fails, as the emulator's journal has it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from scene import Scene, sources

from codat_keys import ApiKey, AsyncClient, Client
from codat_keys.testing import Emulator


@pytest.fixture
def scene(codat_emulator: Emulator, tmp_path: Path) -> Scene:
    return Scene(codat_emulator, tmp_path)


@pytest.mark.parametrize("source", ["async function", "function", "file", "command"])
async def test_ten_thousand_calls_do_not_notice_that_their_key_is_replaced_ten_times(source: str, scene: Scene) -> None:
    calls, begun = 10_000, 0

    async def caller(client: AsyncClient) -> None:
        nonlocal begun
        while begun < calls:
            begun += 1
            await client.request("GET", "/profile", params={"call": begun})

    async with AsyncClient(**sources(scene)[source]) as client:
        callers = asyncio.gather(*(caller(client) for _ in range(64)))
        for number in range(1, 11):
            # A caller that fails sends no more requests, so the wait must end with the callers.
            while begun < number * 900 and not callers.done():
                await asyncio.sleep(0.001)
            await asyncio.to_thread(scene.rotate)
        await callers
        assert await client.whoami() == scene.current
    assert 0 < scene.refused(calls) <= 10 * 64


@pytest.mark.parametrize("source", ["function", "file"])
def test_threads_that_block_do_not_notice_it_either(source: str, scene: Scene) -> None:
    client = Client(**sources(scene)[source])
    ended: list[int] = []

    def caller(first: int) -> None:
        for number in range(first, first + 250):
            client.request("GET", "/profile", params={"call": number})
            ended.append(number)

    callers = [threading.Thread(target=caller, args=(250 * number,)) for number in range(8)]
    for thread in callers:
        thread.start()
    for number in range(1, 11):
        while len(ended) < number * 180 and any(thread.is_alive() for thread in callers):
            time.sleep(0.001)
        scene.rotate()
    for thread in callers:
        thread.join()
    assert client.whoami() == scene.current
    assert 0 < scene.refused(2000) <= 10 * 8


@pytest.mark.skipif(os.name == "nt", reason="containers mount secrets like that elsewhere")
async def test_a_swap_of_kubernetes_is_seen_under_load(scene: Scene, tmp_path: Path) -> None:
    mounted, calls, stop = tmp_path / "mounted", 0, False

    def swap(version: str, key: ApiKey) -> None:
        (mounted / version).mkdir(parents=True)
        (mounted / version / "key").write_text(key.expose_secret())
        (mounted / "..new").symlink_to(version)
        (mounted / "..new").replace(mounted / "..data")

    async def caller(client: AsyncClient) -> None:
        nonlocal calls
        while not stop:
            calls += 1
            await client.request("GET", "/profile", params={"call": calls})

    swap("..1", scene.current.api_key)
    (mounted / "key").symlink_to("..data/key")
    async with AsyncClient(api_key_file=mounted / "key") as client:
        callers = asyncio.gather(*(caller(client) for _ in range(64)))
        await asyncio.sleep(0.1)
        new = await asyncio.to_thread(scene.admin.keys.create, "followed")
        swap("..2", new.key.api_key)
        swapped = time.monotonic()
        while client.authorization_for(client.base_url).api_key != new.key.api_key and not callers.done():
            assert time.monotonic() - swapped < 60, "the old key is still in use"
            await asyncio.sleep(0.005)
            scene.look()
        print(f"the new key was in use after {time.monotonic() - swapped:.2f} s")
        await asyncio.to_thread(scene.admin.keys.delete, scene.current.id)
        stop = True
        await callers
    scene.refused(calls)


CHILD = """
import asyncio, os, pathlib, sys
from codat_keys import AsyncClient, Client
from codat_keys.testing import Emulator

async def follows(client, replaced):
    before = await client.whoami()
    made = await AsyncClient().keys.create("followed")
    replaced(made.key.api_key)
    await AsyncClient().keys.delete(before.id)
    assert await client.whoami() == made.key

def forks(client, replaced):
    for generation in range(3):
        asyncio.run(follows(client, replaced))
        if child := os.fork():
            _, status = os.waitpid(child, 0)
            os._exit(os.waitstatus_to_exitcode(status))
    os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize(
    "program",
    [
        "forks(AsyncClient(api_key_file=file), lambda key: file.write_text(key.expose_secret()))",
        "held = [Client().keys.create('followed').key.api_key]\n"
        "forks(AsyncClient(api_key=lambda: held[-1]), held.append)",
    ],
    ids=["file", "function"],
)
def test_a_child_of_a_fork_follows_and_so_does_its_own(program: str, scene: Scene) -> None:
    program = f"{CHILD}\nfile = pathlib.Path(sys.argv[1])\n{program}"
    child = subprocess.run([sys.executable, "-c", program, scene.file], capture_output=True, text=True, timeout=60)
    assert child.returncode == 0, child.stderr
