"""The native module: what users meet of it is exported by ``codat_keys``."""

import builtins
from collections.abc import Callable, Mapping, Sequence
from contextvars import Context
from datetime import datetime
from typing import Any, Generic, Literal, NoReturn, TypeVar, final

from ._options import AsyncKeyFunction, Path, Timeout

__all__ = [
    "ApiKey",
    "ApiKeyDetails",
    "AsyncCore",
    "AuthorizationHeader",
    "BlockingCore",
    "Call",
    "CompletionQueue",
    "Creation",
    "Emulator",
    "KeyCommand",
    "KeyRequest",
    "Options",
    "Page",
    "PageCursor",
    "RateLimit",
    "Response",
    "Runtime",
    "Task",
    "authorize",
    "create",
    "delete",
    "encode",
    "ensure_running",
    "find",
    "get",
    "list",
    "reauthorize",
    "reload_key",
    "request",
    "whoami",
]

_T = TypeVar("_T")
_Completions = builtins.list[tuple[int, Any, BaseException | None]]

@final
class ApiKey:
    """A Codat API key: a secret.

    Its ``repr`` and ``str`` show the last four characters at the most; it is neither pickled nor written as JSON. Two
    compare in constant time. ``expose_secret`` is the only way to its value.

    Raises ``InvalidCredentialError``, with the mistake and its repair, for what cannot be a raw key: empty, white
    space, quotes, a whole header, a ``Bearer`` token, an encoded key, a key with a colon behind it. The rules
    come from Codat's authentication page, and from the mistakes that HTTP libraries make.

    >>> key = ApiKey("ExampleKeyForTheDocs0000000000000000000A")
    >>> key
    ApiKey(****000A)
    >>> key.expose_secret()
    'ExampleKeyForTheDocs0000000000000000000A'
    """

    def __new__(cls, value: str | ApiKey) -> ApiKey: ...
    @staticmethod
    def verbatim(value: str) -> ApiKey:
        """Takes a key as it stands, for a form that nobody foresaw.

        Raises ``InvalidCredentialError`` only for what cannot be sent in a header.
        """

    def expose_secret(self) -> str:
        """The value itself. Whoever calls this is responsible for where it goes."""

    def masked(self) -> str:
        """The last four characters after four asterisks; only the asterisks for a key shorter than twelve characters."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __copy__(self) -> ApiKey: ...
    def __deepcopy__(self, _memo: object, /) -> ApiKey: ...
    def __reduce__(self) -> NoReturn: ...
    __hash__: None  # type: ignore[assignment]

@final
class AuthorizationHeader:
    """The value of the ``Authorization`` header: ``Basic`` and the Base64 of the key alone. As secret as the key.

    So says Codat's authentication page. What HTTP libraries call basic authentication adds a colon, and is refused.

    Raises ``InvalidCredentialError``, with the mistake and its repair, for what is no such header: a raw key, the
    header's name in front, ``Bearer``, no Base64, a colon encoded with the key, a key encoded twice.

    >>> header = AuthorizationHeader("Basic ZXhhbXBsZQ==")
    >>> header == AuthorizationHeader.encode(ApiKey("example"))
    True
    >>> header.api_key.expose_secret()
    'example'
    """

    def __new__(cls, value: str | AuthorizationHeader) -> AuthorizationHeader: ...
    @staticmethod
    def encode(key: str | ApiKey) -> AuthorizationHeader:
        """The header of a key. Raises as ``encode`` does."""

    @property
    def api_key(self) -> ApiKey:
        """The key that it carries."""

    def expose_secret(self) -> str:
        """The value itself, ``Basic …``. Whoever calls this is responsible for where it goes."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __copy__(self) -> AuthorizationHeader: ...
    def __deepcopy__(self, _memo: object, /) -> AuthorizationHeader: ...
    def __reduce__(self) -> NoReturn: ...
    __hash__: None  # type: ignore[assignment]

def encode(key: str | ApiKey) -> str:
    """The value of the ``Authorization`` header for a key: a secret, like the key.

    Raises ``InvalidCredentialError`` for what cannot be a raw key, with the mistake and its repair.

    >>> encode("example")
    'Basic ZXhhbXBsZQ=='
    """

