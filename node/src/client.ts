/** The class `Client`. */
import { inspect } from "node:util";

import { text } from "./arguments";
import { type Own, make, start } from "./calls";
import { ApiKeyDetails } from "./key-types";
import { Keys } from "./keys";
import { type Call, type NativeResponse, type NativeResponseStream, native } from "./native";
import {
    type CallOptions,
    type ClientOptions,
    type PagesOptions,
    type RequestOptions,
    callOptions,
    clientOptions,
    pagesOptions,
    request,
    requestOptions,
} from "./options";
import { Pages } from "./pages";
import { type Start, perform } from "./pending-calls";
import { callNative } from "./raise";
import { ResponseStream } from "./response-stream";
import { RateLimit, Response } from "./responses";
import { ApiKey, AuthorizationHeader, raw } from "./secrets";

/**
 * A client of Codat's API. A client can make any number of concurrent calls. Only pending calls keep the process alive.
 *
 * Options without a value get their defaults from environment variables. The API key comes from `CODAT_API_KEY`,
 * `CODAT_AUTH_HEADER` or `CODAT_API_KEY_FILE`. If none of these variables is set, the API key comes from the profile
 * that `CODAT_PROFILE` names. `CODAT_BASE_URL`, `CODAT_CA_FILE`, `CODAT_ALLOW_INSECURE_HTTP`, `HTTPS_PROXY` and
 * `NO_PROXY` configure the connection. The constructor sends no request.
 *
 * ```ts
 * await using client = new Client();
 * const names = (await client.keys.list()).map((key) => key.name);
 * ```
 */
export class Client {
    /** The operations on API keys: list, find, create and delete. */
    readonly keys: Keys;
    readonly #own: Own;

