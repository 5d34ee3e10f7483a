"""A local stand-in for Codat's API, for tests. Its keys are made up; never give it a real one.

>>> from codat_keys import Client
>>> from codat_keys.testing import Emulator
>>> with Emulator() as emulator:
...     client = Client(base_url=emulator.base_url, api_key=emulator.api_key)
...     emulator.set_faults([{"method": "POST", "path": "/apiKeys", "fault": "drop-after"}])
...     made = client.keys.create("ci")
...     print(made.how, len(emulator.state()["keys"]))
replayed 2
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

from . import _native
from ._keys import _uninitialized

__all__ = ["Emulator"]

# An emulator runs on when its last variable is gone: clients may still call it.
_running: set[Emulator] = set()


class Emulator:
    """The emulator, in this process, on 127.0.0.1: it runs until it is stopped.

    ``port`` is by default a free one; a ``seed`` makes the same keys each time. What it does, and how sure we are that
    Codat does so, ``codat-keys emulator --explain`` tells. Raises ``RuntimeError`` where it cannot start.

    What is set, read or moved below goes over HTTP. ``ValueError`` says what the emulator does not understand.

    >>> with Emulator(seed=1) as emulator:
    ...     emulator.set_state(companies=3)
    ...     emulator.state()["companies"], emulator.journal()
    (3, [])
    """

    def __init__(self, *, port: int = 0, seed: int | None = None) -> None:
        self._native = _native.Emulator(port, seed)
        _running.add(self)

    @property
    def base_url(self) -> str:
        """Where it listens, ``http://127.0.0.1:…``."""
        return self._native.base_url

    @property
    def api_key(self) -> str:
        """The one made-up key that it has in the beginning."""
        return self._native.api_key

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which a client finds it."""
        return {"CODAT_BASE_URL": self.base_url, "CODAT_API_KEY": self.api_key}

    def state(self) -> dict[str, Any]:
        """``keys`` (masked), ``companies`` (how many), ``lastKeyCanBeDeleted``, ``enforceLimits`` and ``rateLimit``."""
        return self._control("GET", "state")

    def set_state(self, **members: Any) -> None:
        """Changes members of the state; what is not named stays."""
        self._control("PUT", "state", members)

    def set_faults(self, faults: Iterable[Mapping[str, Any]]) -> None:
        """What is to go wrong, in order; an empty script lets nothing go wrong any more.

        The faults, and whose requests they are for, stand in docs/emulator.md.

        >>> from codat_keys import Client
        >>> with Emulator() as emulator:
        ...     emulator.set_faults([{"method": "GET", "fault": "status", "status": 503}])
        ...     keys = Client(base_url=emulator.base_url, api_key=emulator.api_key).keys.list()
        ...     [request["status"] for request in emulator.journal()]
        [503, 200]
        """
        self._control("PUT", "faults", {"faults": list(faults)})

    def journal(self) -> list[dict[str, Any]]:
        """The newest 10,000 requests, without secrets: ``method``, ``path``, ``status``, ``fault`` and more."""
        requests: list[dict[str, Any]] = self._control("GET", "journal")["requests"]
        return requests

    def clear_journal(self) -> None:
        """Forgets the requests so far."""
        self._control("DELETE", "journal")

    def advance_clock(self, seconds: float) -> None:
        """Puts its clock forward. It dates keys, ends the day's quota and lets idempotency keys expire."""
        self._control("POST", "clock", {"advanceSeconds": seconds})

    def stop(self) -> None:
        """Closes its port and its connections."""
        self._native.stop()
        _running.discard(self)

    def __enter__(self) -> Emulator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<Emulator at {self.base_url}>" if hasattr(self, "_native") else _uninitialized(self)

    def _control(self, method: str, what: str, body: object = None) -> dict[str, Any]:
        _native.ensure_running()
        data = None if body is None else json.dumps(body).encode()
        url, headers = f"{self.base_url}/_emulator/{what}", {"Content-Type": "application/json"}
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        # Whatever proxy this machine has, it is not for this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as answer:
                result: dict[str, Any] = json.loads(answer.read() or b"{}")
                return result
        except urllib.error.HTTPError as refused:
            raise ValueError(json.loads(refused.read())["error"]) from None
