"""The pages of a paginated list, for asyncio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from . import _native
from ._native import Page
from ._pending_calls import Core


class AsyncPages:
    """An iterator over the pages of a resource: ``AsyncClient.pages``.

    After an error, the next iteration requests the failed page again. A generator could not do this, because it ends
    with its first error.

    >>> import asyncio
    >>> async def main():
    ...     async with AsyncClient() as client:
    ...         return [len(page.results) async for page in client.pages("/companies", page_size=2)]
    >>> asyncio.run(main())
    [2, 2, 1]
    """

    __slots__ = ("_core", "_cursor", "_unclaimed")

    def __init__(self, core: Core, cursor: _native.PageCursor) -> None:
        self._core = core
        self._cursor = cursor
        # The pages that have arrived, and that no task has received: each came together with a cancellation, or its
        # results could not be parsed.
        self._unclaimed: list[Page | None] = []

    def items(self) -> AsyncIterator[Any]:
        """Returns an iterator over the results of the remaining pages, one result at a time. The next page is requested
        after the last result of a page. After an error, the next iteration requests the failed page again. A page whose
        results cannot be parsed is kept, and raises the same error again.

        >>> import asyncio
        >>> async def main():
        ...     async with AsyncClient() as client:
        ...         return [company["name"][-1] async for company in client.pages("/companies", page_size=2).items()]
        >>> asyncio.run(main())
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

        >>> import asyncio
        >>> async def main():
        ...     async with AsyncClient() as client:
        ...         pages = client.pages("/companies")
        ...         return [len(page.results) async for page in pages], pages.total_changed
        >>> asyncio.run(main())
        ([5], False)
        """
        return self._cursor.total_changed()

    def __aiter__(self) -> AsyncPages:
        return self

    async def __anext__(self) -> Page:
        page = None if self._unclaimed else await self._core.perform(self._cursor.next(), self._unclaimed)
        # Another task may have been cancelled meanwhile, and have left a page.
        if page is None and self._unclaimed:
            page = self._unclaimed.pop(0)
        if page is None:
            raise StopAsyncIteration
        self._cursor.received(page)
        return page


class _Items:
    """An iterator over the results of pages. Tasks can share it."""

    __slots__ = ("_pages", "_position", "_results")

    def __init__(self, pages: AsyncPages) -> None:
        self._pages = pages
        self._results: list[Any] = []
        self._position = 0

    def __aiter__(self) -> _Items:
        return self

    async def __anext__(self) -> Any:
        while True:
            try:
                result = self._results[self._position]
            except IndexError:
                pass
            else:
                self._position += 1
                return result
            await self._request_page()

    async def _request_page(self) -> None:
        try:
            page = await self._pages.__anext__()
        except StopAsyncIteration:
            # Another task may have received the last page meanwhile.
            if self._position == len(self._results):
                raise
            return
        try:
            results = page.results
        except BaseException:
            self._pages._unclaimed.insert(0, page)
            raise
        # Another task may have added the results of the page before.
        self._results, self._position = self._results[self._position :] + results, 0
