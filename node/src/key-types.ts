/** The classes of keys that calls return. They are frozen, and `inspect` shows no secret. */
import { type InspectOptions, inspect } from "node:util";

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
    /** The name. The first key of a client has none. */
    readonly name: string | null;
    /** The secret. Codat's list of keys contains it. */
    readonly apiKey: ApiKey;
    /** When the key was created; `null` for old keys. */
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

/** The result of `create`. */
export class Creation {
    /** The key. */
    readonly key: ApiKeyDetails;
    /**
     * `created`: the response to the first request contained the key. `replayed`: the response to a retry did. `adopted`: no response
     * did, and the key is the only new one of its name.
     */
    readonly how: "created" | "replayed" | "adopted";
    /** Other new keys of the name after an ambiguous request; `null` if the keys could not be listed. */
    readonly extras: readonly ApiKeyDetails[] | null;

    /** @internal */
    constructor(data: CreationData) {
        this.key = new ApiKeyDetails(data.key);
        this.how = data.how;
        this.extras = data.extras && Object.freeze(data.extras.map((key) => new ApiKeyDetails(key)));
        Object.freeze(this);
    }
}
