/** What every integration asks: the key, for requests to the client's own origin and to no others. */
import type { Client } from "./client";
import { InvalidInputError } from "./errors";

/** The header's value for a URL, or none. */
export function headerFor(client: Client, url: string | URL): string | undefined {
    try {
        return client.authorizationFor(url).exposeSecret();
    } catch (error) {
        if (error instanceof InvalidInputError) {
            return undefined;
        }
        throw error;
    }
}
