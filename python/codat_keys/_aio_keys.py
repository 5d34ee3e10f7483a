"""The methods that manage keys, for asyncio."""

from __future__ import annotations

from . import _native
from ._keys import _uninitialized
from ._native import ApiKeyDetails, Creation
from ._pending_calls import Core

# An alias, because `list` is a method within the class.
_List = list[ApiKeyDetails]


class AsyncKeys:
    """The keys of a Codat client: ``AsyncClient.keys``.

    Every method can also raise ``UnauthorizedError``, ``PaymentRequiredError``, ``ForbiddenError``,
    ``RateLimitedError``, ``ServerError``, ``ConnectError``, ``TimeoutError``, ``BadResponseError``, ``TooLargeError``
    or ``ClosedError``. Codat's page on errors defines what each status means. An argument that Codat would reject
    raises ``InvalidInputError``, with nothing sent.

    A request is retried after a lost connection, 408, 429, 500, 502, 503 and 504: at most 4 attempts, after random
    delays of up to 250 ms, 500 ms, then 1 s, or after the delay that ``Retry-After`` states. If this delay exceeds the
    remaining time of the call, the error is raised immediately, and its ``retry_after`` has the delay in seconds.

    >>> import asyncio
    >>> async def main():
    ...     async with AsyncClient() as client:
    ...         made = await client.keys.create("invoice-processor")
    ...         return [key == made.key for key in await client.keys.find("invoice-processor")]
    >>> asyncio.run(main())
    [True]
    """

    __slots__ = ("_core",)

    def __init__(self, core: Core) -> None:
        self._core = core

    async def list(self) -> list[ApiKeyDetails]:
        """Returns all keys, at most ten, in Codat's order. Each key contains its secret, as Codat's list does.

        The request is retried, and raises errors, as ``AsyncKeys`` describes: at most 4 attempts, 10 s each, 30 s in
        total.

        >>> import asyncio
        >>> async def main():
        ...     async with AsyncClient() as client:
        ...         return [key.name for key in await client.keys.list()]
        >>> asyncio.run(main())
        [None]
        """
        return await self._core.perform(_native.list())

    async def get(self, id: str) -> ApiKeyDetails:
        """Returns the key with this id. It is looked up in the list of keys, because Codat has no such call. Raises
        ``NotFoundError`` if the list does not contain it.

        The request is retried, and raises errors, as ``AsyncKeys`` describes: at most 4 attempts, 10 s each, 30 s in
        total.

        >>> import asyncio
        >>> async def main():
        ...     async with AsyncClient() as client:
        ...         key = await client.whoami()
        ...         return await client.keys.get(key.id) == key
        >>> asyncio.run(main())
        True
        """
        return await self._core.perform(_native.get(id))

    async def find(self, name: str) -> _List:
        """Returns all keys with exactly this name. The result can be empty, or contain several keys, because names are
        not unique. The keys are looked up in the list of keys.

        The request is retried, and raises errors, as ``AsyncKeys`` describes: at most 4 attempts, 10 s each, 30 s in
        total.

        >>> import asyncio
        >>> async def main():
        ...     async with AsyncClient() as client:
        ...         made = await client.keys.create("invoice-processor")
        ...         return await client.keys.find("invoice-processor") == [made.key]
        >>> asyncio.run(main())
        True
        """
        return await self._core.perform(_native.find(name))

    async def create(self, name: str, *, adopt: bool = False, idempotency_key: str | None = None) -> Creation:
        """Creates exactly one key with this name: at most 4 attempts with one idempotency key, 15 s each, 60 s in
        total.

        - ``adopt``, whether you know that no other program creates keys with this name. The only new key with this name
          is then returned after an ambiguous request. Default: false, and such a key is a candidate.
        - ``idempotency_key``, that of a call with the same name that raised ``OutcomeUnknownError``. It resumes this
          call, within 85 minutes. Default: a new idempotency key.

        Raises ``InvalidInputError`` for a blank name and for a name of more than 50 characters, and
        ``KeyLimitReachedError`` if there are ten keys. In both cases no key is created. Raises ``OutcomeUnknownError``
        if no response confirms whether a key was created. This error has the ``idempotency_key`` with which to resume,
        and the ``candidates``. If a cancellation interrupts a call that may have created a key, the ``__cause__`` of
        the ``asyncio.CancelledError`` is such an error. It has the idempotency key, or the new key as its only
        candidate.

        Codat's authentication page defines the limit of ten keys. According to its page on idempotency, responses are
        replayed for 90 minutes. The page does not say whether this includes keys, so the keys are listed after an
        ambiguous request.

        >>> import asyncio
        >>> async def main():
        ...     async with AsyncClient() as client:
        ...         made = await client.keys.create("invoice-processor")
        ...         return made.key.name, made.how
        >>> asyncio.run(main())
        ('invoice-processor', 'created')
        """
        return await self._core.perform(_native.create(name, adopt, idempotency_key))

    async def delete(self, id: str, *, allow_key_in_use: bool = False) -> None:
        """Deletes the key with this id permanently: at most 4 attempts, 10 s each, 30 s in total.

        The keys are listed first. The last key is not deleted: the rule comes from Codat's authentication page. The key
        that this client uses is not deleted either, unless ``allow_key_in_use`` is true. A key that another process
        deletes after the list is not noticed.

        Raises ``NotFoundError``, ``LastKeyError`` or ``KeyInUseError`` without deleting a key, and
        ``OutcomeUnknownError`` if no response confirms whether the key was deleted. If a cancellation interrupts a call
        that may have deleted the key, this error is the ``__cause__`` of the ``asyncio.CancelledError``.

        >>> import asyncio
        >>> async def main():
        ...     async with AsyncClient() as client:
        ...         made = await client.keys.create("no-longer-needed")
        ...         await client.keys.delete(made.key.id)
        ...         return await client.keys.find("no-longer-needed")
        >>> asyncio.run(main())
        []
        """
        await self._core.perform(_native.delete(id, allow_key_in_use))

    def __repr__(self) -> str:
        return f"<AsyncKeys of {self._core.native!r}>" if hasattr(self, "_core") else _uninitialized(self)
