/** Integration with `fetch`: `const get = codatFetch(client); await get(client.baseUrl + "/companies")`. */
import { exchange, mustBeClient } from "./attach";
import type { Client } from "./client";
import { NextHop } from "./next-hop";

/** The type of the `fetch` of the runtime, and of undici. */
type Fetch = (input: any, init?: any) => Promise<any>;

/**
 * Returns a `fetch` that sends the key of a client. The first request reads the key from its source. After 401 or 403
 * the client reads the source again, and the request is sent once more if the source has another key and the body is
 * not a stream. A `Request` with a body is cloned, so that it can be sent again.
 *
 * A request rejects with `InvalidInputError` if its URL has another origin, or if a proxy would see the key
 * unencrypted. In both cases nothing is sent. `fetch` removes the key when it follows a redirect to another origin.
 */
export function codatFetch<F extends Fetch = typeof globalThis.fetch>(
    client: Client,
    fetch: F = globalThis.fetch as Fetch as F,
): F {
    mustBeClient(client);
    if (typeof fetch !== "function") {
        throw new TypeError("argument 'fetch' must be a function like fetch; pass request options to each call");
    }
    const send: Fetch = async (input, init) => {
        const request: Request | undefined = typeof input?.clone === "function" ? input : undefined;
        const given = members(init);
        const headers = Object.fromEntries(new Headers(given.headers ?? request?.headers));
        const own = given.body === undefined ? request : undefined;
        // Passes the signal in addition to the request. The request alone does not protect the source of its signal
        // from garbage collection.
        const signal = given.signal === undefined ? request?.signal : given.signal;
        const inputs = [input, own?.body ? own.clone() : input];
        const url = request?.url ?? String(input);
        return exchange<Response>(client, {
            url,
            signal: signal ?? undefined,
            body: given.body,
            send: async (authorization) => {
                const whole = { ...given, ...(signal && { signal }), headers: { ...headers, authorization } };
                const hop = await NextHop.of(client, url);
                const send = () => fetch(inputs.shift(), whole);
                return hop === undefined ? send() : hop.during(authorization, send);
            },
            outcome: (response) => ({ status: response.status, url: response.url || url }),
            drop: (response) => void response.body?.cancel().catch(() => {}),
        });
    };
    return send as F;
}

/**
 * Returns the members of the options of `fetch`. Includes inherited members, because a `Request` can be given as the
 * options.
 */
function members(init: object | undefined): Record<string, any> {
    const found: Record<string, any> = {};
    for (const name in init) {
        found[name] = init[name as keyof typeof init];
    }
    return found;
}
