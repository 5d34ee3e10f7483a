/** The options of the client and of its calls, and functions that check and convert them for the native module. */
import { entries, json as asJson, knownOptions, number, optional, text, whole, yes } from "./arguments";
import type { KeyFunction } from "./key-callback";
import type { Call, Command, Options } from "./native";
import { type ApiKey, type AuthorizationHeader, raw } from "./secrets";

/**
 * The options of a client. Most defaults come from environment variables: see `Client`.
 *
 * At most one of `apiKey`, `authHeader`, `apiKeyFile`, `apiKeyCommand` and `profile` can be given. The constructor of
 * `Client` throws `TypeError` if more than one is given, if an option is unknown, or if a value has the wrong type.
 */
export interface ClientOptions {
    /**
     * An API key, or a function that returns an API key or the value of an `Authorization` header. The function can
     * return a promise. The constructor throws `InvalidCredentialError` for an invalid API key. Default:
     * `CODAT_API_KEY`.
     *
     * The client runs the function when the first call needs the API key, and again after Codat rejects the API key.
     * Each run of the function is limited by the timeout of the call that started the run. Concurrent calls share the
     * result of one run. If the call that started the run is aborted, the client runs the function again for the other
     * calls. If the function throws, the call rejects with `InvalidCredentialError`. The `cause` of this error is the
     * thrown value. After this error, the client keeps its API key.
     */
    apiKey?: ApiKey | string | KeyFunction | undefined;
    /**
     * The value of an `Authorization` header, such as `Basic …`. The constructor throws `InvalidCredentialError` if the
     * header contains no valid API key. Default: `CODAT_AUTH_HEADER`.
     */
    authHeader?: AuthorizationHeader | string | undefined;
    /**
     * A file that contains an API key or the value of an `Authorization` header. If the file changes, the client reads
     * it again within a second. The client also reads the file again after Codat rejects the API key. The client
     * rejects a file that every user of the machine can read. This rule applies neither to files that belong to another
     * user nor to secrets that Docker or Kubernetes has mounted. The constructor throws `InvalidCredentialError` if the
     * file cannot be read, or contains no valid API key. Default: `CODAT_API_KEY_FILE`.
     */
    apiKeyFile?: string | undefined;
    /**
     * A command that prints an API key or the value of an `Authorization` header. Given as a `KeyCommand`, or as a list
     * of the program and its arguments. Default: no command.
     */
    apiKeyCommand?: readonly string[] | KeyCommand | undefined;
    /**
     * The name of a profile that `codat-keys login` stored, with an API key and a base URL. The API key is sent only to
     * the origin of the profile. An API key in the keyring is read by the program `codat-keys`, which must be in a
     * folder of `PATH`. The constructor throws `InvalidInputError` if there is no such profile, and
     * `InvalidCredentialError` if the program is missing. Default: `CODAT_PROFILE`, if no environment variable contains
     * an API key.
     */
    profile?: string | undefined;
    /**
     * The base URL of the API. The constructor throws `InvalidInputError` for an invalid URL, and for an `http` URL of
     * another machine unless `allowInsecureHttp` is true. Default: `CODAT_BASE_URL`, else the base URL of the profile,
     * else `https://api.codat.io`.
     */
    baseUrl?: string | undefined;
    /**
     * The timeout of a call with its retries, in milliseconds. A call that takes longer rejects with `TimeoutError`, or
     * with `OutcomeUnknownError` if a change may have taken effect. The constructor throws `InvalidInputError` unless
     * the timeout is greater than 0. Default: 30,000; for `create`, 60,000.
     */
    timeout?: number | undefined;
    /** Whether requests are retried. If true, each request has at most 4 attempts: see `Keys`. Default: true. */
    retry?: boolean | undefined;
    /**
     * The path of a file with PEM certificates. The client trusts these certificates in addition to its bundled root
     * certificates. The constructor throws `InvalidInputError` if the file cannot be read, or contains no certificate.
     * Default: `CODAT_CA_FILE`.
     */
    caFile?: string | undefined;
    /**
     * The URL of the proxy for every request. With an `http` base URL, a proxy could read the API key, so the
     * constructor throws `InvalidInputError` unless `allowInsecureHttp` is true. Default for an `https` base URL: the
     * proxy in `HTTPS_PROXY` or `ALL_PROXY`, unless `NO_PROXY` excludes the host. Default for an `http` base URL: no
     * proxy.
     */
    proxy?: string | undefined;
    /**
     * Allows `http` URLs of other machines. The API key is then sent unencrypted. Default:
     * `CODAT_ALLOW_INSECURE_HTTP`, or false.
     */
    allowInsecureHttp?: boolean | undefined;
    /**
     * The maximum size of a response body in bytes, for `request` and `pages`. A call with a larger response rejects with
     * `TooLargeError`. The constructor throws `InvalidInputError` unless the number is greater than 0. The operations on
     * API keys have a fixed limit of 8 MiB. Default: 64 MiB (67,108,864).
     */
    maxResponseBytes?: number | undefined;
}

