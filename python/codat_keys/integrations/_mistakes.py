"""What the integrations say of the same mistakes."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from .. import AsyncClient, Client

    _C = TypeVar("_C", Client, AsyncClient, Client | AsyncClient)


def missing(library: str, error: ImportError) -> ImportError:
    """For a library that is not there, or too old."""
    return ImportError(f'codat_keys.integrations needs {library}: pip install "{library}"', name=error.name)


def checked(client: _C) -> _C:
    """Here, rather than with the first request."""
    if isinstance(client, type) or not hasattr(client, "authorization_for"):
        # Not shown: it may be a key in the wrong place.
        raise TypeError("argument 'client': give a Client or an AsyncClient of codat_keys")
    return client
