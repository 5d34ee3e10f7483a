/** What calls take, on its way to the native module. */
import { entries, json as asJson, knownOptions, number, optional, text, whole, yes } from "./arguments";
import type { KeyFunction } from "./asking";
import type { Call, Command, Options } from "./native";
import { type ApiKey, type AuthorizationHeader, raw } from "./secrets";

/** What is not given comes from the environment: `CODAT_API_KEY`, `CODAT_BASE_URL`…, or has the default named here. */
export interface ClientOptions {
    /**
     * A raw key. Or a function, sync or async, that returns a key or a whole header: it is called with the first call,
     * within the time of that call, and again when Codat refuses its key; calls that need it at once share what it
     * returns. Where the call that asks is stopped, another one that waits asks anew. What it throws is the `cause` of an
     * `InvalidCredentialError`; the key in use goes on.
     */
    apiKey?: ApiKey | string | KeyFunction | undefined;
    /** A whole header, in place of the key. */
    authHeader?: AuthorizationHeader | string | undefined;
    /**
     * A file with a key or a whole header, which is followed: one that was replaced is read again within a second, and when
     * Codat refuses the key. A file that your own user owns and every user of the machine can read is refused,
     * unless a container mounts it.
     */
    apiKeyFile?: string | undefined;
    /** A command that prints a key or a whole header: the program and its arguments, run without a shell. */
    apiKeyCommand?: readonly string[] | KeyCommand | undefined;
    /** Where the API is: `https://api.codat.io`. */
    baseUrl?: string | undefined;
    /** How many milliseconds a call may take with its retries: 30,000, for `create` 60,000. */
    timeout?: number | undefined;
    /** Whether what fails in passing is tried again: yes, at most 4 attempts in all. */
    retry?: boolean | undefined;
    /** A file with PEM certificates to trust beside the bundled roots. */
    caFile?: string | undefined;
    /** The proxy for every request; else what `HTTPS_PROXY` and `NO_PROXY` say. */
    proxy?: string | undefined;
    /** Allows `http://` to other machines, which sends the key unencrypted. Default: `CODAT_ALLOW_INSECURE_HTTP`. */
    allowInsecureHttp?: boolean | undefined;
}

/**
 * A command that prints a key or a whole header, and nothing else, such as the client of a vault. It is run without a shell
 * and input, with this process's environment except the variables that hold or name a key: with the first call, again when
 * Codat refuses its key, and once the key is older than `cachedFor`. Where it fails, what it wrote to its standard error is
 * told, and what it printed never is.
 */
export interface KeyCommand {
    /** The program, looked up in `PATH`, and its arguments, which every process of the machine can read. */
    argv: readonly string[];
    /** How many milliseconds a run may take, after which it is killed, but not what it started: 10,000. */
    timeout?: number | undefined;
    /** How many milliseconds its key is used before it is run again: until Codat refuses the key. */
    cachedFor?: number | undefined;
}

/** What every call takes. */
export interface CallOptions {
    /** Stops the call, and closes the connection of its request. */
    signal?: AbortSignal | undefined;
    /** How many milliseconds this call may take with its retries, in place of the client's. */
    timeout?: number | undefined;
}

export interface CreateOptions extends CallOptions {
    /** Says that nobody else creates keys of this name, so that after a doubt the one new key of the name is returned. */
    adopt?: boolean | undefined;
    /** Resumes a call that ended with `OutcomeUnknownError`, within 85 minutes. */
    idempotencyKey?: string | undefined;
}

export interface DeleteOptions extends CallOptions {
    /** Also deletes the key that makes this very call. */
    allowKeyInUse?: boolean | undefined;
}

export interface RequestOptions extends CallOptions {
    query?: Parameters | undefined;
    /** A body, written as JSON. Members that are `undefined` are left out. */
    json?: unknown;
    /** A body as it is; give its `Content-Type` as a header. */
    body?: Uint8Array | string | undefined;
    headers?: Record<string, string> | Iterable<readonly [string, string]> | undefined;
}

