"""Replaces keys while a program runs, and checks its requests in the emulator's journal."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

from codat_keys import ApiKey, Client, KeyCommand
from codat_keys.testing import Emulator


class Scene:
    """A key in a file and in a function. The client ``admin`` has another key, and replaces this one."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator, self.admin, self.file = emulator, Client(), folder / "key"
        self.current = self.admin.keys.create("followed").key
        self.seen: dict[int, Any] = {}
        self.write()

    def write(self) -> None:
        """Writes the file atomically, readable by its owner only."""
        new = self.file.with_suffix(".new")
        new.touch(0o600)
        new.write_text(self.current.api_key.expose_secret())
        new.replace(self.file)

    def rotate(self) -> None:
        """Puts a new key in the sources before it deletes the old one, so that one of them always works."""
        new = self.admin.keys.create("followed").key
        old, self.current = self.current, new
        self.write()
        self.admin.keys.delete(old.id)
        self.look()

    def look(self) -> None:
        """Reads the journal before it drops entries."""
        self.seen.update((request["seq"], request) for request in self.emulator.journal())

    def refused(self, calls: int, path: str = "/profile") -> int:
        """Checks that the last request of each call to a path succeeded, and returns how many were rejected."""
        self.look()
        statuses: defaultdict[str, list[int]] = defaultdict(list)
        for _, request in sorted(self.seen.items()):
            if request["path"] == path:
                statuses[request["query"]].append(request["status"])
        assert len(statuses) == calls
        assert all(seen in ([200], [401, 200], [403, 200]) for seen in statuses.values()), statuses
        return sum(len(seen) - 1 for seen in statuses.values())


def sources(scene: Scene) -> dict[str, dict[str, Any]]:
    async def asks() -> ApiKey:
        await asyncio.sleep(0)
        return scene.current.api_key

    return {
        "async function": {"api_key": asks},
        "function": {"api_key": lambda: scene.current.api_key.expose_secret()},
        "file": {"api_key_file": scene.file},
        "command": {"api_key_command": KeyCommand(["cat", scene.file])},
    }
