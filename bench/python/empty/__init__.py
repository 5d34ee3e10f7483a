"""A package of seven modules, as many as ``import codat_keys`` reads. The other six are empty."""

from . import five, four, one, six, three, two

__all__ = ["five", "four", "one", "six", "three", "two"]
