"""The pages of a paginated list, for the client that blocks."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
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
        # A page that arrived together with an interruption, and that no caller has received.
        self._unclaimed: list[Page | None] = []

    def items(self) -> Iterator[Any]:
        """Returns an iterator over the results of the remaining pages, one result at a time. The next page is requested
        after the last result of a page. After an error, the next iteration requests the failed page again.

        >>> with Client() as client:
        ...     [company["name"][-1] for company in client.pages("/companies", page_size=2).items()]
        ['1', '2', '3', '4', '5']
        """
        return _Items(self)

    @property
    def total_changed(self) -> bool:
        """Whether the total number of results has changed since the first page: two consecutive pages reported
        different totals.

        Codat numbers pages by the position of their results and keeps no snapshot. When results are added or removed
        during the iteration, the results after them move. A result can then be on two pages or on none, so it can be
        doubled or missing. Added results move no other results if ``order_by`` puts them at the end, such as
        ``created`` for companies. Changes that leave the total the same are not detected.

        >>> with Client() as client:
        ...     pages = client.pages("/companies")
        ...     [len(page.results) for page in pages], pages.total_changed
        ([5], False)
        """
        return self._cursor.total_changed()

    def __iter__(self) -> Pages:
        return self

    def __next__(self) -> Page:
        page = self._unclaimed.pop() if self._unclaimed else self._core.perform(self._cursor.next(), self._unclaimed)
        if page is None:
            raise StopIteration
        return page


class _Items:
    """An iterator over the results of pages."""

    __slots__ = ("_pages", "_results")

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        # In reverse order. A list, because threads can share it without a lock.
        self._results: list[Any] = []

    def __iter__(self) -> _Items:
        return self

    def __next__(self) -> Any:
        while True:
            try:
                return self._results.pop()
            except IndexError:
                pass
            self._results[:0] = next(self._pages).results[::-1]
