"""The blocking methods that manage keys."""

from __future__ import annotations

from . import _native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ._native import ApiKeyDetails, Creation
    from ._options import Path, Timeout
    from ._reports import RotationEvent, RotationReport
    from ._rotation import AnySink, JournalStore, Rotation

    # An alias, because `list` is a method within the class.
    _List = list[ApiKeyDetails]


class Keys:
    """The keys of a Codat client: ``Client.keys``.

    Every method can also raise ``UnauthorizedError``, ``PaymentRequiredError``, ``ForbiddenError``,
    ``RateLimitedError``, ``ServerError``, ``ConnectError``, ``TimeoutError``, ``BadResponseError``, ``TooLargeError``
    or ``ClosedError``. Codat's page on errors defines what each status means. An argument that Codat would reject
    raises ``InvalidInputError``, with nothing sent.

    A request is retried after a lost connection, 408, 429, 500, 502, 503 and 504: at most 4 attempts, after random
    delays of up to 250 ms, 500 ms, then 1 s, or after the delay that ``Retry-After`` states. If this delay exceeds the
    remaining time of the call, the error is raised immediately, and its ``retry_after`` has the delay in seconds.
    """

    __slots__ = ("_core",)

    def __init__(self, core: _native.BlockingCore) -> None:
        self._core = core

    def list(self) -> list[ApiKeyDetails]:
        """Returns all keys, at most ten, in Codat's order. Each key contains its secret, as Codat's list does.

        The request is retried, and raises errors, as ``Keys`` describes: at most 4 attempts, 10 s each, 30 s in total.

        >>> with Client() as client:
        ...     [key.name for key in client.keys.list()]
        [None]
        """
        return self._core.perform(_native.list())

    def get(self, id: str) -> ApiKeyDetails:
        """Returns the key with this id. It is looked up in the list of keys, because Codat has no such call. Raises
        ``NotFoundError`` if the list does not contain it.

        The request is retried, and raises errors, as ``Keys`` describes: at most 4 attempts, 10 s each, 30 s in total.

        >>> with Client() as client:
        ...     key = client.whoami()
        ...     client.keys.get(key.id) == key
        True
        """
        return self._core.perform(_native.get(id))

    def find(self, name: str) -> _List:
        """Returns all keys with exactly this name. The result can be empty, or contain several keys, because names are
        not unique. The keys are looked up in the list of keys.

        The request is retried, and raises errors, as ``Keys`` describes: at most 4 attempts, 10 s each, 30 s in total.

        >>> with Client() as client:
        ...     made = client.keys.create("invoice-processor")
        ...     client.keys.find("invoice-processor") == [made.key]
        True
        """
        return self._core.perform(_native.find(name))

    def create(self, name: str, *, adopt: bool = False, idempotency_key: str | None = None) -> Creation:
        """Creates exactly one key with this name: at most 4 attempts with one idempotency key, 15 s each, 60 s in
        total.

        - ``adopt``, whether you know that no other program creates keys with this name. The only new key with this name
          is then returned after an ambiguous request. Default: false, and such a key is a candidate.
        - ``idempotency_key``, that of a call with the same name that raised ``OutcomeUnknownError``. It resumes this
          call, within 85 minutes. Default: a new idempotency key.

        Raises ``InvalidInputError`` for a blank name and for a name of more than 50 characters, and
        ``KeyLimitReachedError`` if there are ten keys. In both cases no key is created. Raises ``OutcomeUnknownError``
        if no response confirms whether a key was created. This error has the ``idempotency_key`` with which to resume,
        and the ``candidates``. If Ctrl-C interrupts a call that may have created a key, the ``__cause__`` of the
        ``KeyboardInterrupt`` is such an error. It has the idempotency key, or the new key as its only candidate.

        Codat's authentication page defines the limit of ten keys. According to its page on idempotency, responses are
        replayed for 90 minutes. The page does not say whether this includes keys, so the keys are listed after an
        ambiguous request.

        >>> with Client() as client:
        ...     made = client.keys.create("invoice-processor")
        >>> made.key.name, made.how
        ('invoice-processor', 'created')
        """
        return self._core.perform(_native.create(name, adopt, idempotency_key))

    def delete(self, id: str, *, allow_key_in_use: bool = False) -> None:
        """Deletes the key with this id permanently: at most 4 attempts, 10 s each, 30 s in total.

        The keys are listed first. The last key is not deleted: the rule comes from Codat's authentication page. The key
        that this client uses is not deleted either, unless ``allow_key_in_use`` is true. A key that another process
        deletes after the list is not noticed.

        Raises ``NotFoundError``, ``LastKeyError`` or ``KeyInUseError`` without deleting a key, and
        ``OutcomeUnknownError`` if no response confirms whether the key was deleted. If Ctrl-C interrupts a call that
        may have deleted the key, this error is the ``__cause__`` of the ``KeyboardInterrupt``.

        >>> with Client() as client:
        ...     made = client.keys.create("no-longer-needed")
        ...     client.keys.delete(made.key.id)
        ...     client.keys.find("no-longer-needed")
        []
        """
        self._core.perform(_native.delete(id, allow_key_in_use))

    def rotation(
        self,
        sinks: Iterable[AnySink],
        *,
        key: str | None = None,
        journal: Path | JournalStore | None = None,
        journal_name: str = "default",
        name: str | None = None,
        grace: Timeout | None = None,
        overwrite: bool = False,
        delete_first: Iterable[str] = (),
        lease: Timeout | None = None,
        probe_timeout: Timeout | None = None,
        on_event: Callable[[RotationEvent], object] | None = None,
    ) -> Rotation:
        """Returns a rotation, which replaces a key with a new one. Its method ``start`` runs it, and so does
        ``rotate``.

        - ``sinks``, the places where programs read their key: each a ``Sink``, or an object with the same members. They
          get the new key in this order. Each must contain the old key or nothing. The content of a sink that cannot be
          read is not checked.
        - ``key``, the id of the key to replace. Default: the key that this client uses.
        - ``journal``, the folder of the journals, or a ``JournalStore``. A folder that other users can write is
          refused. Default: the folder of the command line, ``codat-keys/rotations`` in ``XDG_STATE_HOME`` or
          ``~/.local/state``; on Windows, in ``LOCALAPPDATA``.
        - ``journal_name``, letters, digits, ``.``, ``_`` and ``-``. Only one rotation with the same journal can run at
          a time, and all rotations of the keys of one Codat client must use the same one. Default: ``default``.
        - ``name``, the name of the new key, to which a unique tag is added. Default: that of the old key.
        - ``grace``, in seconds or a timedelta, how long the old key works after all sinks have the new key. ``start``
          waits for this time, and deletes the old key. Default: it works until ``finish`` is called. A resumed rotation
          keeps the value of its start.
        - ``overwrite``, whether the rotation replaces the content of a sink that contains something other than the old
          key. A rollback cannot restore such content. Default: false.
        - ``delete_first``, the ids of keys that may be deleted if ten keys exist already. Default: none.
        - ``lease``, in seconds or a timedelta, how long no other process can resume the rotation after each entry of
          the journal: at least 2 minutes and twice the ``timeout`` of each sink, at most 24 hours. If this process is
          killed, other processes wait for this time, unless they have the same machine and the journal has a lock.
          Default: 5 minutes, or twice the longest ``timeout``.
        - ``probe_timeout``, in seconds or a timedelta, the time within which Codat must accept the new key. Then the
          rotation is rolled back. Default: 2 minutes.
        - ``on_event``, a function that gets a ``RotationEvent`` when something happens. It must return quickly. An
          exception cancels the rotation, and is raised. Default: none.

        Sends nothing. Raises ``InvalidInputError`` for an invalid id, and ``TypeError`` or ``ValueError`` if an
        argument has another type or is out of range.

        >>> with Client() as client:
        ...     client.keys.rotation([Sink("memory:payments", deliver=print, read=lambda: None)]).plan().sinks
        {'memory:payments': 'nothing'}
        """
        # Imported on first use, because not every program rotates keys.
        from ._rotation import Functions, Rotation

        functions = Functions([*sinks], journal, on_event)
        functions.reject_async()
        native = functions.native(
            key, journal, journal_name, name, grace, overwrite, delete_first, lease, probe_timeout
        )
        return Rotation(self._core, functions, native)

    def rotate(
        self,
        sinks: Iterable[AnySink],
        *,
        key: str | None = None,
        journal: Path | JournalStore | None = None,
        journal_name: str = "default",
        name: str | None = None,
        grace: Timeout | None = None,
        overwrite: bool = False,
        delete_first: Iterable[str] = (),
        lease: Timeout | None = None,
        probe_timeout: Timeout | None = None,
        on_event: Callable[[RotationEvent], object] | None = None,
    ) -> RotationReport:
        """Replaces a key with a new one: starts the rotation that ``rotation`` returns, which describes the arguments.
        By default, the old key works until ``Rotation.finish`` is called.

        Raises ``RotationError``. A rotation that was interrupted can be resumed: see ``Rotation``.

        >>> stored = {}
        >>> sink = Sink("memory:payments", deliver=lambda key: stored.update(key=key), read=lambda: stored.get("key"))
        >>> with Client() as client:
        ...     client.keys.rotate([sink], grace=0).state, len(client.keys.list())
        ('done', 1)
        """
        rotation = self.rotation(
            sinks,
            key=key,
            journal=journal,
            journal_name=journal_name,
            name=name,
            grace=grace,
            overwrite=overwrite,
            delete_first=delete_first,
            lease=lease,
            probe_timeout=probe_timeout,
            on_event=on_event,
        )
        return rotation.start()

    def __repr__(self) -> str:
        return f"<Keys of {self._core!r}>" if hasattr(self, "_core") else _uninitialized(self)


def _uninitialized(unmade: object) -> str:
    """Returns the ``repr`` of an object whose ``__init__`` has failed or has not run. A traceback may show such an
    object.
    """
    return f"<{type(unmade).__name__}, not initialized>"
