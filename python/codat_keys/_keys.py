"""The verbs for keys, which block."""

from __future__ import annotations

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._native import ApiKeyDetails, Creation

    # For within the class whose method is called `list`.
    _List = list[ApiKeyDetails]


class Keys:
    """The keys of a Codat client: ``Client.keys``.

    Every call may also raise ``UnauthorizedError``, ``PaymentRequiredError``, ``ForbiddenError``, ``RateLimitedError``,
    ``ServerError``, ``ConnectError``, ``TimeoutError``, ``BadResponseError``, ``TooLargeError`` or ``ClosedError``;
    what each status means comes from Codat's page on errors. What Codat could not take raises ``InvalidInputError``,
    with nothing sent.

    A lost connection, 408, 429, 500, 502, 503 and 504 are retried: at most 4 attempts, after random waits of up to 250
    ms, 500 ms, then 1 s, or after what ``Retry-After`` asks for. Where that exceeds the time that remains, the error
    comes at once, and its ``retry_after`` has the wait in seconds.
    """

    __slots__ = ("_core",)

    def __init__(self, core: _native.BlockingCore) -> None:
        self._core = core

    def list(self) -> list[ApiKeyDetails]:
        """All keys, at most ten, in Codat's order. Each holds its secret: Codat's list does.

        >>> with Client() as client:
        ...     [key.name for key in client.keys.list()]
        [None]
        """
        return self._core.perform(_native.list())

    def get(self, id: str) -> ApiKeyDetails:
        """The key of this id. Codat has no such call: it is taken from the list. Raises ``NotFoundError``.

        >>> with Client() as client:
        ...     key = client.whoami()
        ...     client.keys.get(key.id) == key
        True
        """
        return self._core.perform(_native.get(id))

    def find(self, name: str) -> _List:
        """All keys of exactly this name, which may be none or several: names are not unique. Taken from the list.

        >>> with Client() as client:
        ...     made = client.keys.create("invoice-processor")
        ...     client.keys.find("invoice-processor") == [made.key]
        True
        """
        return self._core.perform(_native.find(name))

    def create(self, name: str, *, adopt: bool = False, idempotency_key: str | None = None) -> Creation:
        """Makes exactly one key of this name: at most 4 attempts under one idempotency key, 15 s each, 60 s in all.

        ``adopt`` says that nobody else creates keys of this name, so that after a doubt the one new key of the name is
        returned; by default it is a candidate. ``idempotency_key`` resumes a call of the same name that ended with
        ``OutcomeUnknownError``, within 85 minutes; by default there is a new one.

        Raises ``InvalidInputError`` for a blank name or one of more than 50 characters, and ``KeyLimitReachedError``
        where there are ten keys: nothing was made. Raises ``OutcomeUnknownError`` where nothing proves whether a key
        was made: with the ``idempotency_key`` to resume with, and the ``candidates``. Where Ctrl-C comes when a key may
        have been made, such an error is the ``__cause__`` of the ``KeyboardInterrupt``: it has the idempotency key, or
        the key made as its one candidate.

        The limit of ten comes from Codat's authentication page. Its page on idempotency has answers replayed for 90
        minutes; that this holds for keys is assumed, so that after a doubt the keys are listed as well.

        >>> with Client() as client:
        ...     made = client.keys.create("invoice-processor")
        >>> made.key.name, made.how
        ('invoice-processor', 'created')
        """
        return self._core.perform(_native.create(name, adopt, idempotency_key))

    def delete(self, id: str, *, allow_key_in_use: bool = False) -> None:
        """Deletes the key of this id, for good: at most 4 attempts, 10 s each, 30 s in all.

        The keys are listed first, and the last one is kept: the rule comes from Codat's authentication page. The key in
        use is kept, too, unless ``allow_key_in_use``. What another process deletes meanwhile cannot be seen.

        Raises ``NotFoundError``, ``LastKeyError`` or ``KeyInUseError`` with nothing sent, and ``OutcomeUnknownError``
        where nothing proves whether the key was deleted; where Ctrl-C leaves that in doubt, it is the ``__cause__`` of
        the ``KeyboardInterrupt``.

        >>> with Client() as client:
        ...     made = client.keys.create("no-longer-needed")
        ...     client.keys.delete(made.key.id)
        ...     client.keys.find("no-longer-needed")
        []
        """
        self._core.perform(_native.delete(id, allow_key_in_use))

    def __repr__(self) -> str:
        return f"<Keys of {self._core!r}>" if hasattr(self, "_core") else _uninitialized(self)


def _uninitialized(unmade: object) -> str:
    """Describes an object whose ``__init__`` has failed, or has not run: tracebacks show the variables of their frames."""
    return f"<{type(unmade).__name__}, not initialized>"
