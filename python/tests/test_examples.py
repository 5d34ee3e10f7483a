"""The programs that the pages show, as they stand there: ``cargo xtask generate`` puts them into README.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from codat_keys.testing import Emulator

FILES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))

PRINTS = {
    "companies": "the companies of Emulated client, by the key ",
    "keys": "made ",
    "other_library": "5 companies\n",
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_runs_and_shows_no_key(file: Path, codat_emulator: Emulator) -> None:
    child = subprocess.run([sys.executable, str(file)], capture_output=True, text=True, timeout=60)
    assert child.returncode == 0 and child.stderr == "", child.stderr
    assert child.stdout.startswith(PRINTS[file.stem]), child.stdout
    assert codat_emulator.api_key not in child.stdout


def test_each_is_shown() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for file in FILES:
        heading, _, program = file.read_text(encoding="utf-8").partition("\n\n")
        assert heading.startswith('"""') and f"```python\n{program}```" in readme, file.name
