/** For `fetch`: `const get = codatFetch(client); await get(client.baseUrl + "/companies")`. */
import { headerFor, mustBeClient } from "./attach";
import type { Client } from "./client";

/** A `fetch` that attaches the key of a client to requests for its origin; on a redirect elsewhere, `fetch` takes it off. */
export function codatFetch(client: Client, fetch = globalThis.fetch): typeof globalThis.fetch {
    mustBeClient(client);
    if (typeof fetch !== "function") {
        throw new TypeError("argument 'fetch' must be a function like fetch; what one call takes goes to the call");
    }
    return async (input, init) => {
        const request = new Request(input, init);
        const header = headerFor(client, request.url);
        if (header !== undefined) {
            request.headers.set("authorization", header);
        }
        // Given again, since a request alone does not keep what aborts it from being collected.
        const signal = init?.signal === undefined ? (input as Partial<Request>).signal : init.signal;
        return signal ? fetch(request, { signal }) : fetch(request);
    };
}
