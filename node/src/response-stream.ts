/** Responses whose body is read in chunks. */
import type { ReadableStream, ReadableStreamDefaultController } from "node:stream/web";

import { onAbort } from "./abort";
import type { Core, NativeResponseStream } from "./native";
import { perform } from "./pending-calls";
import { RateLimit, headersOf } from "./responses";

/**
 * An HTTP response with a 2xx status. The body of the response is read in chunks. Returned by `Client.stream`.
 * `inspect` shows neither the headers nor the body.
 *
 * ```ts
 * const response = await client.stream("GET", "/companies");
 * for await (const chunk of response.body) {
 *     console.log(chunk.length);
 * }
 * ```
 */
export class ResponseStream {
    /** The HTTP status. */
    readonly status: number;
    /** The length of the whole body in bytes. `null` if the response does not declare the length. */
    readonly contentLength: number | null;
    /**
     * The body. It is not read in advance: only the chunk that is being read is in memory. `Client.stream` describes
     * the errors of the body. `cancel()` closes the connection, and so does a `for await` loop that ends early.
     *
     * API keys in the body are not masked, because a key can extend over two chunks. Do not print or log a chunk.
     */
    readonly body: ReadableStream<Uint8Array>;
    readonly #response: NativeResponseStream;

    /** @internal */
    constructor(core: Core, response: NativeResponseStream, signal: AbortSignal | undefined) {
        this.status = response.status();
        this.contentLength = response.contentLength();
        // A stream with this `highWaterMark` reads nothing in advance. The global class is looked up here, because Node
        // loads it slowly.
        this.body = new globalThis.ReadableStream(new Body(core, response, signal), { highWaterMark: 0 });
        this.#response = response;
        Object.freeze(this);
    }

    /**
     * The HTTP headers of the response, with names in lower case. The values of headers with the same name are joined
     * by commas.
     */
    get headers(): Record<string, string> {
        return headersOf(this.#response);
    }

    /**
     * The daily quota of HTTP requests, from the headers of this response. `null` if the response has no such headers.
     */
    get rateLimit(): RateLimit | null {
        return RateLimit.of(this.#response.rateLimit());
    }
}

/** Stops listening to the signal of a body that was garbage-collected. */
const collected = new FinalizationRegistry((leave: () => void) => leave());

/** The source of a `ReadableStream`. A `Body` without a reader can be garbage-collected, which closes its connection. */
class Body {
    readonly #core: Core;
    readonly #response: NativeResponseStream;
    readonly #signal: AbortSignal | undefined;
    /** Cancels the running read. */
    readonly #stop = new AbortController();
    #leave: (() => void) | undefined;

    constructor(core: Core, response: NativeResponseStream, signal: AbortSignal | undefined) {
        this.#core = core;
        this.#response = response;
        this.#signal = signal;
    }

    start(controller: ReadableStreamDefaultController<Uint8Array>): void {
        const signal = this.#signal;
        if (signal === undefined) {
            return;
        }
        // The signal does not refer to the body, because it can exist for longer.
        const [body, stream] = [new WeakRef(this), new WeakRef(controller)];
        const abort = () => {
            stream.deref()?.error(signal.reason);
            body.deref()?.cancel();
        };
        if (signal.aborted) {
            return abort();
        }
        this.#leave = onAbort(signal, abort);
        collected.register(this, this.#leave);
    }

    /** Reads the next chunk. If the read fails, the stream fails with the same error. */
    async pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
        try {
            const { attachment } = await perform<Uint8Array>(
                (calls, number) => calls.read(number, this.#core, this.#response),
                undefined,
                this.#stop.signal,
            );
            if (attachment !== undefined) {
                return controller.enqueue(attachment);
            }
            controller.close();
            this.cancel();
        } catch (error) {
            this.cancel();
            throw error;
        }
    }

    /** Closes the connection. */
    cancel(): void {
        this.#leave?.();
        this.#stop.abort();
        this.#response.close();
    }
}
