/** The classes `ApiKeyDetails` and `Creation`. Their objects are frozen, and `inspect` masks their secrets. */
import { type InspectOptions, inspect } from "node:util";

import type { KeyData } from "./native";
import { ApiKey } from "./secrets";

/**
 * An API key in Codat's list of API keys.
 *
 * `console.log`, `util.inspect` and `JSON.stringify` mask the secret. If the name or the id contains an API key, that
 * part is masked too, and the member `name` or `id` is not enumerable.
 */
export class ApiKeyDetails {
    /** The id of the API key. Pass it to `get` or `delete`. */
    readonly id: string;
    /**
     * The name of the API key. Several API keys can have the same name. The first API key of a Codat account has no
     * name.
     */
    readonly name: string | null;
    /** The secret value of the API key. Codat's list of API keys contains it in plain text. */
    readonly apiKey: ApiKey;
    /** The time at which the API key was created. `null` if Codat reports no date, as for old API keys. */
    readonly createdDate: Date | null;
    readonly #shown: { id: string; name: string | null };

    /** @internal */
    constructor(data: KeyData) {
        this.#shown = { id: data.shownId, name: data.shownName };
        this.id = data.id;
        this.name = data.name;
        this.apiKey = new ApiKey(data.apiKey, null);
        this.createdDate = data.createdDate === null ? null : new Date(data.createdDate);
        for (const member of ["id", "name"] as const) {
            if (this[member] !== this.#shown[member]) {
                // Node prints only enumerable members of an uncaught error, and so do `console.dir` and `console.table`.
                Object.defineProperty(this, member, { enumerable: false });
            }
        }
        Object.freeze(this);
    }

    toJSON(): object {
        const { id, name } = #shown in this ? this.#shown : (this as ApiKeyDetails);
        return { id, name, apiKey: this.apiKey, createdDate: this.createdDate };
    }

    [inspect.custom](_depth: number, options: InspectOptions): string {
        return `ApiKeyDetails ${inspect(this.toJSON(), options)}`;
    }
}

/** The data of a `Creation`, from the native module. */
export interface CreationData {
    key: KeyData;
    how: Creation["how"];
    extras: KeyData[] | null;
}

/** The result of `create`. */
export class Creation {
    /** The API key with its details. */
    readonly key: ApiKeyDetails;
    /**
     * How `create` got the API key. `created`: the response to the first request contains the API key. `replayed`: the
     * response to a repeated request contains it. `adopted`: no response contains it, but the list of API keys contains
     * exactly one new API key with this name, and the option `adopt` was set.
     */
    readonly how: "created" | "replayed" | "adopted";
    /**
     * Other new API keys with the same name as `key`. `create` searches the list of API keys for such keys only if the
     * outcome of a request is unknown. Otherwise, `extras` is empty. `null` if the API keys could not be listed.
     */
    readonly extras: readonly ApiKeyDetails[] | null;

    /** @internal */
    constructor(data: CreationData) {
        this.key = new ApiKeyDetails(data.key);
        this.how = data.how;
        this.extras = data.extras && Object.freeze(data.extras.map((key) => new ApiKeyDetails(key)));
        Object.freeze(this);
    }
}
