"""What ``help()`` and a hover show: it is there, says the same in both, points to what exists, and its examples run."""

from __future__ import annotations

import ast
import builtins
import doctest
import inspect
import re
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

import pytest

import codat_keys
from codat_keys import CodatError, scan, testing

PUBLIC = {name: getattr(module, name) for module in (codat_keys, scan, testing) for name in module.__all__}


def members(thing: type) -> dict[str, object]:
    """The members of a class, and of its private bases."""
    own = [base for base in thing.__mro__ if base is thing or base.__name__.startswith("_")]
    return {name: value for base in reversed(own) for name, value in vars(base).items()}


def shown() -> Iterator[tuple[str, str]]:
    """Each public name, and of a class its own methods and properties, with the docstring."""
    for name, thing in PUBLIC.items():
        yield name, inspect.getdoc(thing) or ""
        for member in members(thing) if isinstance(thing, type) else ():
            value = getattr(thing, member)
            if not member.startswith("_") and (inspect.isroutine(value) or inspect.isdatadescriptor(value)):
                yield f"{name}.{member}", inspect.getdoc(value) or ""


def stubbed(within: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, str]]:
    """The same of the stub."""
    for node in within.body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and not node.name.startswith("_"):
            yield prefix + node.name, ast.get_docstring(node) or ""
            if isinstance(node, ast.ClassDef):
                yield from stubbed(node, f"{node.name}.")


DOCS = dict(shown())
STUB = ast.parse(Path(codat_keys.__file__).with_name("_native.pyi").read_text(encoding="utf-8"))
# Only what the package exports.
NATIVE = {name: doc for name, doc in stubbed(STUB) if name.partition(".")[0] in codat_keys.__all__}


def test_everything_is_documented() -> None:
    assert [name for name, doc in DOCS.items() if not doc] == []


def test_the_stub_says_what_help_says() -> None:
    assert len(NATIVE) > 30
    for name, doc in NATIVE.items():
        assert DOCS[name] == doc, name


# Where the clients differ, the text of `Client` and `Keys`, and that of `AsyncClient` and `AsyncKeys`.
ASYNC = {
    "that blocks the calling thread. It can be shared between threads, and used after a fork.": (
        "for asyncio. Any number of tasks, event loops and threads can share it, also after a fork. Cancelling a task "
        "that waits closes the connection of its request. If the outcome of a change is then unknown, the "
        "``__cause__`` of the ``asyncio.CancelledError`` is an ``OutcomeUnknownError``."
    ),
    "a header. It runs in the thread of the first call, whose timeout does not interrupt it, and again": (
        "a header, or an async function. It runs for the first call, and again"
    ),
    "Concurrent calls share one result.": (
        "Concurrent calls share one result. An async function runs on the event loop of the call that needs the key, "
        "within the timeout of that call. If the call is cancelled, the function is cancelled, and another call that "
        "waits for the key runs it again. A function that is not async runs in its own thread, so that it can block."
    ),
    "Ctrl-C interrupts": "a cancellation interrupts",
    "``KeyboardInterrupt``": "``asyncio.CancelledError``",
    "``Rotation``": "``AsyncRotation``",
    "``Rotation.": "``AsyncRotation.",
    "``Client": "``AsyncClient",
    "``Keys": "``AsyncKeys",
    "``Pages": "``AsyncPages",
    "``ResponseStream": "``AsyncResponseStream",
    "After Ctrl-C": "After a cancellation",
    "Several threads can read a response, but not at the same time: that is a ``RuntimeError``, too.": (
        "Tasks that read a response at the same time get different chunks."
    ),
    "``authorization_for``": "``authorize``",
}


# What both clients have. The other classes of a client have no constructor.
BOTH = ("Client", "Keys", "Pages", "ResponseStream", "Rotation")


def prose(doc: str) -> str:
    return " ".join(doc.partition(">>>")[0].split())


@pytest.mark.parametrize("name", [name for name in DOCS if name.partition(".")[0] in BOTH])
def test_both_clients_have_the_same_arguments_and_documentation(name: str) -> None:
    expected = prose(DOCS[name])
    for blocking, waiting in ASYNC.items():
        expected = expected.replace(blocking, waiting)
    other = "AsyncClient.authorize" if name == "Client.authorization_for" else f"Async{name}"
    assert prose(DOCS[other]) == expected
    one, two = (attrgetter(of)(codat_keys) for of in (name, other))
    if callable(one) and name not in BOTH[1:]:
        parameters = [{**inspect.signature(of).parameters} for of in (one, two)]
        assert str(parameters[0]) == str(parameters[1]).replace("AsyncKeyFunction", "KeyFunction")


def test_every_class_has_an_example() -> None:
    for name, thing in PUBLIC.items():
        # The exceptions are generated: their base has one.
        if isinstance(thing, type) and CodatError not in thing.__bases__:
            assert any(">>>" in doc for of, doc in DOCS.items() if of.partition(".")[0] == name), name


# pytest itself collects those of what is written in Python.
@pytest.mark.parametrize("name", [name for name, doc in NATIVE.items() if ">>>" in doc])
def test_native_examples_run(name: str) -> None:
    example = doctest.DocTestParser().get_doctest(DOCS[name], vars(codat_keys).copy(), name, None, 0)
    printed: list[str] = []
    result = doctest.DocTestRunner().run(example, out=printed.append)
    assert result.attempted and not result.failed, "".join(printed)


def test_what_a_docstring_names_exists() -> None:
    for name, doc in DOCS.items():
        for other in re.findall(r"\b(?:[Aa]s|see|by) ``([A-Z][\w.]*)``", doc):
            assert other in DOCS, f"{name} points to {other}"
        for error in re.findall(r"``([\w.]+Error)``", doc):
            assert error in DOCS or hasattr(builtins, error) or error == "asyncio.CancelledError", f"{name}: {error}"
