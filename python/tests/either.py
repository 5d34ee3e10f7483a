"""Tests of both clients with the same code."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from codat_keys import AsyncClient, Client

END = object()

kinds = pytest.mark.parametrize("kind", [Client, AsyncClient])


async def step(iterator: Any) -> Any:
    """The next item of an iterator, or ``END``."""
    try:
        return await iterator.__anext__() if hasattr(iterator, "__anext__") else next(iterator)
    except (StopIteration, StopAsyncIteration):
        return END


async def rest(iterator: Any) -> list[Any]:
    taken = []
    while (one := await step(iterator)) is not END:
        taken.append(one)
    return taken


async def call(returned: Any) -> Any:
    return await returned if hasattr(returned, "__await__") else returned


@asynccontextmanager
async def entered(manager: Any) -> AsyncIterator[Any]:
    if hasattr(manager, "__aenter__"):
        async with manager as inner:
            yield inner
    else:
        with manager as inner:
            yield inner
