/** The classes `ApiKey` and `AuthorizationHeader`. Only the method `exposeSecret` returns the secret value. */
import { inspect } from "node:util";

import { text } from "./arguments";
import { native } from "./native";
import { callNative } from "./raise";

/**
 * A Codat API key: a secret.
 *
 * `console.log`, `util.inspect`, template strings and `JSON.stringify` show at most the last four characters.
 * `structuredClone` and `postMessage` do not copy the value. Only `exposeSecret` returns the value.
 */
export class ApiKey {
    readonly #value: string;

    /** Throws `InvalidCredentialError` if the text cannot be an API key. The error says how to correct the text. */
    constructor(value: string | ApiKey);
    /** @internal */
    constructor(value: string | ApiKey, check: ((value: string) => void) | null);
    constructor(value: string | ApiKey, check: ((value: string) => void) | null = native.checkKey) {
        // `check` is `null` for a key from the core, which has checked the key.
        const text = check === null ? (value as string) : raw("value", value);
        if (check !== null) {
            callNative(() => check(text));
        }
        this.#value = text;
        Object.freeze(this);
    }

    /**
     * Creates an API key without checking its form. Use this method if Codat issues API keys of a new form. Throws
     * `InvalidCredentialError` only if the text cannot be sent in an HTTP header.
     */
    static verbatim(value: string): ApiKey {
        return new ApiKey(value, native.checkVerbatim);
    }

    /** Returns the value. The caller is responsible for keeping it secret. */
    exposeSecret(): string {
        return this.#value;
    }

    /**
     * Returns four asterisks and the last four characters. For an API key of fewer than twelve characters, returns only
     * the asterisks.
     */
    masked(): string {
        return native.masked(this.#value);
    }

    /** Compares two API keys in constant time. */
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

/**
 * The value of the `Authorization` header: `Basic`, a space, and the Base64 of the API key. The value is as secret as
 * the API key.
 */
export class AuthorizationHeader {
    /** The API key that the header contains. */
    readonly apiKey: ApiKey;
    readonly #value: string;

    /**
     * Throws `InvalidCredentialError` if the text is not `Basic`, a space, and the Base64 of an API key. The error says
     * how to correct the text.
     */
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

    /** Creates the `Authorization` header for an API key. */
    static encode(key: ApiKey): AuthorizationHeader {
        return new AuthorizationHeader(null, key instanceof ApiKey ? key : new ApiKey(raw("key", key)));
    }

    /** Returns the value, `Basic …`. The caller is responsible for keeping it secret. */
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
 * Returns the value of the `Authorization` header for an API key. The value is as secret as the API key.
 *
 * Throws `InvalidCredentialError` if the text cannot be an API key. The error says how to correct the text.
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

/**
 * Returns a string argument, or the secret of an `ApiKey` or `AuthorizationHeader` argument. Checks for the method
 * `exposeSecret` instead of the class, because the argument may be from another copy of this package. @internal
 */
export function raw(name: string, value: any): string {
    return text(name, typeof value?.exposeSecret === "function" ? value.exposeSecret() : value);
}
