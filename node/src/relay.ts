/**
 * A handler of undici that wraps the handler of a request, so that the request can be sent again after a 401 or 403.
 */

import { isRejection } from "./attach";

/** A handler of undici 6 or of later versions. */
export type Handler = Record<string, any>;

/**
 * A function that decides what to do after a 401 or 403. Resolves to a function that sends the request again, or to
 * `null` to pass the response to the wrapped handler.
 */
type Decide = (status: number, url: string | undefined) => Promise<(() => void) | null>;

/**
 * The maximum number of bytes to read of the response to a request that is sent again. undici can reuse the connection
 * only after the response was read to its end.
 */
const DRAINED = 65_536;

/**
 * A handler that passes events to the wrapped handler. A response with 401 or 403 is held back until the function
 * `decide` has decided whether to send the request again.
 */
export class Relay {
    readonly #handler: Handler;
    readonly #begun: () => void;
    readonly #decide: Decide;
    #state: "open" | "held" | "dropped" | "failed" = "open";
    #held: (() => unknown)[] = [];
    #history: URL[] | undefined;
    #abort: (reason: Error) => void = () => {};
    #drained = 0;

    /**
     * Wraps `handler`. The relay calls `begun` when a response begins or the request fails, and `decide` for a 401 or
     * 403.
     */
    constructor(handler: Handler, begun: () => void, decide: Decide) {
        this.#handler = handler;
        this.#begun = begun;
        this.#decide = decide;
    }

    // Events of undici 7 and later.

    onRequestStart(controller: any, context: any): void {
        this.#begin((reason) => controller.abort(reason), context);
        this.#handler["onRequestStart"]?.(controller, context);
    }

    onRequestUpgrade(...event: unknown[]): void {
        this.#begun();
        this.#handler["onRequestUpgrade"]?.(...event);
    }

    onResponseStart(controller: any, status: number, ...rest: unknown[]): void {
        this.#begun();
        const pass = () => this.#handler["onResponseStart"]?.(controller, status, ...rest);
        if (!isRejection(status)) return pass();
        controller.pause();
        this.#hold(status, pass, () => controller.resume());
    }

    onResponseData(controller: any, chunk: Buffer): void {
        this.#pass(() => this.#handler["onResponseData"]?.(controller, chunk), chunk);
    }

    onResponseEnd(controller: any, trailers: unknown): void {
        this.#pass(() => this.#handler["onResponseEnd"]?.(controller, trailers));
    }

    onResponseError(controller: any, error: Error): void {
        this.#fail(() => this.#handler["onResponseError"]?.(controller, error));
    }

    // Events of undici 6.

    onConnect(abort: (reason: Error) => void, context: any): void {
        this.#begin(abort, context);
        this.#handler["onConnect"]?.(abort, context);
    }

    onUpgrade(...event: unknown[]): void {
        this.#begun();
        this.#handler["onUpgrade"]?.(...event);
    }

    onHeaders(status: number, headers: unknown, resume: () => void, message: string): boolean {
        this.#begun();
        const pass = () => this.#handler["onHeaders"](status, headers, resume, message);
        if (!isRejection(status)) return pass();
        this.#hold(status, pass, resume);
        return false;
    }

    onData(chunk: Buffer): boolean {
        return this.#pass(() => this.#handler["onData"](chunk), chunk) !== false;
    }

    onComplete(trailers: unknown): void {
        this.#pass(() => this.#handler["onComplete"](trailers));
    }

    onError(error: Error): void {
        this.#fail(() => this.#handler["onError"](error));
    }

    // Events of all versions.

    onResponseStarted(): void {
        this.#handler["onResponseStarted"]?.();
    }

    onBodySent(...event: unknown[]): void {
        this.#handler["onBodySent"]?.(...event);
    }

    onRequestSent(): void {
        this.#handler["onRequestSent"]?.();
    }

    #begin(abort: (reason: Error) => void, context: any): void {
        this.#abort = abort;
        this.#history = context?.history;
    }

    #hold(status: number, pass: () => unknown, resume: () => void): void {
        this.#state = "held";
        this.#held.push(pass);
        this.#decide(status, this.#history?.at(-1)?.href).then((sendAgain) => {
            if (this.#state !== "held") return;
            if (sendAgain === null) {
                // `resume` can emit events synchronously. These events are queued after the delayed events.
                resume();
                this.#state = "open";
                for (const pass of this.#held) pass();
                return;
            }
            this.#state = "dropped";
            resume();
            sendAgain();
        }, this.#abort);
    }

    /**
     * Handles an event of the response: a chunk of data, or the end. The wrapped handler receives the event now, later
     * if the response is held back, or never if the request is sent again.
     */
    #pass(pass: () => unknown, chunk?: Buffer): unknown {
        if (this.#state === "held") {
            return this.#held.push(pass);
        }
        if (this.#state === "dropped") {
            this.#drained += chunk?.length ?? 0;
            if (this.#drained > DRAINED) this.#abort(new Error("the rest of the answer is not needed"));
            return true;
        }
        return pass();
    }

    #fail(pass: () => unknown): void {
        this.#begun();
        if (this.#state !== "dropped") {
            this.#state = "failed";
            pass();
        }
    }
}
