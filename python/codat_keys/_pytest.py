"""The pytest plugin: the fixture ``codat_emulator``. Nothing is loaded before a test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import Emulator


@pytest.fixture
def codat_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator for this test alone, which ``Client()`` and ``AsyncClient()`` find by themselves."""
    from .testing import Emulator

    with Emulator() as emulator:
        for name in ("CODAT_AUTH_HEADER", "CODAT_API_KEY_FILE", "CODAT_CA_FILE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        yield emulator