    /**
     * Throws `NoCredentialError` if no API key is given, `InvalidCredentialError` for an invalid API key, and
     * `InvalidInputError` for a URL or file that cannot be used.
     */
    constructor(options: ClientOptions = {}) {
        const [given, provide] = clientOptions(options);
        const core = callNative(() => new native.Core(given, variable));
        this.#own = { core, provide };
        this.keys = new Keys(this.#own);
    }

    /**
     * Sends a request to Codat's API. The path begins with a slash.
     *
     * All attempts of a POST or PATCH request have the same `Idempotency-Key` header. Rejects with `InvalidInputError`,
     * and sends nothing, if the path leads out of the base URL. Rejects with `OutcomeUnknownError` if no response shows
     * whether a change took effect.
     */
    async request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
        const given = requestOptions(options);
        const call = request(false, method, path, given);
        return new Response((await make<NativeResponse>(this.#own, call, given)).attachment!);
    }

    /**
     * Sends a request, and resolves as soon as the headers of the response have arrived. The parameters are those of
     * `request`. The `body` of the response is a stream. Use this method for a body that is too large for memory.
     *
     * Until the headers of a 2xx response have arrived, the request is retried, and the API key is refreshed after a
     * 401 or 403. The option `timeout` limits the time until these headers arrive. After they have arrived, the request
     * is never repeated. If the last response is not 2xx, `stream` rejects with the same errors as `request`.
     *
     * The body fails with one of these errors:
     * - `ConnectError`: the connection was lost before the end that the response declares;
     * - `TimeoutError`: while a chunk was awaited, no byte arrived for 10 s. The option `timeout` of the call or of the
     *   client replaces the 10 s. The time between two reads does not count, and the time for the whole body is not
     *   limited;
     * - `TooLargeError`: the body is larger than `maxResponseBytes`, which is not limited by default;
     * - the reason of `signal`, if `signal` is aborted. The connection is then closed.
     *
     * If the HTTP method can change data, the body fails with `OutcomeUnknownError` instead of the first three errors.
     *
     * A body that is neither read nor cancelled keeps its connection open until the body is garbage-collected. Such a
     * body does not keep the process alive. API keys in the body are not masked, because a key can extend over two
     * chunks.
     *
     * ```ts
     * const { body } = await client.stream("GET", "/companies");
     * await pipeline(Readable.fromWeb(body), createWriteStream("companies.json"));
     * ```
     */
    async stream(method: string, path: string, options: RequestOptions = {}): Promise<ResponseStream> {
        const given = requestOptions(options);
        const call = request(true, method, path, given);
        const { attachment } = await make<NativeResponseStream>(this.#own, call, given);
        return new ResponseStream(this.#own.core, attachment!, given.signal);
    }

    /**
     * Returns an async iterator over the pages of a resource such as `/companies`. To iterate over the results instead,
     * call the method `items` of the iterator. `T` is the type of a result, which is not checked.
     *
     * Each page is one request, with the retries and the errors of `request`. `next()` rejects with
     * `InvalidInputError`, and sends nothing, if the page size is out of range, or if the path or the query contains
     * `page` or `pageSize`. `next()` rejects with `BadResponseError` if a response is not a page. After an error,
     * `next()` requests the same page again.
     *
     * ```ts
     * for await (const page of client.pages<Company>("/companies", { pageSize: 500 })) {
     *     console.log(page.results.map((company) => company.name));
     * }
     * ```
     */
    pages<T = unknown>(path: string, options: PagesOptions = {}): Pages<T> {
        const given = callOptions(options, ["pageSize", "query", "orderBy", "concurrency", "maxResponseBytes"]);
        const { signal, timeout } = given;
        const { core, provide } = this.#own;
        const cursor = core.pages(text("path", path), ...pagesOptions(given));
        const next: Start = (calls, number, observed) => calls.next(number, observed, core, timeout, cursor);
        return new Pages(cursor, () => perform(next, provide, signal));
    }

    /**
     * Returns the details of the API key that this client uses. Sends a request for the list of API keys. Rejects with
     * `NotFoundError` if the list does not contain the API key.
     */
    async whoami(options: CallOptions = {}): Promise<ApiKeyDetails> {
        return new ApiKeyDetails(await start(this.#own, { call: "whoami" }, options));
    }

    /**
     * Reads the API key again from its source, such as a file, a command or a function. Resolves to true if the API key
     * has changed. An API key that was given as a string does not change. Rejects with `InvalidCredentialError` if the
     * source cannot be read. After this error, the client keeps its API key.
     *
     * After Codat rejects the API key, the client reads the API key again automatically.
     */
    async reloadKey(options: CallOptions = {}): Promise<boolean> {
        return start(this.#own, { call: "reloadKey" }, options);
    }

    /** The daily quota of requests, from the headers of the latest response. `null` before the first response. */
    get rateLimit(): RateLimit | null {
        return RateLimit.of(this.#own.core.rateLimit());
    }

    /** The base URL of all requests, without a slash at the end. */
    get baseUrl(): string {
        return this.#own.core.baseUrl();
    }

    /**
     * Returns the `Authorization` header for a request that another HTTP library sends. This method never waits. If the
     * API key comes from a command or a function, this method does not run the command or function, but uses the latest
     * result. If the API key comes from a file, this method checks the file at most once a second, and reads the file
     * again if the file has changed. Prefer `authorize` in code that can wait.
     *
     * Throws `InvalidInputError` if the origin of `url` differs from the origin of the base URL. Throws
     * `NoCredentialError` if the command or function has not run yet, and `ClosedError` after `close`.
     */
    authorizationFor(url: string | URL): AuthorizationHeader {
        return header(callNative(() => this.#own.core.authorizationFor(href(url))));
    }

    /**
     * Resolves to the `Authorization` header for a request that another HTTP library sends. The client reads the API
     * key from its source if the API key has not been read yet, or may have changed. Concurrent calls share one read.
     * Nothing is sent to Codat, and a failed read is not retried.
     *
     * Rejects with `InvalidInputError` if the origin of `url` differs from the origin of the base URL. Rejects with
     * `ClosedError` after `close`. Two errors occur only while the client has no API key: `InvalidCredentialError` if
     * the source cannot be read, and `TimeoutError` if reading takes longer than the timeout.
     */
    async authorize(url: string | URL, options: CallOptions = {}): Promise<AuthorizationHeader> {
        const given = href(url);
        const { signal, timeout } = callOptions(options);
        signal?.throwIfAborted();
        const cached = callNative(() => this.#own.core.cachedAuthorization(given));
        const call: Call = { call: "authorize", url: given };
        return header(cached ?? (await make(this.#own, call, { signal, timeout })).value);
    }

    /**
     * Resolves to another `Authorization` header after a server responded with 401 or 403. `rejected` is the value of
     * the `Authorization` header that the server rejected. The client reads the API key again from its source. If the
     * API key has changed, send the request once more with the returned header. If the API key has not changed, the
     * promise resolves to `null`. Concurrent calls share one read of the source.
     *
     * Use this method only for requests that another HTTP library sends. The client does the same automatically for its
     * own requests.
     *
     * Rejects with the same errors as `authorize`. Also rejects with `InvalidCredentialError` if the source cannot be
     * read. After this error, the client keeps its API key.
     */
    async reauthorize(
        url: string | URL,
        rejected: AuthorizationHeader | string,
        options: CallOptions = {},
    ): Promise<AuthorizationHeader | null> {
        const { apiKey } = typeof rejected === "string" ? new AuthorizationHeader(rejected) : rejected;
        const call: Call = { call: "reauthorize", url: href(url), rejected: raw("rejected", apiKey) };
        const another: string | null = await start(this.#own, call, options);
        return another === null ? null : header(another);
    }

    /**
     * Checks whether another HTTP library may send the `Authorization` header over an unencrypted connection to `url`.
     * Call this method before each unencrypted request. `url` is the URL of the proxy, or the URL of the request if
     * there is no proxy. Throws `InvalidInputError` if the origin of `url` differs from the origin of the base URL.
     */
    checkNextHop(url: string | URL): void {
        callNative(() => this.#own.core.checkNextHop(href(url)));
    }

    /** Closes the client. Running requests complete. Every later call rejects with `ClosedError`. */
    async close(): Promise<void> {
        this.#own.core.close();
    }

    async [Symbol.asyncDispose](): Promise<void> {
        await this.close();
    }

    [inspect.custom](): string {
        return #own in this ? this.#own.core.shown() : "Client";
    }
}

/** Returns the `Authorization` header for `key`, a valid API key from the native module. */
function header(key: string): AuthorizationHeader {
    return AuthorizationHeader.encode(new ApiKey(key, null));
}

function href(url: string | URL): string {
    return text("url", url instanceof URL ? url.href : url);
}

/**
 * Returns the value of a variable in `process.env`. The native module calls this function, because `process.env`
 * differs from the environment of the process in a worker and under jest.
 */
function variable(name: string): string | undefined {
    return process.env[name];
}
