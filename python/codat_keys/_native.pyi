"""The types of the native module. ``codat_keys`` exports its public classes."""

import builtins
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import Context
from datetime import datetime
from typing import Any, Generic, Literal, NoReturn, TypeVar, final, overload

from ._options import AsyncKeyFunction, Path, Timeout
from ._reports import RotationPlan, RotationReport, RotationStatus
from ._rotation import JournalStore

__all__ = [
    "CREDENTIAL_VARIABLES",
    "ApiKey",
    "ApiKeyDetails",
    "AsyncBody",
    "AsyncCore",
    "AuthorizationHeader",
    "BlockingBody",
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
    "PathScan",
    "RateLimit",
    "Response",
    "ResponseHead",
    "RotationCore",
    "RotationRequest",
    "Runtime",
    "ScannerCore",
    "StagedPlan",
    "Task",
    "authorize",
    "create",
    "delete",
    "encode",
    "ensure_running",
    "find",
    "get",
    "list",
    "masked",
    "plan_staged",
    "reauthorize",
    "reload_key",
    "request",
    "stream",
    "whoami",
]

_T = TypeVar("_T")
_Completion = tuple[int | None, Any, BaseException | None]

@final
class ApiKey:
    """A Codat API key: a secret.

    The ``repr`` and ``str`` of an API key show at most the last four characters. An API key can be neither pickled nor
    serialized to JSON. API keys are compared in constant time. Only ``expose_secret`` returns the value.

    Raises ``InvalidCredentialError`` if the text cannot be an API key: if it is empty, contains white space or quotes,
    or is a whole header, a ``Bearer`` token, a Base64-encoded API key, or an API key followed by a colon. The error
    says how to correct the text. The rules come from Codat's authentication page, and from common mistakes with HTTP
    libraries.

    >>> key = ApiKey("ExampleKeyForTheDocs0000000000000000000A")
    >>> key
    ApiKey(****000A)
    >>> key.expose_secret()
    'ExampleKeyForTheDocs0000000000000000000A'
    """

    def __new__(cls, value: str | ApiKey) -> ApiKey: ...
    @staticmethod
    def verbatim(value: str) -> ApiKey:
        """Creates an API key without checking its form. Use this method if Codat issues API keys of a new form.

        Raises ``InvalidCredentialError`` only if the text cannot be sent in a header.
        """

    def expose_secret(self) -> str:
        """Returns the value. The caller is responsible for keeping it secret."""

    def masked(self) -> str:
        """Returns four asterisks and the last four characters. For an API key of fewer than twelve characters, returns
        only the asterisks.
        """

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __copy__(self) -> ApiKey: ...
    def __deepcopy__(self, _memo: object, /) -> ApiKey: ...
    def __reduce__(self) -> NoReturn: ...
    __hash__: None  # type: ignore[assignment]

@final
class AuthorizationHeader:
    """The value of the ``Authorization`` header: ``Basic``, a space, and the Base64 of the key. It is as secret as the
    key.

    The form of the value comes from Codat's authentication page. Basic authentication in HTTP libraries adds a colon to
    the API key. Codat rejects the API key with a colon.

    Raises ``InvalidCredentialError`` if the text is not the value of such a header: if it is an API key without Base64
    encoding, begins with the name of the header or with ``Bearer``, is not valid Base64, encodes a colon after the API
    key, or encodes the API key twice. The error says how to correct the text.

    >>> header = AuthorizationHeader("Basic ZXhhbXBsZQ==")
    >>> header == AuthorizationHeader.encode(ApiKey("example"))
    True
    >>> header.api_key.expose_secret()
    'example'
    """

    def __new__(cls, value: str | AuthorizationHeader) -> AuthorizationHeader: ...
    @staticmethod
    def encode(key: str | ApiKey) -> AuthorizationHeader:
        """Creates the ``Authorization`` header for an API key. Raises the same errors as the function ``encode``."""

    @property
    def api_key(self) -> ApiKey:
        """The API key that the header contains."""

    def expose_secret(self) -> str:
        """Returns the value, ``Basic …``. The caller is responsible for keeping it secret."""

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __copy__(self) -> AuthorizationHeader: ...
    def __deepcopy__(self, _memo: object, /) -> AuthorizationHeader: ...
    def __reduce__(self) -> NoReturn: ...
    __hash__: None  # type: ignore[assignment]

