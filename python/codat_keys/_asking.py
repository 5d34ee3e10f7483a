"""The function that gives a key, as a call asks it."""

from __future__ import annotations

from contextvars import ContextVar, copy_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from ._native import Question

_asked: ContextVar[tuple[object, ...]] = ContextVar("codat_keys.asked", default=())


def context(function: Callable[[], object]) -> Context:
    """That of a call which may ask this function: not one that it makes itself, which would wait for itself."""
    if any(asked is function for asked in _asked.get()):
        raise RuntimeError(
            "the function given as api_key made a call with the client that asks it for the key: use another client there"
        )
    return copy_context()


def now_asks(function: Callable[[], object]) -> None:
    """From now on, in this context."""
    _asked.set((*_asked.get(), function))


def ask(question: Question) -> None:
    """In this thread, which the client blocks."""
    now_asks(question.function)
    try:
        question.answer(question.function())
    except Exception as raised:
        question.fail(raised)


def is_async(function: Callable[[], object]) -> bool:
    from inspect import iscoroutinefunction

    return iscoroutinefunction(function) or iscoroutinefunction(getattr(type(function), "__call__", None))
