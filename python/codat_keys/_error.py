"""What every exception of this package has in common. The classes themselves are generated: ``_errors.py``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from ._native import ApiKeyDetails


class CodatError(Exception):
    """Why a call failed. No text of it ever holds a key; it is pickled without its candidates, which do.

    What is known stands in its attributes: ``code``, ``retryable``, ``hint``, ``status``, ``correlation_id``,
    ``retry_after`` (in seconds), ``codat_message``, ``idempotency_key`` and ``candidates``.

    >>> from codat_keys import ApiKey
    >>> try:
    ...     ApiKey("Bearer something")
    ... except CodatError as error:
    ...     print(error.code, "-", error, "-", error.hint)
    invalid_credential - the API key is a `Bearer` token - Codat uses Basic: give the raw key and let this library encode it
    """

    code: ClassVar[str] = "error"
    """A stable identifier, ``key_limit_reached``."""
    retryable: bool = False
    """Whether the same call may succeed later. Of a class: whether that is so for most errors of the kind."""

    def __init_subclass__(cls) -> None:
        # Shown, pickled and imported from there.
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
        idempotency_key: str | None = None,
        candidates: list[ApiKeyDetails] | None = None,
    ) -> None:
        super().__init__(message)
        if hint and hasattr(self, "add_note"):
            # Python 3.11 and later show it below the message of a traceback.
            self.add_note(f"hint: {hint}")
        self.hint = hint
        """What to do next, for a person."""
        if retryable is not None:
            # Some errors of a retryable kind are final, such as a certificate that is not trusted.
            self.retryable = retryable
        self.status = status
        """The HTTP status, where Codat answered."""
        self.correlation_id = correlation_id
        """What Codat's support asks for."""
        self.retry_after = retry_after
        """How many seconds Codat asks to wait, where it does."""
        self.codat_message = codat_message
        """Codat's own words."""
        self.idempotency_key = idempotency_key
        """For ``OutcomeUnknownError``: what to resume with."""
        self.candidates = candidates
        """For ``OutcomeUnknownError``: the keys that may be the one asked for; ``None`` where nobody could look."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Without the candidates, which hold keys; whatever a subclass asks for when it is made, it has been asked for.
        return _restore, (type(self), self.args, {**self.__dict__, "candidates": None})


def _restore(kind: type[CodatError], args: tuple[Any, ...], data: dict[str, Any]) -> CodatError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(data)
    return error
