"""The function that gives a key, as a call asks it."""

from __future__ import annotations

from contextvars import ContextVar, copy_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from ._native import Question

_asked: ContextVar[tuple[asks, ...]] = ContextVar("codat_keys.asked", default=())


class asks:
    """As long as a function is asked: in this context, and in those that come from it."""

    __slots__ = ("function",)

    def __init__(self, question: Question) -> None:
        self.function: Callable[[], object] | None = question.function

    def __enter__(self) -> None:
        _asked.set((*(outer for outer in _asked.get() if outer.function), self))

    def __exit__(self, *_: object) -> None:
        # A task that the function has begun may go on, and call as it likes.
        self.function = None


def context(function: Callable[[], object]) -> Context:
    """That of a call which may ask this function: not one that it makes itself, which would wait for itself."""
    if any(asked.function is function for asked in _asked.get()):
        raise RuntimeError(
            "the function given as api_key made a call with the client that asks it for the key: use another client there"
        )
    return copy_context()


def ask(question: Question) -> None:
    """In this thread, which the client blocks."""
    with asks(question):
        try:
            question.answer(question.function())
        except Exception as raised:
            question.fail(raised)


def is_async(function: Callable[[], object]) -> bool:
    from inspect import iscoroutinefunction

    return iscoroutinefunction(function) or iscoroutinefunction(getattr(type(function), "__call__", None))
