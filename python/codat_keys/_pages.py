"""The pages of a paginated list, for the client that blocks."""

from __future__ import annotations

import os
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Iterator
    from typing import Any

    from . import _native
    from ._native import Page


class Pages:
    """An iterator over the pages of a resource: ``Client.pages``.

    After an error, the next iteration requests the failed page again. A generator could not do this, because it ends
    with its first error.

    >>> with Client() as client:
    ...     [len(page.results) for page in client.pages("/companies", page_size=2)]
    [2, 2, 1]
    """

    __slots__ = ("_core", "_cursor", "_unclaimed")

    def __init__(self, core: _native.BlockingCore, cursor: _native.PageCursor) -> None:
        self._core = core
        self._cursor = cursor
        # The pages that have arrived, and that no caller has received.
        self._unclaimed: list[Page | None] = []

    def items(self) -> Iterator[Any]:
        """Returns an iterator over the results of the remaining pages, one result at a time. The next page is requested
        after the last result of a page. After an error, the next iteration requests the failed page again. A page whose
        results cannot be parsed is kept, and raises the same error again.

        >>> with Client() as client:
        ...     [company["name"][-1] for company in client.pages("/companies", page_size=2).items()]
        ['1', '2', '3', '4', '5']
        """
        return _Items(self)

    @property
    def total_changed(self) -> bool:
        """Whether the pages cannot contain each result once, so that results can be doubled or missing.

        - Two consecutive pages reported different total numbers of results,
        - or a page has another number of results than the page before it, except for a last page with fewer results,
        - or the number of results on all pages differs from the total that the last page reports.

        Codat numbers pages by the position of their results and keeps no snapshot. When results are added or removed
        during the iteration, the results after them move. A result can then be on two pages or on none, so it can be
        doubled or missing. Added results move no other results if ``order_by`` puts new results at the end,
        as ``created`` does for companies. Changes that leave the total the same are not detected.

        >>> with Client() as client:
        ...     pages = client.pages("/companies")
        ...     [len(page.results) for page in pages], pages.total_changed
        ([5], False)
        """
        return self._cursor.total_changed()

    def __iter__(self) -> Pages:
        return self

    def __next__(self) -> Page:
        while True:
            is_last = self._request()
            # The iterator is native. From Python 3.10 on, no signal handler runs between the removal and the return.
            for page in map(self._cursor.take, (self._unclaimed,)):
                if page is not None:
                    return page
            # Otherwise, another thread has received the page.
            if is_last:
                raise StopIteration

    def _request(self) -> bool:
        """Requests a page, unless one has arrived. Returns whether there is none."""
        return not self._unclaimed and self._core.perform(self._cursor.next(), self._unclaimed) is None


class _Items:
    """An iterator over the results of pages. Threads can share it."""

    __slots__ = ("_locks", "_page", "_pages", "_results")

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._results: Iterator[Any] = iter(())
        # A page whose results are not in `_results` yet: an interruption arrived, or the results could not be parsed.
        self._page: Page | None = None
        # Held by the thread that requests a page. Without it, another thread could reach the end of the pages before
        # this thread has added the results of the last page. Each process has its own lock, because a thread of the
        # parent process may hold its lock during a fork. The module `threading` would slow the import down.
        self._locks: dict[int, LockType] = {}

    def __iter__(self) -> _Items:
        return self

    def __next__(self) -> Any:
        while True:
            results = self._results
            # An iterator over a list is atomic. From Python 3.10 on, no signal handler runs before the return.
            for result in results:
                return result
            with self._locks.setdefault(os.getpid(), allocate_lock()):
                if self._results is results:
                    self._request_page()

    def _request_page(self) -> None:
        pages = self._pages
        while self._page is None:
            is_last = pages._request()
            # From Python 3.10 on, no signal handler runs between the removal and the assignment.
            for self._page in map(pages._cursor.take, (pages._unclaimed,)):
                pass
            if self._page is None and is_last:
                raise StopIteration
        self._results = iter(self._page.results)
        self._page = None