def encode(key: str | ApiKey) -> str:
    """Returns the value of the ``Authorization`` header for an API key. The value is as secret as the API key.

    Raises ``InvalidCredentialError`` if the text cannot be an API key. The error says how to correct the text.

    >>> encode("example")
    'Basic ZXhhbXBsZQ=='
    """

def masked(text: str) -> str: ...

@final
class ApiKeyDetails:
    """An API key in Codat's list of API keys. Its ``repr`` masks the secret. If the name or the id contains an API key,
    ``repr`` masks that too. It cannot be pickled.

    >>> with Client() as client:
    ...     for key in client.keys.list():
    ...         print(key.name, key.api_key.masked()[:4])
    None ****
    """

    @property
    def id(self) -> str:
        """The id of the API key. Pass it to ``get`` or ``delete``."""

    @property
    def name(self) -> str | None:
        """The name of the API key. Several API keys can have the same name. The first API key of a Codat account has no
        name.
        """

    @property
    def api_key(self) -> ApiKey:
        """The secret value of the API key. Codat's list of API keys contains it in plain text."""

    @property
    def created_date(self) -> datetime | None:
        """The time at which the API key was created, in UTC. ``None`` if Codat reports no date, as for old API keys, or
        if the date cannot be parsed.
        """

    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __reduce__(self) -> NoReturn: ...

@final
class Creation:
    """The result of ``create``.

    >>> with Client() as client:
    ...     made = client.keys.create("invoice-processor")
    >>> made.key.name, made.how, made.extras
    ('invoice-processor', 'created', [])
    """

    @property
    def key(self) -> ApiKeyDetails:
        """The API key, with its secret value."""

    @property
    def how(self) -> Literal["created", "replayed", "adopted"]:
        """How ``create`` got the API key.

        ``created``: the response to the first request contains the API key. ``replayed``: the response to a repeated
        request contains it. ``adopted``: no response contains it, but the list of API keys contains exactly one new API
        key with this name, and the option ``adopt`` was set.
        """

    @property
    def extras(self) -> builtins.list[ApiKeyDetails] | None:
        """Other new API keys with the same name as ``key``. ``create`` searches the list of API keys for such keys only
        if the outcome of a request is unknown. Otherwise, ``extras`` is empty. ``None`` if the API keys could not be
        listed.
        """

@final
class RateLimit:
    """The daily quota of HTTP requests, from the headers of a response. A value is ``None`` if its header is missing or
    invalid. Codat's page on rate limits defines the quota.

    >>> with Client() as client:
    ...     keys = client.keys.list()
    ...     quota = client.rate_limit
    >>> quota.limit, quota.remaining, quota.reset.hour
    (6000, 5999, 0)
    """

    @property
    def limit(self) -> int | None:
        """The number of HTTP requests allowed per day: 1,000, plus 1,000 for each active company that is connected to
        Codat.
        """

    @property
    def remaining(self) -> int | None:
        """The number of HTTP requests that are still allowed today."""

    @property
    def reset(self) -> datetime | None:
        """The time at which the daily quota is reset: the next 00:00 UTC."""

    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __ne__(self, other: object, /) -> bool: ...

@final
class Response:
    """An HTTP response with a 2xx status. Its ``repr`` shows neither the headers nor the body.

    >>> with Client() as client:
    ...     response = client.request("GET", "/profile")
    >>> response.status, response.headers["content-type"], response.json()["name"]
    (200, 'application/json', 'Emulated client')
    """

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP headers of the response, with names in lower case. The values of headers with the same name are
        joined by commas.
        """

    @property
    def content(self) -> bytes:
        """The body."""

    def json(self) -> Any:
        """Parses the body as JSON.

        Raises ``BadResponseError`` if the body is not valid JSON. This error does not quote the body. Raises
        ``ValueError`` for an integer with more digits than ``sys.get_int_max_str_digits`` allows.
        """

    def redacted(self) -> bytes:
        """Returns the body for a log. API keys that the client has used or listed are masked. The value of every JSON
        member ``apiKey`` is masked too.
        """

    @property
    def correlation_id(self) -> str | None:
        """The correlation id of this response, for Codat's support. Successful responses rarely have one."""

    @property
    def rate_limit(self) -> RateLimit | None:
        """The daily quota of HTTP requests, from the headers of this response. ``None`` if the response has no such
        headers.
        """

