/** Performs the calls of a client. */
import type { KeyFunction } from "./key-callback";
import type { Attachment, Call, Core } from "./native";
import { type CallOptions, callOptions } from "./options";
import { type Completion, perform } from "./pending-calls";

/** The private state of a client. */
export interface Own {
    readonly core: Core;
    /**
     * The key callback: the function that was given as `apiKey`. The native module has no reference to the callback, so
     * the callback can be garbage-collected together with the client.
     */
    readonly provide: KeyFunction | undefined;
}

/** Performs a call, and resolves to its value. `options` can contain only `signal` and `timeout`. */
export async function start(own: Own, call: Call, options: CallOptions): Promise<any> {
    return (await make(own, call, callOptions(options))).value;
}

/**
 * Performs a call. Resolves to the value and the attachment of the call. An attachment is, for example, an HTTP
 * response.
 */
export function make<A extends Attachment>(
    { core, provide }: Own,
    call: Call,
    { signal, timeout }: CallOptions,
): Promise<Completion<A>> {
    return perform((calls, number, observed) => calls.start(number, observed, core, timeout, call), provide, signal);
}
