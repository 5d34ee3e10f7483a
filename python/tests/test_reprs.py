"""What is shown of an object whose ``__init__`` has failed: a traceback with the variables of its frames shows it."""

from __future__ import annotations

import asyncio
import copy
import importlib
import inspect
import pickle
import pkgutil
import traceback
from contextlib import suppress
from typing import Any

import pytest
import requests

import codat_keys
from codat_keys import (
    AsyncClient,
    AuthorizationHeader,
    Client,
    InvalidCredentialError,
    InvalidInputError,
    Sink,
    _native,
)
from codat_keys.integrations.requests import CodatAuth
from codat_keys.testing import Emulator


def classes() -> list[type]:
    """Every class of the package that is written in Python."""
    names = [module.name for module in pkgutil.walk_packages(codat_keys.__path__, "codat_keys.")]
    modules = [importlib.import_module(name) for name in names if not name.endswith("_native")]
    found = {kind for module in modules for kind in vars(module).values() if inspect.isclass(kind)}
    native = [kind for kind in vars(_native).values() if inspect.isclass(kind)]
    own = {kind for kind in found if kind.__module__.startswith("codat_keys")}
    return sorted(own - {*native}, key=lambda kind: kind.__qualname__)


@pytest.mark.parametrize("kind", classes())
def test_an_object_that_is_not_initialized_is_shown(kind: Any) -> None:
    unmade = kind.__new__(kind)
    assert "AttributeError" not in repr(unmade) + str(unmade)
    if hasattr(unmade, "__dict__"):
        assert "AttributeError" not in repr(vars(unmade))
    # Both operators are under test: a class can define each of them.
    assert unmade == unmade and not unmade != unmade  # noqa: SIM202
    for way in (copy.copy, copy.deepcopy, pickle.dumps):
        # Secrets and what holds a client refuse.
        with suppress(TypeError, pickle.PicklingError):
            way(unmade)


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_the_error_of_a_constructor_comes_out_with_the_variables_of_its_frames(
    kind: type[Client] | type[AsyncClient],
) -> None:
    class Derived(kind):  # type: ignore[misc, valid-type]
        pass

    for made in (kind, Derived):
        with pytest.raises(InvalidCredentialError) as raised:
            made(api_key="a b")
        shown = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
        assert f"self = <{made.__name__}, not initialized>" in "".join(shown.format())


def test_the_frames_of_reauthorize_show_no_header(codat_emulator: Emulator) -> None:
    header = AuthorizationHeader("Basic TWFkZVVwS2V5Rm9yVGhlVGVzdHM=").expose_secret()

    async def reauthorize() -> None:
        async with AsyncClient() as client:
            await client.reauthorize("https://api.codat.io", header)

    def reauthorize_blocking() -> None:
        Client().reauthorize("https://api.codat.io", header)

    def reauthorize_in_a_loop() -> None:
        asyncio.run(reauthorize())

    for call in (reauthorize_blocking, reauthorize_in_a_loop):
        with pytest.raises(InvalidInputError) as raised:
            call()
        frames = traceback.TracebackException.from_exception(raised.value, capture_locals=True).stack
        own = [frame for frame in frames if frame.name == "reauthorize" and "codat_keys" in frame.filename]
        assert own and all(header not in str(frame.locals) for frame in own)


def test_a_request_shows_no_key(codat_emulator: Emulator) -> None:
    answer = requests.get(f"{codat_emulator.base_url}/companies", auth=CodatAuth(Client()), timeout=30)
    sent = str(answer.request.headers["Authorization"])
    shown = f"{answer.request.headers!r} {answer.request.headers}"
    assert sent not in shown and "'Authorization': '****'" in shown


def test_a_sink_whose_name_has_a_lone_surrogate_is_shown() -> None:
    sink = Sink("billing \ud800", print, confirm=lambda key: True)
    assert repr(sink).startswith("<Sink billing ")
    with Client() as client, pytest.raises(ValueError, match="a surrogate stands alone") as raised:
        client.keys.rotation([sink])
    assert "<Sink billing " in "".join(
        traceback.TracebackException.from_exception(raised.value, capture_locals=True).format()
    )