@final
class ApiKeyDetails:
    """A key as Codat lists it. Its ``repr`` masks the secret, and every other known key in the name and the id. It is not pickled.

    >>> with Client() as client:
    ...     for key in client.keys.list():
    ...         print(key.name, key.api_key.masked()[:4])
    None ****
    """

    @property
    def id(self) -> str:
        """Codat's id, which ``get`` and ``delete`` take."""

    @property
    def name(self) -> str | None:
        """The name, which is not unique; the first key of a client has none."""

    @property
    def api_key(self) -> ApiKey:
        """The secret itself: Codat's answers hold it in clear, lists included."""

    @property
    def created_date(self) -> datetime | None:
        """When the key was made, in UTC; ``None`` for old keys, and where the date cannot be read."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> NoReturn: ...

@final
class Creation:
    """What ``create`` brings.

    >>> with Client() as client:
    ...     made = client.keys.create("invoice-processor")
    >>> made.key.name, made.how, made.extras
    ('invoice-processor', 'created', [])
    """

    @property
    def key(self) -> ApiKeyDetails:
        """The key. Its secret is in it."""

    @property
    def how(self) -> Literal["created", "replayed", "adopted"]:
        """How it came about.

        ``created``: the first answer held the key. ``replayed``: that to a repeated request did. ``adopted``: no answer
        did; it is the one new key of its name, and nobody else makes any.
        """

    @property
    def extras(self) -> builtins.list[ApiKeyDetails] | None:
        """Other new keys of the name after a doubt, else none; ``None`` where nobody could look."""

@final
class RateLimit:
    """The day's quota, as an answer told it; what could not be read is ``None``. See Codat's page on rate limits.

    >>> with Client() as client:
    ...     keys = client.keys.list()
    ...     quota = client.rate_limit
    >>> quota.limit, quota.remaining, quota.reset.hour
    (6000, 5999, 0)
    """

    @property
    def limit(self) -> int | None:
        """Requests a day: 1,000 for the client, and 1,000 for each of its active connected companies."""

    @property
    def remaining(self) -> int | None:
        """What is left of it."""

    @property
    def reset(self) -> datetime | None:
        """When it is whole again, in UTC: at 00:00."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class Response:
    """An answer of any 2xx status. Its ``repr`` shows neither headers nor body.

    >>> with Client() as client:
    ...     answer = client.request("GET", "/profile")
    >>> answer.status, answer.headers["content-type"], answer.json()["name"]
    (200, 'application/json', 'Emulated client')
    """

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers, by names in lower case; those of one name are joined by commas."""

    @property
    def content(self) -> bytes:
        """The body, at most 8 MiB."""

    def json(self) -> Any:
        """The body, read from JSON. Raises ``BadResponseError`` where it is none, without a word of it; ``ValueError`` for a
        whole number of more digits than ``sys.get_int_max_str_digits`` allows.
        """

    def redacted(self) -> bytes:
        """The body for a log: the key in use is taken out, and every member ``apiKey`` is masked."""

    @property
    def correlation_id(self) -> str | None:
        """What Codat's support asks for; in a success it is rare."""

    @property
    def rate_limit(self) -> RateLimit | None:
        """What this answer says of the day's quota; ``None`` where it says nothing."""

@final
class Page:
    """One page of a paged resource.

    >>> with Client() as client:
    ...     first = next(client.pages("/companies", page_size=2))
    >>> first.results[0]["name"], first.total_results
    ('Example Company 00001', 5)
    """

    @property
    def results(self) -> builtins.list[Any]:
        """What the page holds, read from its JSON each time."""

    @property
    def total_results(self) -> int:
        """How many there are on all pages together."""

    @property
    def response(self) -> Response:
        """The answer itself."""

@final
class KeyCommand:
    """A command that prints an API key or the value of an ``Authorization`` header, such as the client of a secret store.

    For ``Client(api_key_command=...)``. The first call of the client runs the command. It runs again after Codat rejects the
    key, and once the key is older than ``cached_for``. It runs without a shell and without input. It inherits the environment
    of this process, except for the variables that hold or name a key.

    ``argv`` is the program, which is looked up in ``PATH``, and its arguments. Do not put a secret into the arguments: every
    process of the machine can read them. Both times are in seconds, or a timedelta:

    - ``timeout``: how long one run may take; the command is then killed, but not the processes that it started. A call that
      waits for the key may time out earlier. Default: 10 s.
    - ``cached_for``: how long the key is used before the command runs again. Default: until Codat rejects the key.

    A run raises ``InvalidCredentialError`` if the command cannot be started, does not exit in time, prints more than 64 KiB,
    exits with a status other than 0, or prints no valid key. The error of a failed command quotes up to 500 characters of its
    standard error, with keys masked. No error quotes its standard output.

    >>> command = KeyCommand(["printf", "ExampleKeyForTheDocs0000000000000000000A"], cached_for=600)
    >>> command
    <KeyCommand printf>
    >>> Client(api_key_command=command).reload_key()
    True
    """
    def __new__(
        cls, argv: Sequence[Path], *, timeout: Timeout | None = None, cached_for: Timeout | None = None
    ) -> KeyCommand: ...

