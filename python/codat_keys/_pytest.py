"""The pytest plugin, with the fixture ``codat_emulator``. The emulator is imported when a test uses the fixture."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .testing import Emulator


@pytest.fixture
def codat_emulator() -> Iterator[Emulator]:
    """An emulator for one test. Environment variables make it the default of ``Client()`` and ``AsyncClient()``."""
    from ._native import CREDENTIAL_VARIABLES
    from .testing import Emulator

    # The test may undo the changes of its own `monkeypatch`.
    with Emulator() as emulator, pytest.MonkeyPatch.context() as monkeypatch:
        for name in (*CREDENTIAL_VARIABLES, "CODAT_CA_FILE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in emulator.environment.items():
            monkeypatch.setenv(name, value)
        yield emulator
