"""The types of what both clients take. The native module checks the values."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Union

Timeout = Union[float, timedelta]
Path = Union[str, "os.PathLike[str]"]
Parameters = Mapping[str, Union[str, int, float]]