/**
 * A command that prints an API key or the value of an `Authorization` header, such as the command-line program of a
 * secret store.
 *
 * The first call of the client runs the command. The client runs the command again after Codat rejects the API key, and
 * when the API key is older than `cachedFor`. The command runs without a shell and without input. It inherits the
 * environment of this process, except for `CODAT_API_KEY`, `CODAT_AUTH_HEADER`, `CODAT_API_KEY_FILE` and
 * `CODAT_PROFILE`. The command is killed if its timeout elapses, or if the call that started the command times out or
 * is cancelled. On Unix, the whole process group of the command is killed.
 *
 * A call rejects with `InvalidCredentialError` if the command cannot be started, does not exit in time, prints more
 * than 64 KiB, exits with a status other than 0, or prints no valid API key. The error quotes up to 500 characters of
 * the standard error of a failed command, with API keys masked. No error quotes the standard output of the command.
 */
export interface KeyCommand {
    /**
     * The program and its arguments. The program is searched in `PATH`. Do not put a secret into the arguments, because
     * every process of the machine can read them.
     */
    argv: readonly string[];
    /** The time limit of one run of the command, in milliseconds. Default: 10,000. */
    timeout?: number | undefined;
    /**
     * How long the client uses the API key before it runs the command again, in milliseconds. Default: until Codat
     * rejects the API key.
     */
    cachedFor?: number | undefined;
}

/** The options of every call. */
export interface CallOptions {
    /**
     * A signal that cancels the call. If an HTTP request of the call is in progress, its connection is closed. The call
     * rejects with the reason of the signal, or with `OutcomeUnknownError` if a change may have taken effect. Default:
     * the call is not cancelled.
     */
    signal?: AbortSignal | undefined;
    /**
     * The timeout of this call with its retries, in milliseconds. For `pages`, the timeout of each page. A call that
     * takes longer rejects with `TimeoutError`, or with `OutcomeUnknownError` if a change may have taken effect. Rejects
     * with `InvalidInputError` unless the timeout is greater than 0. Default: the timeout of the client.
     */
    timeout?: number | undefined;
}

/** The options of `create`. */
export interface CreateOptions extends CallOptions {
    /**
     * Whether `create` can return an API key that no response confirms. `create` does so if the outcome of a request is
     * unknown, and the list of API keys contains exactly one new API key with the requested name. If false, `create`
     * rejects in this case, and the error contains the API key as a candidate. Set this option only if no other program
     * creates API keys with this name. Default: false.
     */
    adopt?: boolean | undefined;
    /**
     * Resumes an earlier call of `create` that rejected with `OutcomeUnknownError`. Pass the idempotency key that this
     * error contains. The call can be resumed until 85 minutes after it began. Default: a new idempotency key.
     */
    idempotencyKey?: string | undefined;
}

/** The options of `delete`. */
export interface DeleteOptions extends CallOptions {
    /** Whether `delete` can delete the API key that this client uses. Default: false. */
    allowKeyInUse?: boolean | undefined;
}

