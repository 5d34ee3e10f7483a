"""What both clients take: how it is checked, and what it means."""

from __future__ import annotations

import json as _json
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Union

from . import _native
from ._native import ApiKey, AuthorizationHeader, Call

Timeout = Union[float, timedelta]
Path = Union[str, "os.PathLike[str]"]


def options(
    *,
    api_key: ApiKey | str | None,
    auth_header: AuthorizationHeader | str | None,
    base_url: str | None,
    timeout: Timeout | None,
    retry: bool,
    ca_file: Path | None,
    proxy: str | None,
    allow_insecure_http: bool,
) -> _native.Options:
    if api_key is not None and auth_header is not None:
        raise TypeError("give api_key or auth_header, not both")
    if api_key is not None and not isinstance(api_key, ApiKey):
        api_key = ApiKey(_text("api_key", api_key))
    if auth_header is not None and not isinstance(auth_header, AuthorizationHeader):
        auth_header = AuthorizationHeader(_text("auth_header", auth_header))
    return _native.Options(
        api_key=api_key,
        auth_header=auth_header,
        base_url=base_url,
        timeout=seconds(timeout),
        retry=retry,
        ca_file=ca_file,
        proxy=proxy,
        allow_insecure_http=allow_insecure_http,
    )


def seconds(timeout: Timeout | None) -> float | None:
    return timeout.total_seconds() if isinstance(timeout, timedelta) else timeout


def request(
    method: str,
    path: str,
    query: Mapping[str, object] | None,
    json: Any,
    content: bytes | None,
    headers: Mapping[str, str] | None,
    timeout: Timeout | None,
) -> Call:
    given = list((headers or {}).items())
    if json is not None:
        if content is not None:
            raise TypeError("give json or content, not both")
        content = _json.dumps(json).encode()
        if not any(name.lower() == "content-type" for name, _ in given):
            given.append(("content-type", "application/json"))
    return _native.request(method, path, pairs(query), given, content, seconds(timeout))


def pairs(query: Mapping[str, object] | None) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in (query or {}).items()]


def _text(name: str, value: object) -> str:
    # Without the value, which is a secret that somebody put into the wrong type.
    if not isinstance(value, str):
        raise TypeError(f"argument '{name}': {type(value).__name__} is not a str")
    return value
