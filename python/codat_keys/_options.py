"""The types of the arguments of both clients. The native module validates the values."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Mapping
from datetime import timedelta
from typing import Callable, Union

from ._native import ApiKey, AuthorizationHeader

Timeout = Union[float, timedelta]
Path = Union[str, "os.PathLike[str]"]
Parameters = Mapping[str, Union[str, int, float]]

Key = Union[ApiKey, AuthorizationHeader, str]
KeyFunction = Callable[[], Key]
AsyncKeyFunction = Callable[[], Union[Key, Awaitable[Key]]]
