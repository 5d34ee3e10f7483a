/** Integration with `fetch`: `const get = codatFetch(client); await get(client.baseUrl + "/companies")`. */
import { exchange, mustBeClient } from "./attach";
import type { Client } from "./client";
import { NextHop } from "./next-hop";

/** The type of the function `fetch` of the JavaScript runtime, and of undici. */
type Fetch = (input: any, init?: any) => Promise<any>;

/**
 * Returns a function like `fetch` that sends the client's API key. If Codat responds with 401 or 403, the client reads
 * the API key again from its source, such as a file or a command. If the API key has changed, and the body is not a
 * stream, the request is sent once more. A `Request` object with a body is cloned, because it may be sent twice.
 *
 * A request rejects with `InvalidInputError`, and nothing is sent, in three cases: its URL has another origin than the
 * base URL of the client, its `dispatcher` is a `Pool` or a `Client` of another origin, or a proxy would see the API
 * key unencrypted. If a redirect leads to another origin, `fetch` follows the redirect without the API key, as the
 * Fetch standard requires. The argument `fetch` must handle redirects in the same way. For example, do not pass
 * node-fetch: in a redirect to a subdomain or to another port, it keeps the `Authorization` header.
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
                return hop.during(authorization, send);
            },
            outcome: (response) => ({ status: response.status, url: response.url || url }),
            drop: (response) => void response.body?.cancel().catch(() => {}),
        });
    };
    return send as F;
}

/**
 * Returns the options of a `fetch` call as a plain object. Includes inherited members, because a `Request` can be given
 * as the options.
 */
function members(init: object | undefined): Record<string, any> {
    const found: Record<string, any> = {};
    for (const name in init) {
        found[name] = init[name as keyof typeof init];
    }
    return found;
}