@final
class Page:
    """One page of a paginated list, such as the list of companies.

    >>> with Client() as client:
    ...     first = next(client.pages("/companies", page_size=2))
    >>> first.results[0]["name"], first.total_results
    ('Example Company 00001', 5)
    """

    @property
    def results(self) -> builtins.list[Any]:
        """The results of the page. The first access parses the JSON. Each access returns the same list."""

    @property
    def total_results(self) -> int:
        """The number of results on all pages."""

    @property
    def response(self) -> Response:
        """The response that contains the page."""

@final
class KeyCommand:
    """A command that prints an API key or the value of an ``Authorization`` header, such as the command-line program of a
    secret store.

    Pass the command to ``Client(api_key_command=...)``. The first call of the client runs the command. The client runs
    the command again after Codat rejects the API key, and when the API key is older than ``cached_for``. The command
    runs without a shell and without input. It inherits the environment of this process, except for ``CODAT_API_KEY``,
    ``CODAT_AUTH_HEADER``, ``CODAT_API_KEY_FILE`` and ``CODAT_PROFILE``. The command is killed if its timeout elapses,
    or if the call that started it times out, is interrupted or is cancelled. On Unix, its whole process group is
    killed.

    ``argv`` contains the program and its arguments. The program is searched in ``PATH``. Do not put a secret into the
    arguments, because every process of the machine can read them. Both times are in seconds, or a timedelta:

    - ``timeout``: the time limit of one run of the command. Default: 10 s.
    - ``cached_for``: how long the client uses the API key before it runs the command again. Default: until Codat
      rejects the API key.

    A call raises ``InvalidCredentialError`` if the command cannot be started, does not exit in time, prints more than
    64 KiB, exits with a status other than 0, or prints no valid API key. The error quotes up to 500 characters of the
    standard error of a failed command, with API keys masked. No error quotes its standard output.

    >>> command = KeyCommand(["printf", "ExampleKeyForTheDocs0000000000000000000A"], cached_for=600)
    >>> command
    <KeyCommand printf>
    >>> Client(api_key_command=command).reload_key()
    True
    """

    def __new__(
        cls, argv: Sequence[Path], *, timeout: Timeout | None = None, cached_for: Timeout | None = None
    ) -> KeyCommand: ...

CREDENTIAL_VARIABLES: tuple[str, ...]

@final
class Options:
    def __new__(
        cls,
        *,
        api_key: ApiKey | str | AsyncKeyFunction | None,
        auth_header: AuthorizationHeader | str | None,
        api_key_file: Path | None,
        api_key_command: Sequence[Path] | KeyCommand | None,
        profile: str | None,
        base_url: str | None,
        timeout: Timeout | None,
        retry: bool,
        ca_file: Path | None,
        proxy: str | None,
        allow_insecure_http: bool | None,
        max_response_bytes: int | None,
    ) -> Options: ...

@final
class Call(Generic[_T]):
    @property
    def change(self) -> str | None: ...

@final
class PageCursor:
    def next(self) -> Call[Page | None]: ...
    def received(self, page: Page) -> None: ...
    def take(self, pages: builtins.list[Page | None]) -> Page | None: ...
    def total_changed(self) -> bool: ...

def ensure_running() -> None: ...
def list() -> Call[builtins.list[ApiKeyDetails]]: ...
def whoami() -> Call[ApiKeyDetails]: ...
def get(id: str) -> Call[ApiKeyDetails]: ...
def reload_key() -> Call[bool]: ...
def authorize(url: str) -> Call[AuthorizationHeader]: ...
def reauthorize(url: str, rejected: AuthorizationHeader | str) -> Call[AuthorizationHeader | None]: ...
def find(name: str) -> Call[builtins.list[ApiKeyDetails]]: ...
def create(name: str, adopt: bool, idempotency_key: str | None, is_new: bool = False) -> Call[Creation]: ...
def delete(id: str, allow_key_in_use: bool) -> Call[None]: ...
def request(
    method: str,
    path: str,
    params: Mapping[str, str | int | float] | None,
    headers: Mapping[str, str] | None,
    body: bytes | None,
    timeout: Timeout | None,
    max_response_bytes: int | None,
) -> Call[Response]: ...
def stream(request: Call[Response]) -> Call[AsyncBody]: ...

@final
class ResponseHead:
    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> dict[str, str]: ...
    @property
    def content_length(self) -> int | None: ...
    @property
    def rate_limit(self) -> RateLimit | None: ...

