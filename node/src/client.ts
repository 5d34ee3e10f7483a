/** The client. */
import { inspect } from "node:util";

import { optional, text, yes } from "./arguments";
import type { KeyFunction } from "./key-callback";
import { ApiKeyDetails, Creation, type KeyData } from "./key-types";
import { type Call, type Core, native } from "./native";
import {
    type CallOptions,
    type ClientOptions,
    type CreateOptions,
    type DeleteOptions,
    type PagesOptions,
    type RequestOptions,
    callOptions,
    clientOptions,
    pagesOptions,
    request,
} from "./options";
import { type Completion, type Start, perform } from "./pending-calls";
import { callNative } from "./raise";
import { Page, RateLimit, Response } from "./responses";
import { ApiKey, AuthorizationHeader, raw } from "./secrets";

/**
 * The keys of a Codat client: `Client.keys`.
 *
 * Every call may also reject with `UnauthorizedError`, `PaymentRequiredError`, `ForbiddenError`, `RateLimitedError`,
 * `ServerError`, `ConnectError`, `TimeoutError`, `BadResponseError` or `TooLargeError`; once its signal is aborted, with the
 * signal's reason. A lost connection, 408, 429, 500, 502, 503 and 504 are retried: at most 4 attempts, after random waits of
 * up to 250 ms, 500 ms, then 1 s, or after what `Retry-After` asks for.
 */
export class Keys {
    readonly #own: Own;

    /** @internal */
    constructor(own: Own) {
        this.#own = own;
    }