/** The options of `request` and `stream`. */
export interface RequestOptions extends CallOptions {
    /**
     * Query parameters, which are percent-encoded and added to the path. A value is a string, a number or a boolean.
     * Default: none.
     */
    params?: Parameters | undefined;
    /**
     * A value that is sent as JSON, with the `Content-Type` `application/json`. Members that are `undefined` are
     * omitted. The call rejects with `TypeError` if JSON cannot express the value, or if `body` is also given. Default:
     * no body.
     */
    json?: unknown;
    /** A body that is sent unchanged. Set its `Content-Type` in `headers`. Default: no body. */
    body?: Uint8Array | string | undefined;
    /**
     * Headers of the request. The call rejects with `InvalidInputError` for `Authorization`, for `Host`, for headers
     * that describe the message itself, such as `Content-Length`, and for headers that name another method or path,
     * such as `X-HTTP-Method-Override`. Default: none.
     */
    headers?: Record<string, string> | Iterable<readonly [string, string]> | undefined;
    /**
     * The maximum size of the response body in bytes. The call rejects with `TooLargeError` for a larger response, and
     * with `InvalidInputError` unless the number is greater than 0. Default for `request`: the limit of the client.
     * Default for `stream`: no limit.
     */
    maxResponseBytes?: number | undefined;
}

/** The options of `pages`. */
export interface PagesOptions extends CallOptions {
    /** The number of results of a page, from 1 to 5000. `next` rejects other numbers with `InvalidInputError`. Default: 100. */
    pageSize?: number | undefined;
    /** A query in Codat's query language, such as `status=Linked`, that selects results. Default: all results. */
    query?: string | undefined;
    /**
     * The property that orders the results, such as `name`, or `-name` for descending order. Default: the order that
     * Codat chooses.
     */
    orderBy?: string | undefined;
    /**
     * The maximum number of pages that are requested at the same time, from 1 to 64. `next` rejects other numbers with
     * `InvalidInputError`. Default: 1.
     *
     * The first page is requested alone, because its response contains the total number of results. Later calls of
     * `next` return the pages in order. If the next page is not in memory, `next` requests up to `concurrency` pages
     * together. At most `concurrency` pages are in memory. Each page is retried separately. If a page fails, `next`
     * first returns the pages before it, and then rejects. The next call of `next` requests the failed page again.
     *
     * If Codat responds to the request for a page with 429, the maximum is halved. Each later page without a 429 raises
     * the maximum by one, up to `concurrency`. Codat accepts 10 concurrent requests for each company.
     */
    concurrency?: number | undefined;
    /**
     * The maximum size of a page in bytes. `next` rejects with `TooLargeError` for a larger page, and with
     * `InvalidInputError` unless the number is greater than 0. Default: the limit of the client.
     */
    maxResponseBytes?: number | undefined;
}

/** Names and values of query parameters: an object, a `Map`, or a list of pairs. */
export type Parameters = Record<string, Parameter> | Iterable<readonly [string, Parameter]>;

type Parameter = string | number | boolean;

const SOURCES = ["apiKey", "authHeader", "apiKeyFile", "apiKeyCommand", "profile"];
const OTHERS = ["baseUrl", "timeout", "retry", "caFile", "proxy", "allowInsecureHttp", "maxResponseBytes"];

/** Checks and converts the options of a client. Also returns the key callback, if there is one. @internal */
export function clientOptions(options: ClientOptions): [Options, KeyFunction | undefined] {
    const given = knownOptions("options", options, [...SOURCES, ...OTHERS]);
    const callback = typeof given.apiKey === "function" ? given.apiKey : undefined;
    const native = {
        apiKey: callback === undefined ? optional(raw, "apiKey", given.apiKey) : undefined,
        hasCallback: callback !== undefined,
        authHeader: optional(raw, "authHeader", given.authHeader),
        apiKeyFile: optional(text, "apiKeyFile", given.apiKeyFile),
        apiKeyCommand: optional(command, "apiKeyCommand", given.apiKeyCommand),
        profile: optional(text, "profile", given.profile),
        baseUrl: optional(text, "baseUrl", given.baseUrl),
        timeout: optional(number, "timeout", given.timeout),
        retry: optional(yes, "retry", given.retry),
        caFile: optional(text, "caFile", given.caFile),
        proxy: optional(text, "proxy", given.proxy),
        allowInsecureHttp: optional(yes, "allowInsecureHttp", given.allowInsecureHttp),
        maxResponseBytes: optional(whole, "maxResponseBytes", given.maxResponseBytes),
    };
    return [native, callback];
}

