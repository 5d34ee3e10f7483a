/** Keys and headers: shown by one method alone. Their values are in private members, which nothing else sees. */
import { inspect } from "node:util";

import { text } from "./arguments";
import { native } from "./native";
import { callNative } from "./raise";

/**
 * A Codat API key: a secret.
 *
 * `console.log`, `util.inspect`, template strings and `JSON.stringify` show the last four characters at the most;
 * `structuredClone` and `postMessage` leave the value behind. `exposeSecret` is the only way to it.
 */
export class ApiKey {
    readonly #value: string;

    /** Throws `InvalidCredentialError`, with the mistake and its repair, for what cannot be a raw key. */
    constructor(value: string | ApiKey);
    /** @internal */
    constructor(value: string | ApiKey, check: ((value: string) => void) | null);
    constructor(value: string | ApiKey, check: ((value: string) => void) | null = native.checkKey) {
        // Without a check: it comes from the core.
        const text = check === null ? (value as string) : raw("value", value);
        if (check !== null) {
            callNative(() => check(text));
        }
        this.#value = text;
        Object.freeze(this);
    }

    /** Takes a key as it stands, for a form that nobody foresaw; refuses only what cannot be sent in a header. */
    static verbatim(value: string): ApiKey {
        return new ApiKey(value, native.checkVerbatim);
    }

    /** The value itself. Whoever calls this is responsible for where it goes. */
    exposeSecret(): string {
        return this.#value;
    }

    /** The last four characters after four asterisks; only the asterisks for a key shorter than twelve characters. */
    masked(): string {
        return native.masked(this.#value);
    }

    /** Whether both are the same, compared in constant time. */
    equals(other: ApiKey): boolean {
        return native.same(this.#value, raw("other", other));
    }

    toString(): string {
        return #value in this ? `ApiKey(${this.masked()})` : "ApiKey";
    }

    toJSON(): string {
        return this.toString();
    }

    [inspect.custom](): string {
        return this.toString();
    }
}

/** The value of the `Authorization` header: `Basic` and the Base64 of the key alone. As secret as the key. */
export class AuthorizationHeader {
    /** The key that it carries. */
    readonly apiKey: ApiKey;
    readonly #value: string;

    /** Throws `InvalidCredentialError`, with the mistake and its repair, for what is no such header. */
    constructor(value: string | AuthorizationHeader);
    /** @internal */
    constructor(value: null, key: ApiKey);
    constructor(value: string | AuthorizationHeader | null, key?: ApiKey) {
        const given = key === undefined ? raw("value", value) : "";
        this.apiKey =
            key ??
            new ApiKey(
                callNative(() => native.keyOf(given)),
                null,
            );
        this.#value = native.headerOf(this.apiKey.exposeSecret());
        Object.freeze(this);
    }

    /** The header of a key. */
    static encode(key: ApiKey): AuthorizationHeader {
        return new AuthorizationHeader(null, key instanceof ApiKey ? key : new ApiKey(raw("key", key)));
    }

    /** The value itself, `Basic …`. */
    exposeSecret(): string {
        return this.#value;
    }

    toString(): string {
        return #value in this ? `AuthorizationHeader(${this.apiKey.masked()})` : "AuthorizationHeader";
    }

    toJSON(): string {
        return this.toString();
    }

    [inspect.custom](): string {
        return this.toString();
    }
}

/**
 * The value of the `Authorization` header for a key: a secret, like the key.
 *
 * Throws `InvalidCredentialError` for what cannot be a raw key, with the mistake and its repair.
 *
 * ```ts
 * encode("example"); // "Basic ZXhhbXBsZQ=="
 * ```
 */
export function encode(key: string | ApiKey): string {
    const value = raw("key", key);
    if (!(key instanceof ApiKey)) {
        callNative(() => native.checkKey(value));
    }
    return native.headerOf(value);
}

/** The value of a text, or of a key or header, which may be one of another copy of this package. @internal */
export function raw(name: string, value: any): string {
    return text(name, typeof value?.exposeSecret === "function" ? value.exposeSecret() : value);
}