    /** All keys, at most ten, in Codat's order. Each holds its secret: Codat's list does. */
    async list(options: CallOptions = {}): Promise<ApiKeyDetails[]> {
        return keys(await start(this.#own, { call: "list" }, options));
    }

    /** The key of this id, taken from the list. Rejects with `NotFoundError`. */
    async get(id: string, options: CallOptions = {}): Promise<ApiKeyDetails> {
        return new ApiKeyDetails(await start(this.#own, { call: "get", id: text("id", id) }, options));
    }

    /** All keys of exactly this name, which may be none or several: names are not unique. */
    async find(name: string, options: CallOptions = {}): Promise<ApiKeyDetails[]> {
        return keys(await start(this.#own, { call: "find", name: text("name", name) }, options));
    }

    /**
     * Makes exactly one key of this name: at most 4 attempts under one idempotency key, 15 s each, 60 s in all.
     *
     * Rejects with `KeyLimitReachedError`, and with `OutcomeUnknownError` where nothing proves whether a key was made: with
     * the idempotency key to resume with, and the candidates. That holds for a call that its signal stopped, too.
     */
    async create(name: string, options: CreateOptions = {}): Promise<Creation> {
        const given = callOptions(options, ["adopt", "idempotencyKey"]);
        const { adopt = false, idempotencyKey } = options;
        const call: Call = {
            call: "create",
            name: text("name", name),
            adopt: yes("adopt", adopt),
            idempotencyKey: optional(text, "idempotencyKey", idempotencyKey),
        };
        return new Creation((await make(this.#own, call, given)).value);
    }

    /**
     * Deletes the key of this id, for good: at most 4 attempts, 10 s each, 30 s in all.
     *
     * Rejects with `NotFoundError`, `LastKeyError`, `KeyInUseError` with nothing sent, and with `OutcomeUnknownError` where
     * nothing proves whether the key was deleted. What another process deletes meanwhile cannot be seen.
     */
    async delete(id: string, options: DeleteOptions = {}): Promise<void> {
        const given = callOptions(options, ["allowKeyInUse"]);
        const allowKeyInUse = yes("allowKeyInUse", options.allowKeyInUse ?? false);
        await make(this.#own, { call: "delete", id: text("id", id), allowKeyInUse }, given);
    }
}

/**
 * A client of Codat's API. It serves any number of calls at once, and does not keep the process alive between them.
 *
 * What is not given comes from the environment: `CODAT_API_KEY`, `CODAT_AUTH_HEADER` or `CODAT_API_KEY_FILE`;
 * `CODAT_BASE_URL`, `CODAT_CA_FILE`, `CODAT_ALLOW_INSECURE_HTTP`; `HTTPS_PROXY` and `NO_PROXY`. Nothing is sent until a
 * call is made.
 *
 * ```ts
 * await using client = new Client();
 * const names = (await client.keys.list()).map((key) => key.name);
 * ```
 */
export class Client {
    /** The keys. */
    readonly keys: Keys;
    readonly #own: Own;

    /** Throws `NoCredentialError`, `InvalidCredentialError`, `InvalidInputError` for what cannot be used. */
    constructor(options: ClientOptions = {}) {
        const given = clientOptions(options);
        const { apiKey } = options;
        const core = callNative(() => new native.Core(given, variable));
        this.#own = { core, provide: typeof apiKey === "function" ? apiKey : undefined };
        this.keys = new Keys(this.#own);
    }

    /**
     * Makes any call to Codat's API; the path begins with a slash.
     *
     * POST and PATCH carry one `Idempotency-Key`, the same in every attempt. Rejects with `InvalidInputError`, with nothing
     * sent, for a path that leaves the base URL; with `OutcomeUnknownError` for a change in doubt.
     */
    async request(method: string, path: string, options: RequestOptions = {}): Promise<Response> {
        const given = callOptions(options, ["query", "json", "body", "headers"]);
        const call = request(method, path, options);
        return new Response((await make(this.#own, call, given)).response!);
    }

    /**
     * The pages of a paged resource, `/companies`. After an error, `next()` asks for the same page again.
     *
     * ```ts
     * for await (const page of client.pages("/companies", { pageSize: 500 })) {
     *     console.log(page.results.length);
     * }
     * ```
     */
    pages(path: string, options: PagesOptions = {}): AsyncIterableIterator<Page> {
        const { signal, timeout } = callOptions(options, ["pageSize", "query", "orderBy"]);
        const { core, provide } = this.#own;
        const cursor = core.pages(text("path", path), ...pagesOptions(options));
        const next: Start = (calls, number) => calls.next(number, core, timeout, cursor);
        return new Pages(() => perform(next, provide, signal));
    }

    /** Which key this client authenticates with, taken from the list. Rejects with `NotFoundError`. */
    async whoami(options: CallOptions = {}): Promise<ApiKeyDetails> {
        return new ApiKeyDetails(await start(this.#own, { call: "whoami" }, options));
    }

    /**
     * Reads the key from its source again, and tells whether it is another one now. Calls do so by themselves when Codat
     * refuses the key. A key that was given as a value does not change. Rejects with `InvalidCredentialError` if the source
     * cannot be read; the key in use is then kept.
     */
    async reloadKey(options: CallOptions = {}): Promise<boolean> {
        return start(this.#own, { call: "reloadKey" }, options);
    }

    /** What the latest answer said of the day's quota; `null` before the first. */
    get rateLimit(): RateLimit | null {
        return RateLimit.of(this.#own.core.rateLimit());
    }

    /** Where this client's requests go, without a slash at the end. */
    get baseUrl(): string {
        return this.#own.core.baseUrl();
    }

    /**
     * Returns the header for another HTTP library, if the URL belongs to this client's own origin. It never waits. It checks a
     * key file at most once a second, and reads it again if it has changed. It does not call a command or a function, and
     * uses the latest key that it returned. Prefer `authorize` in code that can wait.
     *
     * Throws `InvalidInputError` for any other URL, so that the key goes nowhere else; `NoCredentialError` before a command
     * or a function has been called for the first time; `ClosedError`.
     */
    authorizationFor(url: string | URL): AuthorizationHeader {
        return header(callNative(() => this.#own.core.authorizationFor(href(url))));
    }

    /**
     * Resolves to the header for another HTTP library, if the URL belongs to this client's own origin. The key is read from its
     * source if that has not happened yet, or if the source may have changed. Concurrent calls share one read. Nothing is
     * sent to Codat, and a failed read is not retried.
     *
     * Rejects with `InvalidInputError` for any other URL; `ClosedError`. If no key has been read before, also with
     * `InvalidCredentialError` if the source cannot be read, and `TimeoutError` if that takes longer than a call may.
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
     * Resolves to the header for sending a request once more after this client's own origin answered 401 or 403 to `rejected`,
     * or to `null` if the source has no other key. Concurrent calls share one read of the source. Calls of this client do
     * this automatically; use it for requests that another library sends.
     *
     * Rejects as `authorize`, and with the errors of the source in any case. The key in use is then kept.
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
     * Checks the server to which another HTTP library is about to send the header over an unencrypted connection. `url` is the URL
     * of the library's proxy, or the URL of the request if there is no proxy. Throws `InvalidInputError` unless it has this
     * client's own origin: a proxy would see the key.
     */
    checkNextHop(url: string | URL): void {
        callNative(() => this.#own.core.checkNextHop(href(url)));
    }

    /** Closes the connections. Every later call rejects with `ClosedError`. */
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

/** No generator, which would end with its first error. */
class Pages implements AsyncIterableIterator<Page> {
    readonly #ask: () => Promise<Completion>;
    #left = false;

    constructor(ask: () => Promise<Completion>) {
        this.#ask = ask;
    }

    async next(): Promise<IteratorResult<Page, undefined>> {
        const completion = this.#left ? undefined : await this.#ask();
        if (completion?.response === undefined) {
            return { done: true, value: undefined };
        }
        return { done: false, value: new Page(completion.value, new Response(completion.response)) };
    }

    /** For a loop that is left. */
    async return(): Promise<IteratorResult<Page, undefined>> {
        this.#left = true;
        return { done: true, value: undefined };
    }

    [Symbol.asyncIterator](): this {
        return this;
    }
}

/** What a client is made of. */
interface Own {
    readonly core: Core;
    /** The function that gives its key, if one does. Not known to the native module, which would keep it for ever. */
    readonly provide: KeyFunction | undefined;
}

/** Performs a call that resolves to a value and has no options of its own. */
async function start(own: Own, call: Call, options: CallOptions): Promise<any> {
    return (await make(own, call, callOptions(options))).value;
}

function make({ core, provide }: Own, call: Call, { signal, timeout }: CallOptions): Promise<Completion> {
    return perform((calls, number) => calls.start(number, core, timeout, call), provide, signal);
}

/** The header of a key that the core has checked. */
function header(key: string): AuthorizationHeader {
    return AuthorizationHeader.encode(new ApiKey(key, null));
}

function href(url: string | URL): string {
    return text("url", url instanceof URL ? url.href : url);
}

/** Of this thread: in a worker, or under jest, the process itself has others. */
function variable(name: string): string | undefined {
    return process.env[name];
}

function keys(found: KeyData[]): ApiKeyDetails[] {
    return found.map((key) => new ApiKeyDetails(key));
}
