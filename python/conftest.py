"""Every doctest, too, has an emulator, which ``Client()`` finds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _emulated(codat_emulator: object) -> Iterator[None]:
    yield
