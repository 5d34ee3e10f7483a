/** What calls bring: frozen, and shown without a secret. */
import { type InspectOptions, inspect } from "node:util";

import type { Answer, Quota } from "./native";
import { told } from "./raise";
import { ApiKey } from "./secrets";

export interface KeyData {
    id: string;
    name: string | null;
    /** The id and the name with keys masked. */
    shownId: string;
    shownName: string | null;
    apiKey: string;
    createdDate: number | null;
}

/**
 * A key as Codat lists it.
 *
 * `console.log`, `util.inspect` and `JSON.stringify` mask the secret, and every other known key in the name and the id.
 */
export class ApiKeyDetails {
    /** Codat's id. */
    readonly id: string;
    /** The name; the first key of a client has none. */
    readonly name: string | null;
    /** The secret itself: Codat's answers hold it in clear, lists included. */
    readonly apiKey: ApiKey;
    /** When the key was made; unknown for old keys. */
    readonly createdDate: Date | null;
    readonly #shown: { id: string; name: string | null };

    /** @internal */
    constructor(data: KeyData) {
        this.#shown = { id: data.shownId, name: data.shownName };
        this.id = data.id;
        this.name = data.name;
        this.apiKey = new ApiKey(data.apiKey, null);
        this.createdDate = data.createdDate === null ? null : new Date(data.createdDate);
        Object.freeze(this);
    }

    toJSON(): object {
        const shown = #shown in this ? this.#shown : undefined;
        return { ...(this as ApiKeyDetails), ...shown };
    }

    [inspect.custom](_depth: number, options: InspectOptions): string {
        return `ApiKeyDetails ${inspect(this.toJSON(), options)}`;
    }
}

export interface CreationData {
    key: KeyData;
    how: Creation["how"];
    extras: KeyData[] | null;
}

/** What `create` brings. */
export class Creation {
    /** The key. */
    readonly key: ApiKeyDetails;
    /** By its own answer; by a repeated request; or as the one new key of its name. */
    readonly how: "created" | "replayed" | "adopted";
    /** Other new keys of the name after a doubt; `null` where nobody could look. */
    readonly extras: readonly ApiKeyDetails[] | null;

    /** @internal */
    constructor(data: CreationData) {
        this.key = new ApiKeyDetails(data.key);
        this.how = data.how;
        this.extras = data.extras && Object.freeze(data.extras.map((key) => new ApiKeyDetails(key)));
        Object.freeze(this);
    }
}

/** The day's quota, as an answer told it. What could not be read is `null`. */
export class RateLimit {
    /** Requests a day. */
    readonly limit: number | null;
    /** What is left of it. */
    readonly remaining: number | null;
    /** When it is whole again: 00:00 UTC. */
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

/** An answer of any 2xx status. Neither its headers nor its body are shown. */
export class Response {
    /** The HTTP status. */
    readonly status: number;
    readonly #answer: Answer;

    /** @internal */
    constructor(answer: Answer) {
        this.status = answer.status();
        this.#answer = answer;
        Object.freeze(this);
    }

    /** The headers, by names in lower case; those of one name are joined, as HTTP allows. */
    get headers(): Record<string, string> {
        const headers: Record<string, string> = Object.create(null);
        for (const [name, value] of this.#answer.headers()) {
            headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
        }
        return headers;
    }

    /** The body, at most 8 MiB. */
    get content(): Uint8Array {
        return this.#answer.content();
    }

    /**
     * The body, read from JSON. Throws `BadResponseError` for what is none. Numbers are JavaScript's: of those with more than
     * 15 digits, `content` alone holds the last ones.
     */
    json(): any {
        return JSON.parse(told(() => this.#answer.json()));
    }

    /** The body for a log: the key in use is taken out, and every member `apiKey` is masked. */
    redacted(): Uint8Array {
        return this.#answer.redacted();
    }

    /** What Codat's support asks for; in a success it is rare. */
    get correlationId(): string | null {
        return this.#answer.correlationId();
    }

    /** What this answer says of the day's quota. */
    get rateLimit(): RateLimit | null {
        return RateLimit.of(this.#answer.rateLimit());
    }
}

/** One page of a paged resource. What it holds is not shown. */
export class Page {
    /** How many results there are on all pages together. */
    readonly totalResults: number;
    /** The answer itself. */
    readonly response: Response;
    readonly #results: readonly any[];

    /** @internal */
    constructor(totalResults: number, response: Response) {
        this.totalResults = totalResults;
        this.response = response;
        this.#results = response.json().results;
        Object.freeze(this);
    }

    /** What the page holds. */
    get results(): readonly any[] {
        return this.#results;
    }
}
