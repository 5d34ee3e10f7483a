"""A local emulator of Codat's API, for tests. Its keys are made up. Never use it with a real key.

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

# Keeps each emulator running when its last reference is gone, because clients may still call it.
_running: set[Emulator] = set()


class Emulator:
    """An emulator in this process, on 127.0.0.1. It runs until it is stopped.

    - ``port``, its TCP port. Default: a free port.
    - ``seed``, an integer. Emulators with the same seed have the same keys. Default: a random seed.

    ``codat-keys emulator --explain`` lists its behaviours, with the evidence that Codat has each of them. Raises
    ``RuntimeError`` if the emulator cannot start.

    The methods that read or change the state use HTTP. They raise ``ValueError`` for arguments that the emulator
    rejects.

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
        """The base URL for clients, ``http://127.0.0.1:…``."""
        return self._native.base_url

    @property
    def api_key(self) -> str:
        """The made-up key that exists when the emulator starts."""
        return self._native.api_key

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that make the emulator the default of a client."""
        return {"CODAT_BASE_URL": self.base_url, "CODAT_API_KEY": self.api_key}

    def state(self) -> dict[str, Any]:
        """Returns the state: ``keys`` (masked), ``companies`` (their number), ``lastKeyCanBeDeleted``,
        ``enforceLimits`` and ``rateLimit``.
        """
        return self._control("GET", "state")

    def set_state(self, **members: Any) -> None:
        """Changes the given members of the state."""
        self._control("PUT", "state", members)

    def set_faults(self, faults: Iterable[Mapping[str, Any]]) -> None:
        """Replaces the faults, which are injected in this order. An empty list removes all faults.

        docs/emulator.md describes the faults, and the requests to which each applies.

        >>> from codat_keys import Client
        >>> with Emulator() as emulator:
        ...     emulator.set_faults([{"method": "GET", "fault": "status", "status": 503}])
        ...     keys = Client(base_url=emulator.base_url, api_key=emulator.api_key).keys.list()
        ...     [request["status"] for request in emulator.journal()]
        [503, 200]
        """
        self._control("PUT", "faults", {"faults": list(faults)})

    def journal(self) -> list[dict[str, Any]]:
        """Returns the latest 10,000 requests, oldest first, without secrets. Each has ``method``, ``path``, ``status``,
        ``fault`` and more.
        """
        requests: list[dict[str, Any]] = self._control("GET", "journal")["requests"]
        return requests

    def clear_journal(self) -> None:
        """Removes all requests from the journal."""
        self._control("DELETE", "journal")

    def advance_clock(self, seconds: float) -> None:
        """Advances the clock of the emulator, which dates keys, resets the quota of the day, and expires idempotency
        keys.
        """
        self._control("POST", "clock", {"advanceSeconds": seconds})

    def stop(self) -> None:
        """Stops the emulator, and closes its port and its connections."""
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
        # Without the proxy of the environment, because the emulator runs on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=30) as response:
                result: dict[str, Any] = json.loads(response.read() or b"{}")
                return result
        except urllib.error.HTTPError as error:
            raise ValueError(json.loads(error.read())["error"]) from None
