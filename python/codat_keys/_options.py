"""What both clients take, on its way to the native module, which checks it."""

from __future__ import annotations

import json as _json
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Union

from . import _native
from ._native import Call, Response

Timeout = Union[float, timedelta]
Path = Union[str, "os.PathLike[str]"]
Parameters = Mapping[str, Union[str, int, float]]


def seconds(timeout: Timeout | None) -> float | None:
    return timeout.total_seconds() if isinstance(timeout, timedelta) else timeout


def request(
    method: str,
    path: str,
    query: Parameters | None,
    json: Any,
    content: bytes | None,
    headers: Mapping[str, str] | None,
    timeout: Timeout | None,
) -> Call[Response]:
    if json is not None:
        if content is not None:
            raise TypeError("give json or content, not both")
        content = _json.dumps(json, allow_nan=False).encode()
        if not any(name.lower() == "content-type" for name in headers or ()):
            headers = {**(headers or {}), "content-type": "application/json"}
    return _native.request(method, path, query, headers, content, seconds(timeout))
