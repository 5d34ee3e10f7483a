"""Runs the function that returns the key, in the thread of a blocking call."""

from __future__ import annotations

from contextvars import ContextVar, copy_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Context

    from ._native import KeyRequest

_running: ContextVar[tuple[running, ...]] = ContextVar("codat_keys.running_callbacks", default=())


class running:
    """Marks the function of a request as running, in this context and in contexts that are copied from it."""

    __slots__ = ("function",)

    def __init__(self, request: KeyRequest) -> None:
        self.function: Callable[[], object] | None = request.function

    def __enter__(self) -> None:
        _running.set((*(outer for outer in _running.get() if outer.function), self))

    def __exit__(self, *_: object) -> None:
        # A task that the function has started may run longer than the function, and may make calls.
        self.function = None


def context(function: Callable[[], object]) -> Context:
    """Returns the context of a call whose key this function returns. Raises ``RuntimeError`` if the function itself
    makes the call, which would wait for itself.
    """
    if any(outer.function is function for outer in _running.get()):
        raise RuntimeError(
            "the function given as api_key made a call with the client that asks it for the key: "
            "use another client there"
        )
    return copy_context()


def run(request: KeyRequest) -> None:
    """Runs the function in this thread, which is blocked by the call."""
    with running(request):
        try:
            request.complete(request.function())
        except Exception as raised:
            request.fail(raised)


def is_async(function: Callable[..., object]) -> bool:
    """Whether the function, or the object that is called like one, is a coroutine function."""
    from inspect import iscoroutinefunction

    # `callable`, which the rule proposes, does not tell whether `__call__` is a coroutine function.
    return iscoroutinefunction(function) or iscoroutinefunction(getattr(type(function), "__call__", None))  # noqa: B004
