/** What every integration does with the key of a client. Where it may go, and which one is in use, the client decides. */
import type { Client } from "./client";
import type { AuthorizationHeader } from "./secrets";

/** One request of another library. */
export interface Exchange<R> {
    url: string;
    signal: AbortSignal | undefined;
    body: unknown;
    /** Sends it with this value of `Authorization`, for the first or the second time. */
    send(header: string): Promise<R>;
    /** The status of an answer, and the URL that gave it, after redirects; none where that is not the client's own. */
    outcome(answer: R): { status: number | undefined; url: string | undefined };
    /** Frees what an answer holds that nobody will read. */
    drop(answer: R): void;
}

/** Whoever forgets the client learns it at once. It may be one of another copy of this package. */
export function mustBeClient(client: Client): void {
    if (typeof client?.authorize !== "function") {
        throw new TypeError("argument 'client' must be a Client");
    }
}

/** Sends a request with the key in use, and once more where Codat refuses that key and its source has another. */
export async function exchange<R>(client: Client, request: Exchange<R>): Promise<R> {
    const { signal } = request;
    const header = await authorize(client, request.url, signal, request.body);
    const answer = await request.send(header.exposeSecret());
    const { status, url } = request.outcome(answer);
    const another = await afterRejection(client, url, status, header, signal);
    if (another === null || !canBeSentAgain(request.body)) {
        return answer;
    }
    request.drop(answer);
    return request.send(another.exposeSecret());
}

/** The key to send a request with. Rejects for another origin than the client's own, so that nothing is sent there. */
export async function authorize(
    client: Client,
    url: string,
    signal: AbortSignal | undefined,
    body: any,
): Promise<AuthorizationHeader> {
    // Nobody else listens yet, and a stream that fails unheard would end the process.
    if (typeof body?.pipe === "function") {
        body.on("error", () => {});
    }
    const header = await client.authorize(url, { signal });
    if (body?.errored) {
        throw body.errored;
    }
    return header;
}

/** The key to send the request again with, if this status is a refusal of the first one and its source has another. */
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
        // Its caller is told what Codat answered, unless they have stopped waiting.
        signal?.throwIfAborted();
        return null;
    }
}

/** Whether a URL is one of the client's own origin, to which its key may go. */
export function isOwn(client: Client, url: string): boolean {
    try {
        client.authorizationFor(url);
        return true;
    } catch {
        return false;
    }
}

/** Whether a status says that a key was refused. */
export function isRejection(status: number | undefined): boolean {
    return status === 401 || status === 403;
}

/** Whether a body is the same when it is read a second time, which streams and iterators are not. */
export function canBeSentAgain(body: any): boolean {
    const type = Object.prototype.toString.call(body).slice("[object ".length, -1);
    return (
        body === undefined ||
        body === null ||
        typeof body === "string" ||
        ArrayBuffer.isView(body) ||
        (["ArrayBuffer", "SharedArrayBuffer", "Blob", "File", "FormData", "URLSearchParams"].includes(type) &&
            // The package form-data is a stream.
            typeof body.pipe !== "function")
    );
}
