"""Keys that are replaced while a program runs, and what the emulator's journal says of its requests."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from typing import Any

from codat_keys import ApiKey, Client, KeyCommand
from codat_keys.testing import Emulator


class Scene:
    """A key in a file and in a function, and another one that stays, to replace it with."""

    def __init__(self, emulator: Emulator, folder: Path) -> None:
        self.emulator, self.admin, self.file = emulator, Client(), folder / "key"
        self.current = self.admin.keys.create("followed").key
        self.seen: dict[int, Any] = {}
        self.write()

    def write(self) -> None:
        """Atomically, and for the owner alone."""
        new = self.file.with_suffix(".new")
        new.touch(0o600)
        new.write_text(self.current.api_key.expose_secret())
        new.replace(self.file)

    def rotate(self) -> None:
        """A new key, the sources, the end of the old key: in this order there is always one that works."""
        new = self.admin.keys.create("followed").key
        old, self.current = self.current, new
        self.write()
        self.admin.keys.delete(old.id)
        self.look()

    def look(self) -> None:
        """Before the journal forgets."""
        self.seen.update((request["seq"], request) for request in self.emulator.journal())

    def refused(self, calls: int, path: str = "/profile") -> int:
        """How many requests were, of so many calls of a path, each of which has succeeded with its last one."""
        self.look()
        statuses: defaultdict[str, list[int]] = defaultdict(list)
        for _, request in sorted(self.seen.items()):
            if request["path"] == path:
                statuses[request["query"]].append(request["status"])
        assert len(statuses) == calls
        assert all(told in ([200], [401, 200], [403, 200]) for told in statuses.values()), statuses
        return sum(len(told) - 1 for told in statuses.values())


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
