# Written by `cargo xtask generate` from the table of errors in the core. Do not edit.
"""The exceptions of this package, one for each kind of error."""

from __future__ import annotations

import builtins

from ._error import CodatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

__all__ = [
    "BadResponseError",
    "ClosedError",
    "CodatError",
    "ConflictError",
    "ConnectError",
    "ForbiddenError",
    "InternalError",
    "InvalidCredentialError",
    "InvalidInputError",
    "KeyInUseError",
    "KeyLimitReachedError",
    "LastKeyError",
    "NoCredentialError",
    "NotFoundError",
    "OutcomeUnknownError",
    "PaymentRequiredError",
    "RateLimitedError",
    "ServerError",
    "TimeoutError",
    "TooLargeError",
    "UnauthorizedError",
]


class InvalidInputError(CodatError, builtins.ValueError):
    """The input is not valid."""

    code: ClassVar[str] = "invalid_input"
    retryable: bool = False


class NoCredentialError(CodatError):
    """No API key was given."""

    code: ClassVar[str] = "no_credential"
    retryable: bool = False


class InvalidCredentialError(CodatError):
    """The API key is not valid."""

    code: ClassVar[str] = "invalid_credential"
    retryable: bool = False


class UnauthorizedError(CodatError):
    """Codat does not accept the API key."""

    code: ClassVar[str] = "unauthorized"
    retryable: bool = False


class PaymentRequiredError(CodatError):
    """A limit of the Codat account is reached."""

    code: ClassVar[str] = "payment_required"
    retryable: bool = False


class ForbiddenError(CodatError):
    """The API key may not do this."""

    code: ClassVar[str] = "forbidden"
    retryable: bool = False


class KeyLimitReachedError(CodatError):
    """The account has 10 keys already, the most that Codat allows."""

    code: ClassVar[str] = "key_limit_reached"
    retryable: bool = False


class LastKeyError(CodatError):
    """This is the last remaining key."""

    code: ClassVar[str] = "last_key"
    retryable: bool = False


class KeyInUseError(CodatError):
    """This is the key in use."""

    code: ClassVar[str] = "key_in_use"
    retryable: bool = False


class NotFoundError(CodatError):
    """There is no such key or resource."""

    code: ClassVar[str] = "not_found"
    retryable: bool = False


class RateLimitedError(CodatError):
    """Too many requests."""

    code: ClassVar[str] = "rate_limited"
    retryable: bool = True


class OutcomeUnknownError(CodatError):
    """It is unknown whether the change took effect."""

    code: ClassVar[str] = "outcome_unknown"
    retryable: bool = False


class ConflictError(CodatError):
    """The request conflicts with another."""

    code: ClassVar[str] = "conflict"
    retryable: bool = False


class ServerError(CodatError):
    """Codat failed to process the request."""

    code: ClassVar[str] = "server"
    retryable: bool = True


class ConnectError(CodatError, builtins.ConnectionError):
    """There is no connection."""

    code: ClassVar[str] = "connect"
    retryable: bool = True


class TimeoutError(CodatError, builtins.TimeoutError):
    """No response arrived in time."""

    code: ClassVar[str] = "timeout"
    retryable: bool = True


class BadResponseError(CodatError):
    """The response is not one that Codat documents."""

    code: ClassVar[str] = "bad_response"
    retryable: bool = False


class TooLargeError(CodatError):
    """The response is larger than the limit."""

    code: ClassVar[str] = "too_large"
    retryable: bool = False


class _CancelledError(CodatError):
    """The call was cancelled."""

    code: ClassVar[str] = "cancelled"
    retryable: bool = False


class ClosedError(CodatError):
    """The client is closed."""

    code: ClassVar[str] = "closed"
    retryable: bool = False


class InternalError(CodatError):
    """This is a defect of codat-keys."""

    code: ClassVar[str] = "internal"
    retryable: bool = False


BY_CODE: dict[str, type[CodatError]] = {
    "invalid_input": InvalidInputError,
    "no_credential": NoCredentialError,
    "invalid_credential": InvalidCredentialError,
    "unauthorized": UnauthorizedError,
    "payment_required": PaymentRequiredError,
    "forbidden": ForbiddenError,
    "key_limit_reached": KeyLimitReachedError,
    "last_key": LastKeyError,
    "key_in_use": KeyInUseError,
    "not_found": NotFoundError,
    "rate_limited": RateLimitedError,
    "outcome_unknown": OutcomeUnknownError,
    "conflict": ConflictError,
    "server": ServerError,
    "connect": ConnectError,
    "timeout": TimeoutError,
    "bad_response": BadResponseError,
    "too_large": TooLargeError,
    "cancelled": _CancelledError,
    "closed": ClosedError,
    "internal": InternalError,
}
