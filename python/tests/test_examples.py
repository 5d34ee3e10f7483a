"""The programs that the pages show, as they stand there: ``cargo xtask generate`` puts them into the pages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codat_keys.testing import Emulator

FILES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))

# What each prints first.
PRINTS = {
    "aws_lambda": "{'companies': 5}\n",
    # `test_aws.py` calls its handler.
    "aws_rotation": "",
    "companies": "the companies of Emulated client, by the key ",
    "quick_start": "this is the key ",
    "rotate": "state create\ncreated \n",
    "vault": "this is the key ",
}

# What the platform does with one that is no program.
CALLS = {"aws_lambda": "; print(aws_lambda.handler({}, None))"}

# Examples that read the key from a service. The replacement of the service returns $KEPT_ELSEWHERE.
ELSEWHERE = {"aws_lambda", "vault"}
FAKES = Path(__file__).parent / "fakes"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_runs_and_shows_no_key(file: Path, codat_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    if file.stem in ELSEWHERE:
        monkeypatch.delenv("CODAT_API_KEY")
        monkeypatch.setenv("KEPT_ELSEWHERE", codat_emulator.api_key)
        monkeypatch.setenv("PATH", str(FAKES), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(file.parent), str(FAKES)]))
    program = f"import {file.stem}" + CALLS.get(file.stem, "")
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert child.returncode == 0 and child.stderr == "", child.stderr
    assert child.stdout.startswith(PRINTS[file.stem]), child.stdout
    assert codat_emulator.api_key not in child.stdout


def test_each_is_shown() -> None:
    root = Path(__file__).parents[2]
    names = ("README.md", "python/README.md", "docs/release-time.md", "docs/rotate.md")
    pages = [(root / name).read_text(encoding="utf-8") for name in names]
    for file in FILES:
        heading, _, program = file.read_text(encoding="utf-8").partition("\n\n")
        assert heading.startswith('"""') and any(f"```python\n{program}```" in page for page in pages), file.name
