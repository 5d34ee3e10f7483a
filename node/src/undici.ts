/** Integration with undici: `new Agent().compose(codatAuth(client))`. */
import type { Dispatcher } from "undici";

import { afterRejection, authorize, canBeSentAgain, mustBeClient } from "./attach";
import type { Client } from "./client";
import type { CodatError } from "./error";
import { InvalidInputError } from "./errors";
import { NextHop } from "./next-hop";
import { type Handler, Relay } from "./relay";
import type { AuthorizationHeader } from "./secrets";

type Options = Dispatcher.DispatchOptions & { signal?: unknown };

/**
 * Returns an undici interceptor that sends the client's API key. If Codat responds with 401 or 403, the client reads
 * the API key again from its source, such as a file or a command. If the API key has changed, and the body is not a
 * stream, the request is sent once more.
 *
 * A request fails with `InvalidInputError`, and nothing is sent, in three cases: its URL has another origin than the
 * base URL of the client, the dispatcher is a `Pool` or a `Client` of another origin, or a proxy would see the API key
 * unencrypted. When the redirect interceptor of undici follows a redirect to another origin, the request is sent
 * without the API key. When `fetch` follows such a redirect, the request fails.
 */
export function codatAuth(client: Client): Dispatcher.DispatcherComposeInterceptor {
    mustBeClient(client);
    return (dispatch) => (options, handler) => {
        perform(client, dispatch, options, handler).catch((error) => {
            const { onResponseError, onError } = handler as Handler;
            if (onResponseError === undefined) onError?.call(handler, error);
            else onResponseError.call(handler, null, error);
        });
        return true;
    };
}

async function perform(
    client: Client,
    dispatch: Dispatcher.Dispatch,
    options: Options,
    handler: Handler,
): Promise<void> {
    // Uses only the origin. The path may look like another URL.
    const origin = String(options.origin);
    // undici also accepts an event emitter as the signal, which is not supported here.
    const signal = options.signal instanceof AbortSignal ? options.signal : undefined;
    let header;
    try {
        header = await authorize(client, origin, signal, options.body);
    } catch (error) {
        // Compares the code, because the client may be from another copy of this package.
        if (isFollowed(handler) && (error as CodatError).code === InvalidInputError.code) {
            dispatch(options, handler);
            return;
        }
        throw error;
    }
    const hop = await NextHop.of(client, origin);
    const watch = (header: AuthorizationHeader) => hop.watch(header.exposeSecret());
    const relay = new Relay(handler, watch(header), async (status, url) => {
        const another = await afterRejection(client, url ?? origin, status, header, signal);
        if (another === null || !canBeSentAgain(options.body)) {
            return null;
        }
        const again = new Relay(handler, watch(another), async () => null);
        return () => void dispatch(attach(options, another.exposeSecret()), again as Dispatcher.DispatchHandler);
    });
    dispatch(attach(options, header.exposeSecret()), relay as Dispatcher.DispatchHandler);
}

/**
 * Whether the redirect interceptor of undici sent this HTTP request to follow a redirect. If the redirect leads to
 * another origin, the redirect interceptor has removed the `Authorization` header. The HTTP request must then be sent
 * without the API key.
 */
function isFollowed({ history }: Handler): boolean {
    return Array.isArray(history) && history.length > 0;
}

/**
 * Returns a copy of the options of an HTTP request, with the `Authorization` header. The headers in the options can be
 * an object, pairs, or alternating names and values.
 */
function attach(options: Options, authorization: string): Options {
    const { headers } = options;
    // JavaScript itself would repeat a header that is given as a string in its error.
    if (headers && typeof headers !== "object") {
        throw new TypeError("headers must be an object or an array");
    }
    if (Array.isArray(headers) && typeof headers[0] === "string") {
        const kept = (headers as string[]).filter((_, at) => !isAuthorization((headers as string[])[at - (at % 2)]!));
        return { ...options, headers: [...kept, "authorization", authorization] };
    }
    const isPairs = headers && Symbol.iterator in headers;
    const pairs = [...(isPairs ? headers : Object.entries(headers ?? {}))] as [string, any][];
    const whole: [string, any][] = [
        ...pairs.filter(([name]) => !isAuthorization(name)),
        ["authorization", authorization],
    ];
    return { ...options, headers: isPairs ? whole.flat() : Object.fromEntries(whole) };
}

function isAuthorization(name: string): boolean {
    return name.toLowerCase() === "authorization";
}
