/**
 * An undici dispatch handler that can send an HTTP request again after a response with 401 or 403. It wraps the handler
 * that receives the final response.
 */

import { isRejection } from "./attach";

/** A dispatch handler of undici 6 or of a later version. */
export type Handler = Record<string, any>;

/**
 * A function that decides what to do after a response with 401 or 403. Resolves to a function that sends the HTTP
 * request again, or to `null` if the wrapped handler must receive the response.
 */
type Decide = (status: number, url: string | undefined) => Promise<(() => void) | null>;

/**
 * The maximum number of bytes to discard from a response. After an HTTP request has been sent again, the rest of the
 * first response is read and discarded, because undici can reuse the connection only after it has read the whole
 * response. If the rest is longer, the first HTTP request is aborted.
 */
const DRAINED = 65_536;

/**
 * An undici dispatch handler that passes the events of an HTTP request to another handler. After a response with 401 or
 * 403, the events of this response are delayed until the function `decide` has decided whether to send the HTTP request
 * again.
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
     * Wraps `handler`. The function `begun` runs when a response begins or the HTTP request fails. The function
     * `decide` runs after a response with 401 or 403.
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
     * Handles an event of the response. `pass` passes the event to the wrapped handler. Runs `pass` immediately, or
     * later if the response is delayed. Does not run `pass` if the HTTP request was sent again.
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
