"""Converts the arguments of ``request`` to a call, for both clients."""

from __future__ import annotations

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ._native import Call, Response
    from ._options import Parameters, Timeout


def request(
    method: str,
    path: str,
    params: Parameters | None,
    json: Any,
    content: bytes | None,
    headers: Mapping[str, str] | None,
    timeout: Timeout | None,
    max_response_bytes: int | None,
) -> Call[Response]:
    if json is not None:
        if content is not None:
            raise TypeError("give json or content, not both")
        content = _dumped(json)
        if not any(name.lower() == "content-type" for name in headers or ()):
            headers = {**(headers or {}), "content-type": "application/json"}
    return _native.request(method, path, params, headers, content, timeout, max_response_bytes)


def _dumped(value: Any) -> bytes:
    _native.ensure_running()
    # Imported on first use, because few programs send JSON.
    import json

    return json.dumps(value, allow_nan=False).encode()
