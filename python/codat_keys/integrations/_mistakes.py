"""Errors that the integrations share."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    _C = TypeVar("_C")


def missing(library: str, error: ImportError) -> ImportError:
    """Returns the error for a library that is not installed, or is too old."""
    return ImportError(f'codat_keys.integrations needs {library}: pip install "{library}"', name=error.name)


def checked(client: _C, *kinds: type[object]) -> _C:
    """Returns the client. Raises ``TypeError`` for an object of another class, so that the mistake is reported before
    the first request.
    """
    if not isinstance(client, kinds):
        # The value is not shown, because it may be a key that was passed by mistake.
        give = " or ".join(f"{'an' if kind.__name__.startswith('A') else 'a'} {kind.__name__}" for kind in kinds)
        raise TypeError(f"argument 'client': give {give} of codat_keys")
    return client
