"""``tests/interface/names.json`` lists the public names of this package."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import codat_keys
from codat_keys import CodatError, aws, scan, testing
from codat_keys.integrations import aiohttp, httpx, official, requests

NAMES = Path(__file__).parents[2] / "tests" / "interface" / "names.json"
MODULES = {
    "": codat_keys,
    "aws.": aws,
    "scan.": scan,
    "testing.": testing,
    "integrations.aiohttp.": aiohttp,
    "integrations.httpx.": httpx,
    "integrations.official.": official,
    "integrations.requests.": requests,
}


def options(function: Callable[..., Any], name: str) -> Iterator[str]:
    """The keyword-only parameters."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY:
            yield f"{name}({parameter.name})"


def members(thing: type) -> dict[str, Any]:
    """The members of a class, and of its private bases, and the attributes that it declares."""
    own = [base for base in thing.__mro__ if base is thing or base.__name__.startswith("_")]
    found: dict[str, Any] = {}
    for base in reversed(own):
        found.update(getattr(base, "__annotations__", {}))
        found.update(vars(base))
    return found


def public(prefix: str, module: ModuleType) -> Iterator[str]:
    """The names of a module, the members of its classes, and the options of its functions. A class
    ``Async...`` has the members of the one without ``Async``.
    """
    for name in module.__all__:
        thing = getattr(module, name)
        if isinstance(thing, ModuleType):
            continue
        yield prefix + name
        if not isinstance(thing, type):
            yield from options(thing, prefix + name)
        elif CodatError not in thing.__bases__:
            kind = prefix + name.replace("Async", "", 1)
            # Classes without a constructor of their own have no signature.
            yield from options(thing, kind) if "__init__" in vars(thing) or name == "KeyCommand" else ()
            for member, value in members(thing).items():
                if not member.startswith("_"):
                    yield f"{kind}.{member}"
                    yield from options(value, f"{kind}.{member}") if inspect.isfunction(value) else ()


def test_every_public_name_is_listed() -> None:
    listed = {name for row in json.loads(NAMES.read_text(encoding="utf-8")) for name in row.get("python", [])}
    assert listed == {name for prefix, module in MODULES.items() for name in public(prefix, module)}