function command(name: string, value: unknown): Command {
    const isObject = typeof value === "object" && value !== null && !(Symbol.iterator in value);
    const given = (Array.isArray(value) ? { argv: value } : isObject ? value : {}) as Partial<KeyCommand>;
    const { argv, timeout, cachedFor } = knownOptions(name, given, ["argv", "timeout", "cachedFor"]);
    if (!Array.isArray(argv)) {
        throw new TypeError(
            `argument '${name}' must be a list of the program and its arguments: no shell would take a text apart`,
        );
    }
    return {
        argv: argv.map((word) => text(name, word)),
        timeout: optional(number, `${name}.timeout`, timeout),
        cachedFor: optional(number, `${name}.cachedFor`, cachedFor),
    };
}

/**
 * Returns the options of a call, and checks the options that every call has. `others` are the names of further options
 * of this call.
 *
 * @internal
 */
export function callOptions<T extends CallOptions>(options: T, others: readonly (keyof T & string)[] = []): T {
    const given = knownOptions("options", options, ["signal", "timeout", ...others]);
    if (given.signal !== undefined && !isSignal(given.signal)) {
        throw new TypeError("argument 'signal' must be an AbortSignal");
    }
    optional(number, "timeout", given.timeout);
    return given;
}

/** Returns the options of `request` and `stream`, and checks the options that every call has. @internal */
export function requestOptions(options: RequestOptions): RequestOptions {
    return callOptions(options, ["params", "json", "body", "headers", "maxResponseBytes"]);
}

/** Checks and converts the options of `pages`. @internal */
export function pagesOptions(given: PagesOptions): [number?, string?, string?, number?, number?] {
    return [
        optional(whole, "pageSize", given.pageSize),
        optional(text, "query", given.query),
        optional(text, "orderBy", given.orderBy),
        optional(whole, "concurrency", given.concurrency),
        optional(whole, "maxResponseBytes", given.maxResponseBytes),
    ];
}

/** Checks and converts the arguments of `request` and `stream`. @internal */
export function request(streamed: boolean, method: string, path: string, options: RequestOptions): Call {
    const { params, json, body, headers, maxResponseBytes } = options;
    const [content, type] = written(json, body);
    const given = entries("headers", headers);
    if (type !== undefined && !given.some(([name]) => name.toLowerCase() === "content-type")) {
        given.push(["content-type", type]);
    }
    return {
        call: "request",
        streamed,
        method: text("method", method),
        path: text("path", path),
        params: entries("params", params),
        headers: given,
        body: content,
        maxResponseBytes: optional(whole, "maxResponseBytes", maxResponseBytes),
    };
}

/** Returns the bytes of the body. For JSON, also returns the value of the `Content-Type` header. */
function written(json: unknown, body: unknown): [Uint8Array?, string?] {
    if (json !== undefined) {
        if (body !== undefined) {
            throw new TypeError("give json or body, not both");
        }
        return [Buffer.from(asJson("json", json)), "application/json"];
    }
    if (body === undefined || body instanceof Uint8Array) {
        return [body as Uint8Array | undefined];
    }
    if (typeof body !== "string") {
        throw new TypeError(
            "argument 'body' must be a string or a Uint8Array; what is to be written as JSON is 'json'",
        );
    }
    return [Buffer.from(text("body", body))];
}

/**
 * Whether a value is an `AbortSignal`. Checks the methods of the value, because `instanceof` is false for a signal of
 * another JavaScript realm.
 */
function isSignal(signal: any): boolean {
    return ["throwIfAborted", "addEventListener", "removeEventListener"].every(
        (name) => typeof signal?.[name] === "function",
    );
}
