"""Every doctest has an emulator, which its clients find, its own journals, and the names of clients and sinks."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest

from codat_keys import AsyncClient, Client, Sink

# The search for doctests would put this folder in `sys.path`, where its `boto3` hides the one of the tests.
collect_ignore = ["tests/fakes"]


@pytest.fixture(autouse=True)
def _emulated(
    codat_emulator: object,
    doctest_namespace: dict[str, object],
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    doctest_namespace.update(AsyncClient=AsyncClient, Client=Client, Sink=Sink)
    # The journals of rotations.
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.getbasetemp() / uuid4().hex))
    yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--requests", type=int, default=100, help="how many each integration makes while keys are replaced"
    )
