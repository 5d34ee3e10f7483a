"""The value of the ``Authorization`` header in the requests of other libraries."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .. import AuthorizationHeader


class HeaderValue(str):
    """The value of the header. Its ``repr``, with which libraries and tracebacks show headers, is masked.

    The value cannot be pickled, because it is a secret. ``str`` returns the value, because libraries send the result.
    """

    __slots__ = ()

    @classmethod
    def of(cls, header: AuthorizationHeader) -> HeaderValue:
        return cls(header.expose_secret())

    def __repr__(self) -> str:
        return "'****'"

    def __copy__(self) -> HeaderValue:
        return self

    def __deepcopy__(self, memo: object) -> HeaderValue:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("the Authorization header of a request is not pickled, since it is a secret")