@final
class Options:
    def __new__(
        cls,
        *,
        api_key: ApiKey | str | AsyncKeyFunction | None,
        auth_header: AuthorizationHeader | str | None,
        api_key_file: Path | None,
        api_key_command: Sequence[Path] | KeyCommand | None,
        base_url: str | None,
        timeout: Timeout | None,
        retry: bool,
        ca_file: Path | None,
        proxy: str | None,
        allow_insecure_http: bool | None,
    ) -> Options: ...

@final
class Call(Generic[_T]): ...

@final
class PageCursor:
    def next(self) -> Call[Page | None]: ...

def ensure_running() -> None: ...
def list() -> Call[builtins.list[ApiKeyDetails]]: ...
def whoami() -> Call[ApiKeyDetails]: ...
def get(id: str) -> Call[ApiKeyDetails]: ...
def reload_key() -> Call[bool]: ...
def authorize(url: str) -> Call[AuthorizationHeader]: ...
def reauthorize(url: str, rejected: AuthorizationHeader | str) -> Call[AuthorizationHeader | None]: ...
def find(name: str) -> Call[builtins.list[ApiKeyDetails]]: ...
def create(name: str, adopt: bool, idempotency_key: str | None) -> Call[Creation]: ...
def delete(id: str, allow_key_in_use: bool) -> Call[None]: ...
def request(
    method: str,
    path: str,
    query: Mapping[str, str | int | float] | None,
    headers: Mapping[str, str] | None,
    body: bytes | None,
    timeout: Timeout | None,
) -> Call[Response]: ...

@final
class BlockingCore:
    def __new__(cls, options: Options) -> BlockingCore: ...
    def perform(self, call: Call[_T]) -> _T: ...
    def pages(self, path: str, page_size: int | None, query: str | None, order_by: str | None) -> PageCursor: ...
    def rate_limit(self) -> RateLimit | None: ...
    def cached_authorization(self, url: str) -> AuthorizationHeader | None: ...
    def check_next_hop(self, url: str) -> None: ...
    def base_url(self) -> str: ...
    def close(self) -> None: ...

@final
class AsyncCore:
    def __new__(cls, options: Options) -> AsyncCore: ...
    def anew(self) -> AsyncCore: ...
    def pages(self, path: str, page_size: int | None, query: str | None, order_by: str | None) -> PageCursor: ...
    def rate_limit(self) -> RateLimit | None: ...
    def authorization_for(self, url: str) -> AuthorizationHeader: ...
    def cached_authorization(self, url: str) -> AuthorizationHeader | None: ...
    def check_next_hop(self, url: str) -> None: ...
    def base_url(self) -> str: ...
    def close(self) -> None: ...

@final
class Runtime:
    def __new__(cls) -> Runtime: ...

@final
class Task:
    def stop(self) -> None: ...

@final
class KeyRequest:
    @property
    def function(self) -> AsyncKeyFunction: ...
    @property
    def context(self) -> Context: ...
    def complete(self, returned: object) -> None: ...
    def fail(self, raised: BaseException) -> None: ...

@final
class CompletionQueue:
    def __new__(cls, wake: Callable[[], object] | None) -> CompletionQueue: ...
    def fileno(self) -> int: ...
    def start(self, runtime: Runtime, core: AsyncCore, call: Call[Any], number: int) -> Task: ...
    def drain(self) -> _Completions: ...

@final
class Emulator:
    def __new__(cls, port: int, seed: int | None) -> Emulator: ...
    @property
    def base_url(self) -> str: ...
    @property
    def api_key(self) -> str: ...
    def stop(self) -> None: ...
