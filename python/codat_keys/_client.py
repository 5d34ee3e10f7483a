"""The client that blocks."""

from __future__ import annotations

from . import _native
from ._keys import Keys, _uninitialized
from ._request import request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Any

    from ._native import ApiKey, ApiKeyDetails, AuthorizationHeader, KeyCommand, RateLimit, Response
    from ._options import KeyFunction, Parameters, Path, Timeout
    from ._pages import Pages
    from ._response_stream import ResponseStream


class Client:
    """A client of Codat's API that blocks the calling thread. It can be shared between threads, and used after a fork.

    The key has one of these sources:

    - ``api_key``, an API key. Default: ``CODAT_API_KEY``.
    - ``auth_header``, the value of an ``Authorization`` header. Default: ``CODAT_AUTH_HEADER``.
    - ``api_key_file``, the path of a file that contains a key or the value of a header. Default:
      ``CODAT_API_KEY_FILE``. A file that was replaced is read again within a second, and after Codat rejects the key. A
      file that the user of this process owns and every user of the machine can read is rejected, unless a container
      mounts it.
    - ``api_key_command``, a program and its arguments, which prints a key: see ``KeyCommand``.
    - ``profile``, the name of a profile that ``codat-keys login`` stored, with a key and a base URL. Default:
      ``CODAT_PROFILE``, if no other of these variables is set. A key in the keyring is read by the program
      ``codat-keys``, which must be in a folder of ``PATH``.
    - ``api_key``, a function that returns a key or the value of a header. It runs in the thread of the first call,
      whose timeout does not interrupt it, and again after Codat rejects its key. Concurrent calls share one result.

    The other arguments:

    - ``base_url``, a URL. Default: ``CODAT_BASE_URL``, else the base URL of the profile, else
      ``https://api.codat.io``. The key of a profile is sent only to the origin of the profile.
    - ``timeout``, in seconds or a timedelta, for a call with its retries. Default: 30 s and 10 s for each attempt; for
      ``create``, 60 s and 15 s. If it is given, one attempt of ``create`` or ``delete`` takes at most a third of it.
    - ``retry``, whether requests are retried, as ``Keys`` describes. Default: true.
    - ``ca_file``, the path of a file with PEM certificates to trust in addition to the bundled roots. Default:
      ``CODAT_CA_FILE``, or none.
    - ``proxy``, a URL. Default: ``HTTPS_PROXY``, ``ALL_PROXY`` and ``NO_PROXY``, or none.
    - ``allow_insecure_http``, whether ``http://`` is allowed to other machines, which sends the key unencrypted.
      Default: ``CODAT_ALLOW_INSECURE_HTTP``, or false: ``http://`` reaches this machine only.
    - ``max_response_bytes``, the maximum size of a response to ``request`` and of a page, in bytes. Default: 64 MiB.
      The operations on keys have a limit of 8 MiB.

    If Codat rejects a key with 401 or 403, the client reads the source again, and repeats the call if the source has
    another key. A call whose source cannot be read raises ``InvalidCredentialError``, whose ``__cause__`` is the
    exception of the function, and the client keeps its key. Creating a client sends nothing.

    Raises ``NoCredentialError``; ``InvalidCredentialError`` if the key is not valid, or two variables contain different
    keys; ``InvalidInputError`` if a URL or a file cannot be used; ``TypeError`` or ``ValueError`` if an argument has
    another type or is out of range.

    >>> with Client() as client:
    ...     [key.name for key in client.keys.list()]
    [None]
    """

    __slots__ = ("__weakref__", "_core", "_keys")

    def __init__(
        self,
        *,
        api_key: ApiKey | str | KeyFunction | None = None,
        auth_header: AuthorizationHeader | str | None = None,
        api_key_file: Path | None = None,
        api_key_command: Sequence[Path] | KeyCommand | None = None,
        profile: str | None = None,
        base_url: str | None = None,
        timeout: Timeout | None = None,
        retry: bool = True,
        ca_file: Path | None = None,
        proxy: str | None = None,
        allow_insecure_http: bool | None = None,
        max_response_bytes: int | None = None,
    ) -> None:
        try:
            given = _native.Options(
                api_key=api_key,
                auth_header=auth_header,
                api_key_file=api_key_file,
                api_key_command=api_key_command,
                profile=profile,
                base_url=base_url,
                timeout=timeout,
                retry=retry,
                ca_file=ca_file,
                proxy=proxy,
                allow_insecure_http=allow_insecure_http,
                max_response_bytes=max_response_bytes,
            )
        finally:
            # Deleted, because some tracebacks show the local variables of this frame. A URL may contain a password.
            del api_key, auth_header, api_key_file, profile, base_url, ca_file, proxy
        self._core = _native.BlockingCore(given)
        self._keys = Keys(self._core)

    @property
    def keys(self) -> Keys:
        """The API keys of the Codat client that this client authenticates as: ``list``, ``get``, ``find``, ``create``,
        ``delete``, ``rotate`` and ``rotation``.

        >>> with Client() as client:
        ...     len(client.keys.list())
        1
        """
        return self._keys

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | None = None,
        max_response_bytes: int | None = None,
    ) -> Response:
        """Sends a request to Codat's API. The path begins with a slash, and can have a query.

        - ``params``, query parameters that are added to the path: str, int, float, or bool, which is sent as ``true``
          or ``false``.
        - ``json``, a value that is sent as JSON, or ``content``, bytes that are sent unchanged. Default: no body.
        - ``headers``, without ``Authorization``, ``Host``, headers that frame a request such as ``Content-Length``, and
          headers that name another method or path such as ``X-HTTP-Method-Override``.
        - ``timeout``, in seconds or a timedelta, for the whole call. Default: that of the client.
        - ``max_response_bytes``, the maximum size of the body in bytes. A larger one raises ``TooLargeError``. Default:
          that of the client.

        The request is retried as ``Keys`` describes. All attempts of a POST or PATCH have the same ``Idempotency-Key``,
        as Codat's page on idempotency describes. An ``Idempotency-Key`` in ``headers`` resumes an earlier call, within
        85 minutes.

        Raises the errors of ``Keys``, ``NotFoundError`` and ``ConflictError``; ``InvalidInputError`` for a status of
        400, and, with nothing sent, for a path that leaves the base URL or a header that the client sets;
        ``OutcomeUnknownError`` if a change may have taken effect and no response confirms it. If Ctrl-C interrupts such
        a change, this error is the ``__cause__`` of the ``KeyboardInterrupt``.

        >>> with Client() as client:
        ...     client.request("GET", "/profile").json()["name"]
        'Emulated client'
        """
        call = request(method, path, params, json, content, headers, timeout, max_response_bytes)
        return self._core.perform(call)

    def stream(
        self,
        method: str,
        path: str,
        *,
        params: Parameters | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: Timeout | None = None,
        max_response_bytes: int | None = None,
    ) -> ResponseStream:
        """Sends a request to Codat's API, and reads the body of the response in chunks. Use it for a body that is too
        large for memory.

        The result is a context manager. Entering it sends the request, and waits for the headers of the response.
        Leaving it closes the connection, unless the whole body was read. A response that is being read when the client
        is closed can be read to its end.

        The arguments are those of ``request``, except for two:

        - ``timeout``, in seconds or a timedelta, for the time until the headers arrive. Each wait for a chunk can take
          as long again. Default: that of the client, and 10 s for a chunk. There is no timeout for the whole body.
        - ``max_response_bytes``, the maximum size of the body in bytes. A larger one raises ``TooLargeError``. Default:
          no limit.

        Raises the errors of ``request``. The request is retried in the same way, until the headers of a response with a
        2xx status have arrived. It is not repeated afterwards. ``ResponseStream.iter_bytes`` describes how the body
        ends. API keys in the body are not masked.

        >>> with Client() as client, client.stream("GET", "/companies") as response:
        ...     response.status, sum(len(chunk) for chunk in response.iter_bytes()) == response.content_length
        (200, True)
        """
        _native.ensure_running()
        call = request(method, path, params, json, content, headers, timeout, max_response_bytes)
        # Imported on first use, because not every program reads bodies in chunks.
        from ._response_stream import ResponseStream

        return ResponseStream(self._core, _native.stream(call))

    def pages(
        self,
        path: str,
        *,
        page_size: int | None = None,
        query: str | None = None,
        order_by: str | None = None,
        concurrency: int | None = None,
        max_response_bytes: int | None = None,
    ) -> Pages:
        """Iterates over the pages of a resource such as ``/companies``.

        - ``page_size``, the number of results of a page, from 1 to 5000. Default: 100.
        - ``query``, in Codat's query language, such as ``status=Linked``.
        - ``order_by``, a property such as ``name``, or ``-name`` for descending order.
        - ``concurrency``, the maximum number of pages that are requested at the same time, from 1 to 64. Default: 1.
        - ``max_response_bytes``, the maximum size of a page in bytes. A larger page raises ``TooLargeError``. Default:
          that of the client.

        The rules come from Codat's page on paging. Each page is one request, with the retries and errors of
        ``request``. Raises ``InvalidInputError`` for an option out of range and for a ``page`` in the path,
        ``BadResponseError`` for a response that is not paged. After an error, the next iteration requests the same page
        again. ``Pages.items`` returns the results one at a time.

        With a concurrency of more than 1, the first page is requested alone, because its response tells the number of
        results. Then up to ``concurrency`` pages are requested together, and are returned in order. At most
        ``concurrency`` pages are in memory, in addition to the page that was returned last. No request is under way
        while the program uses a page. If a page fails, the pages before it are returned first, and then the error. If
        Codat responds to a page with 429, the maximum is halved; each later page without a 429 raises it by one. Codat
        accepts 10 concurrent requests for each company.

        >>> with Client() as client:
        ...     sum(len(page.results) for page in client.pages("/companies", page_size=2))
        5
        """
        _native.ensure_running()
        cursor = self._core.pages(path, page_size, query, order_by, concurrency, max_response_bytes)
        # Imported on first use, because not every program reads pages.
        from ._pages import Pages

        return Pages(self._core, cursor)

    def whoami(self) -> ApiKeyDetails:
        """Returns the key that this client authenticates with. It is looked up in the list of keys, because Codat has
        no such call.

        The request is retried, and raises errors, as ``Keys`` describes: at most 4 attempts, 10 s each, 30 s in total.
        Also raises ``NotFoundError`` if the list does not contain the key, because the list may be stale.

        >>> with Client() as client:
        ...     client.whoami() in client.keys.list()
        True
        """
        return self._core.perform(_native.whoami())

    def reload_key(self) -> bool:
        """Reads the key from its source again, and returns whether the source has another key. Calls do this
        automatically after Codat rejects the key. A key that was given as a value does not change.

        Raises ``InvalidCredentialError`` if the source cannot be read, ``TimeoutError`` if that takes longer than the
        timeout of a call, and ``ClosedError``. The client then keeps its key. A failed read is not retried.

        >>> keys = ["ExampleKeyForTheDocs0000000000000000000A", "ExampleKeyForTheDocs0000000000000000000B"]
        >>> client = Client(api_key=keys.pop)
        >>> client.reload_key(), client.reload_key()
        (True, True)
        >>> client  # doctest: +ELLIPSIS
        Client(base_url='http://127.0.0.1:...', api_key=ApiKey(****000A))
        """
        return self._core.perform(_native.reload_key())

    @property
    def rate_limit(self) -> RateLimit | None:
        """The quota of the day that the latest response reports. ``None`` before the first response. Nothing is sent.

        >>> with Client() as client:
        ...     print(client.rate_limit)
        ...     key = client.whoami()
        ...     client.rate_limit.remaining
        None
        5999
        """
        return self._core.rate_limit()

    @property
    def base_url(self) -> str:
        """The base URL of all requests, without a slash at the end.

        >>> Client(base_url="https://api.codat.io/").base_url
        'https://api.codat.io'
        """
        return self._core.base_url()

    def authorization_for(self, url: str) -> AuthorizationHeader:
        """Returns the header for another HTTP library, if the URL belongs to this client's own origin. The key is read
        from its source if it has not been read yet, or if the source may have changed. The method waits while the
        source is read, and concurrent calls share one read. Nothing is sent to Codat, and a failed read is not retried.

        Raises ``InvalidInputError`` for any other URL, so that the key is sent nowhere else; ``ClosedError``. If no key
        has been read before, also ``InvalidCredentialError`` if the source cannot be read, and ``TimeoutError`` if that
        takes longer than the timeout of a call.

        >>> with Client() as client:
        ...     header = client.authorization_for(f"{client.base_url}/companies")
        >>> header.expose_secret().startswith("Basic ")
        True
        """
        header = self._core.cached_authorization(url)
        return self._core.perform(_native.authorize(url)) if header is None else header

    def reauthorize(self, url: str, rejected: AuthorizationHeader | str) -> AuthorizationHeader | None:
        """Returns the header for sending a request once more after this client's own origin answered 401 or 403 to
        ``rejected``, or ``None`` if the source has no other key. Concurrent calls share one read of the source. Calls
        of this client do this automatically; use it for requests that another library sends.

        Raises the errors of ``authorization_for``, and ``InvalidCredentialError`` whenever the source cannot be read.
        The client then keeps its key.

        >>> keys = ["ExampleKeyForTheDocs0000000000000000000A", "ExampleKeyForTheDocs0000000000000000000B"]
        >>> client = Client(api_key=keys.pop)
        >>> rejected = client.authorization_for(client.base_url)
        >>> client.reauthorize(client.base_url, rejected).api_key
        ApiKey(****000A)
        """
        try:
            call = _native.reauthorize(url, rejected)
        finally:
            # Deleted, because some tracebacks show the local variables of this frame.
            del rejected
        return self._core.perform(call)

    def check_next_hop(self, url: str) -> None:
        """Checks the server to which another HTTP library is about to send the header over an unencrypted connection.

        ``url`` is the URL of the library's proxy, or the URL of the request if there is no proxy. Raises
        ``InvalidInputError`` unless it has this client's own origin: a proxy would see the key.

        >>> from codat_keys import InvalidInputError
        >>> try:
        ...     Client().check_next_hop("http://proxy.example:8080")
        ... except InvalidInputError as error:
        ...     print(str(error).splitlines()[0])
        the proxy http://proxy.example:8080 would see the key unencrypted
        """
        self._core.check_next_hop(url)

    def close(self) -> None:
        """Closes the client. Running requests complete. Every later call raises ``ClosedError``.

        >>> from codat_keys import ClosedError
        >>> client = Client()
        >>> client.close()
        >>> try:
        ...     client.whoami()
        ... except ClosedError as error:
        ...     print(error)
        the client is closed
        """
        self._core.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._core) if hasattr(self, "_core") else _uninitialized(self)
