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
    "aiohttp_companies": "5 companies\n",
    "aws_lambda": "{'companies': 5}\n",
    # `test_aws.py` calls its handler.
    "aws_rotation": "",
    "bulk_read": "complete: True\n",
    "companies": "the companies of Emulated client, by the key ",
    "httpx_companies": "5 companies\n",
    "quick_start": "this is the key ",
    "requests_companies": "5 companies\n",
    "rotate": "state create\ncreated \n",
    "scan_folder": "leaks and unread files: 0\n",
    "scan_pool": "leaks and unread files: 0\n",
    "sdk_profile": "the client is named Emulated client\n",
    "vault": "this is the key ",
}

# What docs/integrations.md says: whether the library repeats a request after a 503, and after a lost connection.
REPEATS = {
    "aiohttp_companies": (False, True),
    "httpx_companies": (False, False),
    "requests_companies": (True, True),
    "sdk_profile": (True, False),
}

# What the platform does with one that is no program. The processes of `scan_pool` import it.
CALLS = {"aws_lambda": "; print(aws_lambda.handler({}, None))", "scan_pool": "; scan_pool.main()"}

# Faults of the emulator. Here, the second and the third page fail in all attempts.
FAULTS = {
    "bulk_read": [{"method": "GET", "path": "/companies", "fault": "status", "status": 503, "skip": 1, "count": 8}]
}

# Examples that read the key from a service. The replacement of the service returns $KEPT_ELSEWHERE.
ELSEWHERE = {"aws_lambda", "vault"}
FAKES = Path(__file__).parent / "fakes"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_runs_and_shows_no_key(
    file: Path, codat_emulator: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    codat_emulator.set_faults(FAULTS.get(file.stem, []))
    if file.stem in ELSEWHERE:
        monkeypatch.delenv("CODAT_API_KEY")
        monkeypatch.setenv("KEPT_ELSEWHERE", codat_emulator.api_key)
        monkeypatch.setenv("PATH", str(FAKES), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(file.parent), str(FAKES)]))
    program = f"import {file.stem}" + CALLS.get(file.stem, "")
    child = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert child.returncode == 0 and child.stderr == "", child.stderr
    assert child.stdout.startswith(PRINTS[file.stem]), child.stdout
    assert codat_emulator.api_key not in child.stdout


@pytest.mark.parametrize("name", REPEATS)
def test_the_library_repeats_what_the_page_says(name: str, codat_emulator: Emulator) -> None:
    if name == "sdk_profile" and sys.version_info < (3, 10):
        pytest.skip("the page describes a version that needs Python 3.10")
    file = FILES[0].with_name(f"{name}.py")
    faults: list[dict[str, object]] = [{"fault": "status", "status": 503}, {"fault": "drop-before"}]
    for fault, repeated in zip(faults, REPEATS[name]):
        codat_emulator.set_faults([fault])
        child = subprocess.run([sys.executable, file], capture_output=True, text=True, timeout=60)
        assert (child.returncode == 0) == repeated, child.stderr


def test_each_is_shown() -> None:
    root = Path(__file__).parents[2]
    names = (
        "README.md",
        "python/README.md",
        "docs/bulk-reads.md",
        "docs/integrations.md",
        "docs/release-time.md",
        "docs/rotate.md",
    )
    pages = [(root / name).read_text(encoding="utf-8") for name in names]
    for file in FILES:
        heading, _, program = file.read_text(encoding="utf-8").partition("\n\n")
        assert heading.startswith('"""') and any(f"```python\n{program}```" in page for page in pages), file.name
