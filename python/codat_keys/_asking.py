"""The function that gives a key, as a call asks it."""

from __future__ import annotations

from contextvars import ContextVar, Token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ._native import Question

_asked: ContextVar[tuple[object, ...]] = ContextVar("codat_keys.asked", default=())


def ask(question: Question) -> None:
    """In this thread, which the client blocks."""
    before = now_asks(question.function)
    try:
        question.answer(question.function())
    except Exception as raised:
        question.fail(raised)
    finally:
        _asked.reset(before)


def now_asks(function: Callable[[], object]) -> Token[tuple[object, ...]]:
    """From now on, in this context."""
    return _asked.set((*_asked.get(), function))


def may_call(function: Callable[[], object]) -> None:
    """Whether a client with this function may make a call here: not for the function itself, which would wait for itself."""
    if any(asked is function for asked in _asked.get()):
        raise RuntimeError(
            "the function given as api_key made a call with the client that asks it for the key: use another client there"
        )


def is_async(function: Callable[[], object]) -> bool:
    from inspect import iscoroutinefunction

    return iscoroutinefunction(function) or iscoroutinefunction(getattr(type(function), "__call__", None))
