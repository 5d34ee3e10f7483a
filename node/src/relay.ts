/** A handler of undici's that stands between it and the one who asks. */

import { isRejection } from "./attach";

/** Of undici 6, or of later versions. */
export type Handler = Record<string, any>;

/** Says what sends the request again, if it is to be, once an answer has this status and came from this URL. */
type Decide = (status: number, url: string | undefined) => Promise<(() => void) | null>;

/** How much of an answer that nobody reads is read, so that its connection serves again. */
const DRAINED = 65_536;

/** Holds an answer of 401 or 403 back until it is decided; all else goes through as it comes. */
export class Relay {
    readonly #handler: Handler;
    readonly #decide: Decide;
    #state: "open" | "held" | "dropped" | "failed" = "open";
    #held: (() => unknown)[] = [];
    #history: URL[] | undefined;
    #abort: (reason: Error) => void = () => {};
    #drained = 0;

    constructor(handler: Handler, decide: Decide) {
        this.#handler = handler;
        this.#decide = decide;
    }

    // Of undici 7 and later.

    onRequestStart(controller: any, context: any): void {
        this.#begin((reason) => controller.abort(reason), context);
        this.#handler["onRequestStart"]?.(controller, context);
    }

    onRequestUpgrade(...event: unknown[]): void {
        this.#handler["onRequestUpgrade"]?.(...event);
    }

    onResponseStart(controller: any, status: number, ...rest: unknown[]): void {
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

    // Of undici 6.

    onConnect(abort: (reason: Error) => void, context: any): void {
        this.#begin(abort, context);
        this.#handler["onConnect"]?.(abort, context);
    }

    onUpgrade(...event: unknown[]): void {
        this.#handler["onUpgrade"]?.(...event);
    }

    onHeaders(status: number, headers: unknown, resume: () => void, message: string): boolean {
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

    // Of all.

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
                // What comes at once queues up behind what is held.
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

    /** Data, or the end. */
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
        if (this.#state !== "dropped") {
            this.#state = "failed";
            pass();
        }
    }
}
