"""What is known of a call that was interrupted or cancelled: the cause of the exception that its caller sees."""

from __future__ import annotations

from ._errors import OutcomeUnknownError
from ._native import Creation


def explain(raised: BaseException, result: object, error: BaseException | None) -> None:
    """From how the call ended meanwhile. What was only read is not worth a word."""
    if isinstance(error, OutcomeUnknownError):
        known = error
    elif isinstance(result, Creation):
        known = OutcomeUnknownError(
            "the key was made, but the call was interrupted before it could be returned",
            hint="use the one candidate, or delete it",
            candidates=[result.key],
        )
    else:
        return
    # A signal's handler may have given a cause of its own.
    while raised.__cause__ is not None:
        raised = raised.__cause__
    raised.__cause__ = known
