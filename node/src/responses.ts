/** The responses that calls return. They are frozen. */
import type { NativeResponse, Quota } from "./native";
import { callNative } from "./raise";

/** The quota of the day, as a response reports it. A value that cannot be parsed is `null`. */
export class RateLimit {
    /** Requests per day. */
    readonly limit: number | null;
    /** Requests that remain today. */
    readonly remaining: number | null;
    /** When the quota is reset: the next 00:00 UTC. */
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

/** A response with a 2xx status. `inspect` shows neither its headers nor its body. */
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

    /** The headers, with names in lower case. The values of headers with the same name are joined by commas. */
    get headers(): Record<string, string> {
        const headers: Record<string, string> = Object.create(null);
        for (const [name, value] of this.#response.headers()) {
            headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
        }
        return headers;
    }

    /** The body, at most 8 MiB. */
    get content(): Uint8Array {
        return this.#response.content();
    }

    /**
     * Parses the body as JSON. Throws `BadResponseError` if the body is not valid JSON. JavaScript rounds a number of
     * more than 15 digits; `content` has all digits.
     */
    json(): any {
        return JSON.parse(callNative(() => this.#response.json()));
    }

    /**
     * Returns the body for a log. The keys that the client has used or listed are masked. The value of every JSON
     * member `apiKey` is masked too.
     */
    redacted(): Uint8Array {
        return this.#response.redacted();
    }

    /** The correlation id, for Codat's support. Successful responses rarely have one. */
    get correlationId(): string | null {
        return this.#response.correlationId();
    }

    /** The quota that this response reports. `null` if it reports none. */
    get rateLimit(): RateLimit | null {
        return RateLimit.of(this.#response.rateLimit());
    }
}

/** One page of a paged resource. `inspect` does not show its results. */
export class Page {
    /** The number of results on all pages. */
    readonly totalResults: number;
    /** The response that contains the page. */
    readonly response: Response;
    readonly #results: readonly any[];

    /** @internal */
    constructor(totalResults: number, response: Response) {
        this.totalResults = totalResults;
        this.response = response;
        this.#results = response.json().results;
        Object.freeze(this);
    }

    /** The results of this page. */
    get results(): readonly any[] {
        return this.#results;
    }
}
