"""Every doctest has an emulator, which its clients find, and the names of both clients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from codat_keys import AsyncClient, Client


@pytest.fixture(autouse=True)
def _emulated(codat_emulator: object, doctest_namespace: dict[str, object]) -> Iterator[None]:
    doctest_namespace.update(AsyncClient=AsyncClient, Client=Client)
    yield


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--requests", type=int, default=100, help="how many each integration makes while keys are replaced"
    )