export interface PagesOptions extends CallOptions {
    /** How many results a page holds: 100; at most 5000. */
    pageSize?: number | undefined;
    /** Codat's query language, `status=Linked`. */
    query?: string | undefined;
    /** The order, `name` or `-name`. */
    orderBy?: string | undefined;
}

/** What can stand in a query. */
export type Parameters = Record<string, Parameter> | Iterable<readonly [string, Parameter]>;

type Parameter = string | number | boolean;

const SOURCES = ["apiKey", "authHeader", "apiKeyFile", "apiKeyCommand"] as const;
const OTHERS = ["baseUrl", "timeout", "retry", "caFile", "proxy", "allowInsecureHttp"];

/** @internal */
export function clientOptions(given: ClientOptions): Options {
    knownOptions("options", given, [...SOURCES, ...OTHERS]);
    const [one, other] = SOURCES.filter((source) => given[source] !== undefined);
    if (other !== undefined) {
        throw new TypeError(`give ${one} or ${other}, not both`);
    }
    const asks = typeof given.apiKey === "function";
    return {
        apiKey: asks ? undefined : optional(raw, "apiKey", given.apiKey),
        asks,
        authHeader: optional(raw, "authHeader", given.authHeader),
        apiKeyFile: optional(text, "apiKeyFile", given.apiKeyFile),
        apiKeyCommand: optional(command, "apiKeyCommand", given.apiKeyCommand),
        baseUrl: optional(text, "baseUrl", given.baseUrl),
        timeout: optional(number, "timeout", given.timeout),
        retry: optional(yes, "retry", given.retry),
        caFile: optional(text, "caFile", given.caFile),
        proxy: optional(text, "proxy", given.proxy),
        allowInsecureHttp: optional(yes, "allowInsecureHttp", given.allowInsecureHttp),
    };
}

function command(name: string, value: unknown): Command {
    const given = (Array.isArray(value) ? { argv: value } : (value ?? {})) as Partial<KeyCommand>;
    const { argv, timeout, cachedFor } = given;
    if (!Array.isArray(argv)) {
        throw new TypeError(
            `argument '${name}' must be a list of the program and its arguments: no shell would take a text apart`,
        );
    }
    knownOptions(name, given, ["argv", "timeout", "cachedFor"]);
    return {
        argv: argv.map((word) => text(name, word)),
        timeout: optional(number, `${name}.timeout`, timeout),
        cachedFor: optional(number, `${name}.cachedFor`, cachedFor),
    };
}

/** The options that every call has, for a call that also has these. @internal */
export function callOptions(given: CallOptions, others: readonly string[] = []): CallOptions {
    const { signal, timeout } = knownOptions("options", given, ["signal", "timeout", ...others]);
    if (signal !== undefined && !isSignal(signal)) {
        throw new TypeError("argument 'signal' must be an AbortSignal");
    }
    return { signal, timeout: optional(number, "timeout", timeout) };
}

/** @internal */
export function pagesOptions({ pageSize, query, orderBy }: PagesOptions): [number?, string?, string?] {
    const text_ = optional(text, "query", query);
    return [optional(whole, "pageSize", pageSize), text_, optional(text, "orderBy", orderBy)];
}

/** @internal */
export function request(method: string, path: string, { query, json, body, headers }: RequestOptions): Call {
    const [content, type] = written(json, body);
    const given = entries("headers", headers);
    if (type !== undefined && !given.some(([name]) => name.toLowerCase() === "content-type")) {
        given.push(["content-type", type]);
    }
    return {
        call: "request",
        method: text("method", method),
        path: text("path", path),
        query: entries("query", query),
        headers: given,
        body: content,
    };
}

/** The bytes of a body, and their type if it is known. */
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

/** It may be one of another realm. */
function isSignal(signal: any): boolean {
    return ["throwIfAborted", "addEventListener", "removeEventListener"].every(
        (name) => typeof signal?.[name] === "function",
    );
}
