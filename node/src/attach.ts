/**
 * Functions that the integrations with HTTP libraries share. The client decides which API key is used, and to which
 * URLs the API key can be sent.
 */
import type { Client } from "./client";
import type { AuthorizationHeader } from "./secrets";

/** One HTTP request that another HTTP library sends. */
export interface Exchange<R> {
    url: string;
    signal: AbortSignal | undefined;
    body: unknown;
    /**
     * Sends the HTTP request. `header` is the value of the `Authorization` header. The function `exchange` calls this
     * function once or twice.
     */
    send(header: string): Promise<R>;
    /**
     * Returns the status of a response, and the URL of the response after redirects. The URL is `undefined` if a
     * redirect led to another origin.
     */
    outcome(response: R): { status: number | undefined; url: string | undefined };
    /** Discards the body of a response. `exchange` calls this function for a response that it does not return. */
    drop(response: R): void;
}

/** Throws `TypeError` if the argument `client` is not a client. Accepts a client of another copy of this package. */
export function mustBeClient(client: Client): void {
    if (typeof client?.authorize !== "function") {
        throw new TypeError("argument 'client' must be a Client");
    }
}

/**
 * Sends an HTTP request with the client's API key. If the server rejects the API key, the client reads the API key
 * again from its source, such as a file or a command. If the API key has changed, and the body can be sent twice, the
 * HTTP request is sent once more.
 */
export async function exchange<R>(client: Client, request: Exchange<R>): Promise<R> {
    const { signal } = request;
    const header = await authorize(client, request.url, signal, request.body);
    const response = await request.send(header.exposeSecret());
    const { status, url } = request.outcome(response);
    const another = await afterRejection(client, url, status, header, signal);
    if (another === null || !canBeSentAgain(request.body)) {
        return response;
    }
    request.drop(response);
    return request.send(another.exposeSecret());
}

/**
 * Resolves to the `Authorization` header for an HTTP request. Rejects if the origin of `url` differs from the origin of
 * the client's base URL. If the promise rejects, the caller must not send the HTTP request.
 */
export async function authorize(
    client: Client,
    url: string,
    signal: AbortSignal | undefined,
    body: any,
): Promise<AuthorizationHeader> {
    // Prevents the end of the process by an `error` event without a listener. The HTTP library has not attached its own
    // listener yet.
    if (typeof body?.pipe === "function") {
        body.on("error", () => {});
    }
    const header = await client.authorize(url, { signal });
    if (body?.errored) {
        throw body.errored;
    }
    return header;
}

/**
 * Resolves to another `Authorization` header after the server rejected the header `rejected`. Resolves to `null` if the
 * server did not reject the header, or if the client has no other API key.
 */
export async function afterRejection(
    client: Client,
    url: string | undefined,
    status: number | undefined,
    rejected: AuthorizationHeader,
    signal: AbortSignal | undefined,
): Promise<AuthorizationHeader | null> {
    if (url === undefined || !isRejection(status)) {
        return null;
    }
    try {
        return await client.reauthorize(url, rejected, { signal });
    } catch {
        // The caller receives Codat's response, unless the signal is aborted.
        signal?.throwIfAborted();
        return null;
    }
}

/** Whether a URL has the same origin as the base URL of the client. Only such a URL can receive the API key. */
export function isOwn(client: Client, url: string): boolean {
    try {
        client.authorizationFor(url);
        return true;
    } catch {
        return false;
    }
}

/** Whether an HTTP status means that the server rejected the API key. */
export function isRejection(status: number | undefined): boolean {
    return status === 401 || status === 403;
}

/** Whether a body can be sent a second time. A stream or an iterator cannot be sent twice. */
export function canBeSentAgain(body: any): boolean {
    const type = Object.prototype.toString.call(body).slice("[object ".length, -1);
    return (
        body === undefined ||
        body === null ||
        typeof body === "string" ||
        ArrayBuffer.isView(body) ||
        (["ArrayBuffer", "SharedArrayBuffer", "Blob", "File", "FormData", "URLSearchParams"].includes(type) &&
            // A body of the package form-data is a stream.
            typeof body.pipe !== "function")
    );
}
