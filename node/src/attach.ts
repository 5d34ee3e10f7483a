/** What every integration asks: the key, for requests to the client's own origin and to no others. */
import type { Client } from "./client";
import type { CodatError } from "./error";
import { InvalidInputError } from "./errors";

/** Whoever forgets the client learns it at once. It may be one of another copy of this package. */
export function mustBeClient(client: Client): void {
    if (typeof client?.authorizationFor !== "function") {
        throw new TypeError("argument 'client' must be a Client");
    }
}

/** The header's value for a URL, or none. */
export function headerFor(client: Client, url: string | URL): string | undefined {
    try {
        return client.authorizationFor(url).exposeSecret();
    } catch (error) {
        // By its code: the client may be one of another copy.
        if ((error as CodatError).code === InvalidInputError.code) {
            return undefined;
        }
        throw error;
    }
}
