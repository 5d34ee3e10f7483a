"""The pytest plugin, with the fixture ``codat_emulator``. The emulator is imported when a test uses the fixture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import Emulator


@pytest.fixture
def codat_emulator(monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """An emulator for one test. Environment variables make it the default of ``Client()`` and ``AsyncClient()``."""
    from ._native import CREDENTIAL_VARIABLES
    from .testing import Emulator

    with Emulator() as emulator:
        for name in (*CREDENTIAL_VARIABLES, "CODAT_CA_FILE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        yield emulator
