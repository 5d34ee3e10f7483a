/** For undici: `new Agent().compose(codatAuth(client))`. */
import type { Dispatcher } from "undici";

import { headerFor, mustBeClient } from "./attach";
import type { Client } from "./client";

/** Attaches the key of a client to requests for its origin; a redirect elsewhere goes without. */
export function codatAuth(client: Client): Dispatcher.DispatcherComposeInterceptor {
    mustBeClient(client);
    return (dispatch) => (options, handler) => {
        // By the origin alone, where undici connects: a path may look like the URL of another.
        const header = headerFor(client, String(options.origin));
        if (header === undefined) {
            return dispatch(options, handler);
        }
        const others = entries(options.headers).filter(([name]) => name.toLowerCase() !== "authorization");
        return dispatch({ ...options, headers: Object.fromEntries([...others, ["authorization", header]]) }, handler);
    };
}

/** Of any form that undici takes: an object, pairs, or names and values in turn. */
function entries(headers: Dispatcher.DispatchOptions["headers"]): [string, any][] {
    if (Array.isArray(headers) && typeof headers[0] === "string") {
        const flat = headers as string[];
        return flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1]] as [string, string]] : []));
    }
    const pairs = headers && Symbol.iterator in headers ? headers : Object.entries(headers ?? {});
    return [...pairs] as [string, any][];
}
