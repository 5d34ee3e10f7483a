"""Runs the function that returns the key, for a call on an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from inspect import isawaitable

from ._key_callback import is_async, running
from ._native import KeyRequest


async def run(request: KeyRequest) -> None:
    """Runs the function. A function that is not async runs in a thread, because it may block. Passes every exception to
    the call, also an ``asyncio.CancelledError`` of the function: the call would otherwise wait until its timeout. If
    this task is cancelled, the call has ended, and needs no result.
    """
    with running(request):
        try:
            returned = request.function() if is_async(request.function) else await in_a_thread(request.function)
            request.complete(await returned if isawaitable(returned) else returned)
        except BaseException as raised:
            request.fail(raised)
            if not isinstance(raised, Exception):
                raise


async def in_a_thread(function: Callable[[], object]) -> object:
    """Runs a function in a daemon thread. The event loop and the interpreter would wait for threads of an executor."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[object, BaseException | None]] = loop.create_future()

    def end(returned: object, raised: BaseException | None) -> None:
        if not ended.done():
            ended.set_result((returned, raised))

    def call() -> None:
        returned, raised = None, None
        try:
            returned = function()
        except BaseException as error:
            raised = error
        # Fails if the event loop is closed.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(end, returned, raised)

    thread = threading.Thread(target=copy_context().run, args=(call,), name="codat-keys-function", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        # Python 3.12 starts no threads while `atexit` functions run: the function then blocks the event loop.
        call()
    returned, raised = await ended
    if raised is not None:
        raise raised
    return returned
