"""Explains an interruption or cancellation by the result of the call that it interrupted."""

from __future__ import annotations

import sys

from ._error import CodatError
from ._errors import OutcomeUnknownError
from ._native import Creation


def explain(raised: BaseException, result: object, error: BaseException | None, change: str | None) -> None:
    """Sets the cause of an interruption to an error that says which change may have happened. ``change`` is
    what the success of the call means. A call that only reads needs no explanation.
    """
    # Loaded if the call is a rotation.
    reports = sys.modules.get("codat_keys._reports")
    known: CodatError
    # A second interruption can replace the error of the call, and has this error as its cause.
    outcome = error
    while outcome is not None and not isinstance(outcome, CodatError):
        outcome = outcome.__cause__
    if isinstance(outcome, OutcomeUnknownError) or (isinstance(outcome, CodatError) and outcome.code == "rotation"):
        known = outcome
    elif reports is not None and isinstance(result, reports.RotationReport):
        known = reports.RotationError(
            "the rotation ended, but the call was interrupted before its report could be returned",
            kind="cancelled",
            report=result,
        )
    elif isinstance(result, Creation):
        known = OutcomeUnknownError(
            "the key was made, but the call was interrupted before it could be returned",
            hint="use the one candidate, or delete it",
            candidates=[result.key],
        )
    elif error is None and change is not None:
        known = OutcomeUnknownError(
            f"{change}, but the call was interrupted before it could return",
            hint="do not repeat the change",
        )
    else:
        return
    # Appended to the causes that a signal handler may have set.
    while raised.__cause__ is not None:
        raised = raised.__cause__
    raised.__cause__ = known
