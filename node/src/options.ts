/** What calls take, on its way to the native module. */
import { entries, json as asJson, knownOptions, number, optional, text, whole, yes } from "./arguments";
import type { KeyFunction } from "./key-callback";
import type { Call, Command, Options } from "./native";
import { type ApiKey, type AuthorizationHeader, raw } from "./secrets";

/** What is not given comes from the environment: `CODAT_API_KEY`, `CODAT_BASE_URL`…, or has the default named here. */
export interface ClientOptions {
    /**
     * An API key, or a function that returns a key or the value of an `Authorization` header, or a promise of one.
     *
     * The first call of the client calls the function, within the time-out of that call. The function is called again after Codat
     * rejects its key. Concurrent calls share one result. If the call that waits for the function is aborted, another call that
     * needs the key calls the function again. An exception of the function is the `cause` of an `InvalidCredentialError`, and the
     * client keeps its key.
     */
    apiKey?: ApiKey | string | KeyFunction | undefined;
    /** The value of an `Authorization` header, in place of the key. */
    authHeader?: AuthorizationHeader | string | undefined;
    /**
     * A file with an API key or the value of an `Authorization` header. A file that was replaced is read again within a second,
     * and after Codat rejects the key. A file that the user of this process owns and every user of the machine can read is
     * refused, unless it is mounted as containers mount secrets.
     */
    apiKeyFile?: string | undefined;
    /** A command that prints an API key or the value of an `Authorization` header: its program and arguments, or with options. */
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
 * A command that prints an API key or the value of an `Authorization` header, such as the client of a secret store.
 *
 * The first call of the client runs the command. It runs again after Codat rejects the key, and once the key is older than
 * `cachedFor`. It runs without a shell and without input. It inherits the environment of this process, except for the variables
 * that hold or name a key.
 *
 * A call rejects with `InvalidCredentialError` if the command cannot be started, does not exit in time, prints more than 64 KiB,
 * exits with a status other than 0, or prints no valid key. The error of a failed command quotes up to 500 characters of its
 * standard error, with keys masked. No error quotes its standard output.
 */
export interface KeyCommand {
    /**
     * The program, which is looked up in `PATH`, and its arguments. Do not put a secret into the arguments: every process of the
     * machine can read them.
     */
    argv: readonly string[];
    /**
     * How many milliseconds one run may take: 10,000 by default. The command is then killed, but not the processes that it started.
     */
    timeout?: number | undefined;
    /** How many milliseconds the key is used before the command runs again. Default: until Codat rejects the key. */
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
    const hasCallback = typeof given.apiKey === "function";
    return {
        apiKey: hasCallback ? undefined : optional(raw, "apiKey", given.apiKey),
        hasCallback,
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
