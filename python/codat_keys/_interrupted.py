"""What is known of a call that was interrupted or cancelled: the cause of the exception that its caller sees."""

from __future__ import annotations

from ._errors import OutcomeUnknownError
from ._native import Creation


def doubt(result: object, error: BaseException | None) -> OutcomeUnknownError | None:
    """From how the call ended meanwhile. What was only read is not worth a word."""
    if isinstance(error, OutcomeUnknownError):
        return error
    if isinstance(result, Creation):
        return OutcomeUnknownError(
            "the key was made, but the call was interrupted before it could be returned",
            hint="use the one candidate, or delete it",
            candidates=[result.key],
        )
    return None
