"""The base class of all exceptions of this package. The classes in ``_errors.py`` are generated."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from ._native import ApiKeyDetails


class CodatError(Exception):
    """The error of a call. None of its texts contains a key. It is pickled without its candidates, which contain keys.

    Its data is in the attributes ``code``, ``retryable``, ``hint``, ``status``, ``correlation_id``, ``retry_after`` (in
    seconds), ``codat_message``, ``attempts``, ``elapsed`` (in seconds), ``idempotency_key`` and ``candidates``.

    >>> from codat_keys import ApiKey
    >>> try:
    ...     ApiKey("Bearer something")
    ... except CodatError as error:
    ...     print(error)
    ...     print(error.code, "-", error.hint)
    the API key is a `Bearer` token
    invalid_credential - Codat uses Basic: give the raw key and let this library encode it
    """

    code: ClassVar[str] = "error"
    """A stable identifier, such as ``key_limit_reached``."""
    retryable: bool = False
    """Whether the same call may succeed later. On a class: whether this holds for most errors of that class."""

    def __init_subclass__(cls) -> None:
        # The name that tracebacks show, and from which pickle imports the class.
        cls.__module__ = cls.__module__.replace("codat_keys._errors", "codat_keys")

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retryable: bool | None = None,
        status: int | None = None,
        correlation_id: str | None = None,
        retry_after: float | None = None,
        codat_message: str | None = None,
        attempts: int = 0,
        elapsed: float = 0.0,
        idempotency_key: str | None = None,
        candidates: list[ApiKeyDetails] | None = None,
    ) -> None:
        super().__init__(message)
        if hint and hasattr(self, "add_note"):
            # Python 3.11 and later show it below the message of a traceback.
            self.add_note(f"hint: {hint}")
        self.hint = hint
        """What the user can do next."""
        if retryable is not None:
            # Some errors of a retryable kind are final, such as a certificate that is not trusted.
            self.retryable = retryable
        self.status = status
        """The HTTP status. ``None`` if Codat did not respond."""
        self.correlation_id = correlation_id
        """The correlation id, for Codat's support."""
        self.retry_after = retry_after
        """The seconds to wait before a retry, if Codat says so."""
        self.codat_message = codat_message
        """Codat's message."""
        self.attempts = attempts
        """How many attempts the failed request had. 0 if the error does not come from a request."""
        self.elapsed = elapsed
        """The seconds from the start of the call to the error. 0 if ``attempts`` is 0."""
        self.idempotency_key = idempotency_key
        """For ``OutcomeUnknownError``: the idempotency key with which to resume."""
        self.candidates = candidates
        """For ``OutcomeUnknownError``: the keys that may have been created. ``None`` if listing the keys failed."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Without the candidates, which contain keys. Without calling `__init__`, because that of a subclass may take
        # other arguments.
        return _restore, (type(self), self.args, {**self.__dict__, "candidates": None})


def _restore(kind: type[CodatError], args: tuple[Any, ...], data: dict[str, Any]) -> CodatError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(data)
    return error
