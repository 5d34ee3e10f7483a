"""Searches the folders of a folder for a key, in several processes."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from codat_keys.scan import Finding, Unread, scan_paths


def scan(path: Path) -> list[Finding | Unread]:
    # Reads the key in the worker, because a scheduler may log the arguments of a task.
    return scan_paths([os.environ["CODAT_API_KEY"]], [path])


def main() -> None:
    paths = list(Path().iterdir())
    # Dask: `client.gather(client.map(scan, paths))`. Ray: `ray.get([ray.remote(scan).remote(path) for path in paths])`.
    with ProcessPoolExecutor() as pool:
        items = [item for part in pool.map(scan, paths) for item in part]
    for item in items:
        print(item)
    print("leaks and unread files:", len(items))


if __name__ == "__main__":
    main()
