"""The function that gives a key, as a call asks it on its event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from inspect import isawaitable

from ._asking import asks, is_async
from ._native import Question


async def ask(question: Question) -> None:
    """In a task of its own. A function that blocks has a thread, so that the loop goes on meanwhile."""
    with asks(question):
        try:
            returned = question.function() if is_async(question.function) else await _in_a_thread(question.function)
            question.answer(await returned if isawaitable(returned) else returned)
        except Exception as raised:
            question.fail(raised)


async def _in_a_thread(function: Callable[[], object]) -> object:
    """Not one of the loop's own, for which both the loop and the program wait when they end."""
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[tuple[object, BaseException | None]] = loop.create_future()

    def end(returned: object, raised: BaseException | None) -> None:
        if not ended.done():
            ended.set_result((returned, raised))

    def run() -> None:
        returned, raised = None, None
        try:
            returned = function()
        except BaseException as error:
            raised = error
        # The loop may have ended meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(end, returned, raised)

    asks = threading.Thread(target=copy_context().run, args=(run,), name="codat-keys-function", daemon=True)
    try:
        asks.start()
    except RuntimeError:
        # Python 3.12 starts no threads while `atexit` functions run: the function blocks the loop instead.
        run()
    returned, raised = await ended
    if raised is not None:
        raise raised
    return returned