@final
class AsyncBody:
    def head(self) -> ResponseHead: ...
    def next(self) -> Call[bytes | None]: ...
    def close(self) -> None: ...

@final
class BlockingBody:
    def head(self) -> ResponseHead: ...
    def chunk(self) -> bytes | None: ...
    def close(self) -> None: ...

@final
class BlockingCore:
    def __new__(cls, options: Options) -> BlockingCore: ...
    def perform(
        self,
        call: Call[_T],
        unclaimed: builtins.list[_T] | None = None,
        handle: Callable[[RotationRequest], None] | None = None,
    ) -> _T: ...
    def stream(self, call: Call[AsyncBody]) -> BlockingBody: ...
    def pages(
        self,
        path: str,
        page_size: int | None,
        query: str | None,
        order_by: str | None,
        concurrency: int | None,
        max_response_bytes: int | None,
    ) -> PageCursor: ...
    def rate_limit(self) -> RateLimit | None: ...
    def cached_authorization(self, url: str) -> AuthorizationHeader | None: ...
    def check_next_hop(self, url: str) -> None: ...
    def base_url(self) -> str: ...
    def close(self) -> None: ...

@final
class AsyncCore:
    def __new__(cls, options: Options) -> AsyncCore: ...
    def after_fork(self) -> AsyncCore: ...
    def pages(
        self,
        path: str,
        page_size: int | None,
        query: str | None,
        order_by: str | None,
        concurrency: int | None,
        max_response_bytes: int | None,
    ) -> PageCursor: ...
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
class RotationCore:
    def __new__(
        cls,
        sinks: Sequence[tuple[str, Timeout, bool]],
        *,
        key: str | None,
        journal: Path | JournalStore | None,
        functions: tuple[int, bool, str | None, Timeout] | None,
        journal_name: str,
        name: str | None,
        grace: Timeout | None,
        overwrite: bool,
        delete_first: Sequence[str],
        lease: Timeout | None,
        probe_timeout: Timeout | None,
    ) -> RotationCore: ...
    @overload
    def call(self, verb: Literal["start", "resume", "finish", "abort", "recover"]) -> Call[RotationReport]: ...
    @overload
    def call(self, verb: Literal["status"]) -> Call[RotationStatus | None]: ...
    @overload
    def call(self, verb: Literal["plan"]) -> Call[RotationPlan]: ...

@final
class RotationRequest:
    @property
    def sink(self) -> int | None: ...
    @property
    def function(self) -> str | None: ...
    @property
    def arguments(self) -> tuple[Any, ...]: ...
    @property
    def event(self) -> dict[str, Any] | None: ...
    def complete(self, value: object) -> None: ...
    def fail(self, raised: BaseException) -> None: ...

@final
class StagedPlan:
    @property
    def retired(self) -> builtins.list[str]: ...
    @property
    def foreign(self) -> str | None: ...
    @property
    def created(self) -> ApiKeyDetails | None: ...
    @property
    def name(self) -> str: ...

def plan_staged(
    listed: Sequence[ApiKeyDetails], current: ApiKeyDetails, previous: ApiKey | None, base: str | None, token: str
) -> StagedPlan: ...

_FindingData = tuple[
    str | None,
    int,
    int,
    int,
    int,
    str,
    Literal["high", "low"],
    int,
    str | None,
    str | None,
    str,
]

@final
class ScannerCore:
    def __new__(cls, keys: Iterable[ApiKeyDetails | ApiKey | str]) -> ScannerCore: ...
    def number_of_keys(self) -> int: ...
    def scan_bytes(self, content: bytes) -> builtins.list[_FindingData]: ...
    def scan_paths(self, paths: Iterable[Path]) -> PathScan: ...

@final
class PathScan:
    def next(self) -> builtins.list[_FindingData | tuple[str, str]] | None: ...
    def stop(self) -> None: ...

@final
class CompletionQueue:
    def __new__(cls, wake: Callable[[], object] | None) -> CompletionQueue: ...
    def fileno(self) -> int: ...
    def start(self, runtime: Runtime, core: AsyncCore, call: Call[Any], number: int) -> Task: ...
    def drain(self, entries: deque[_Completion]) -> None: ...
    def rest(self, entries: deque[_Completion]) -> None: ...

@final
class Emulator:
    def __new__(cls, port: int, seed: int | None) -> Emulator: ...
    @property
    def base_url(self) -> str: ...
    @property
    def api_key(self) -> str: ...
    def stop(self) -> None: ...
