/** The classes of HTTP responses. Their objects are frozen. */
import type { NativeResponse, Quota } from "./native";
import { callNative } from "./raise";

/**
 * The daily quota of HTTP requests, from the headers of a response. A value is `null` if its header is missing or
 * invalid.
 */
export class RateLimit {
    /**
     * The number of HTTP requests allowed per day: 1,000, plus 1,000 for each active company that is connected to
     * Codat.
     */
    readonly limit: number | null;
    /** The number of HTTP requests that are still allowed today. */
    readonly remaining: number | null;
    /** The time at which the daily quota is reset: the next 00:00 UTC. */
    readonly reset: Date | null;

    /** @internal */
    constructor(quota: Quota) {
        this.limit = quota.limit ?? null;
        this.remaining = quota.remaining ?? null;
        this.reset = quota.reset === undefined ? null : new Date(quota.reset);
        Object.freeze(this);
    }

    /** @internal */
    static of(quota: Quota | null): RateLimit | null {
        return quota && new RateLimit(quota);
    }
}

/** An HTTP response with a 2xx status. `inspect` shows neither its headers nor its body. */
export class Response {
    /** The HTTP status. */
    readonly status: number;
    readonly #response: NativeResponse;

    /** @internal */
    constructor(response: NativeResponse) {
        this.status = response.status();
        this.#response = response;
        Object.freeze(this);
    }

    /**
     * The HTTP headers of the response, with names in lower case. The values of headers with the same name are joined
     * by commas.
     */
    get headers(): Record<string, string> {
        return headersOf(this.#response);
    }

    /** The body. It is not larger than `maxResponseBytes`. */
    get content(): Uint8Array {
        return this.#response.content();
    }

    /**
     * Parses the body as JSON. Throws `BadResponseError` if the body is not valid JSON. JavaScript rounds numbers of
     * more than 15 digits. To read all digits, parse `content`. `T` is the type of the value, which is not checked.
     *
     * ```ts
     * const profile = (await client.request("GET", "/profile")).json<{ name: string }>();
     * ```
     */
    json<T = unknown>(): T {
        const text = callNative(() => this.#response.text());
        try {
            return JSON.parse(text);
        } catch {
            // The error of `JSON.parse` quotes the body. The error of `checkJson` does not.
            callNative(() => this.#response.checkJson());
            throw new SyntaxError("JSON.parse cannot parse the body");
        }
    }

    /**
     * Returns the body for a log. API keys that the client has used or listed are masked. The value of every JSON
     * member `apiKey` is masked too.
     */
    redacted(): Uint8Array {
        return this.#response.redacted();
    }

    /** The correlation id of this response, for Codat's support. Successful responses rarely have one. */
    get correlationId(): string | null {
        return this.#response.correlationId();
    }

    /**
     * The daily quota of HTTP requests, from the headers of this response. `null` if the response has no such headers.
     */
    get rateLimit(): RateLimit | null {
        return RateLimit.of(this.#response.rateLimit());
    }
}

/** Returns the headers of a response as an object. @internal */
export function headersOf(response: { headers(): [string, string][] }): Record<string, string> {
    return Object.assign(Object.create(null), Object.fromEntries(response.headers()));
}

/**
 * One page of a paginated list, such as the list of companies. `T` is the type of a result. `inspect` does not show the
 * results.
 */
export class Page<T = unknown> {
    /** The number of results on all pages. */
    readonly totalResults: number;
    /** The response that contains the page. */
    readonly response: Response;
    readonly #results: T[];

    /** @internal */
    constructor(totalResults: number, response: Response, results: T[]) {
        this.totalResults = totalResults;
        this.response = response;
        this.#results = results;
        Object.freeze(this);
    }

    /** The results of this page. */
    get results(): T[] {
        return this.#results;
    }
}
