"""The one message for a library that is not there, or too old."""

from __future__ import annotations


def missing(library: str, error: ImportError) -> ImportError:
    return ImportError(f'codat_keys.integrations needs {library}: pip install "{library}"', name=error.name)
