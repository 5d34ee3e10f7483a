/**
 * The pending calls of this JavaScript environment, which is the main thread or a worker. Each call has a number. The
 * native module repeats this number in each event of the call.
 */
import { AsyncResource } from "node:async_hooks";
import * as timers from "node:timers";

import { onAbort } from "./abort";
import { type Attempt, observer } from "./diagnostics";
import { type KeyFunction, type Results, bindCallback, thrownKind } from "./key-callback";
import { type Attachment, type ErrorData, type PendingCalls, native } from "./native";
import { callNative, endedRotation, raise } from "./raise";
import { keep } from "./thrown-values";

/**
 * The result of a call: a value, an attachment, or the data of an error. `error` is `undefined` if the call succeeded.
 * `error` is `null` if a call that only reads data was cancelled.
 */
export interface Completion<A = Attachment> {
    value: any;
    attachment: A | undefined;
    error: ErrorData | null | undefined;
}

/**
 * A function that starts a call in the native module. `number` is the number of the call. `observed` is whether the
 * native module records the attempts of the call.
 */
export type Start = (calls: PendingCalls, number: number, observed: boolean) => void;

/**
 * A message of a rotation: an event, a request to run a function of a sink or of the journal store, or a request to
 * release a lock. `function` is the name of the function to run. `sink` is the index of the sink, or `null` for the
 * journal store.
 */
export interface Message {
    sink: number | null;
    function: string | null;
    arguments: unknown[];
    event: unknown;
    /**
     * The number of the lock to release. Each call of the function `lock` has a number. The acquired lock gets the same
     * number.
     */
    unlock: number | null;
}

/**
 * Receives the result of a function of a sink or of a journal store: the returned text, or the reason why the function
 * failed.
 */
export interface Requests {
    complete(text: string | null): void;
    /** The function `lock` has locked the journal. `release` releases the lock. */
    locked(release: () => unknown): void;
    /**
     * `thrown` contains the value that the function threw. `thrown` is `undefined` if the function returned a wrong
     * value.
     */
    fail(why: string, thrown?: { reason: unknown }): void;
}

/** A pending call. */
interface Pending {
    complete: (completion: Completion) => void;
    /** Runs the key callback of the client. `undefined` if the client has no key callback. */
    callback: ((request: number) => void) | undefined;
    /** Handles a message of a rotation. `undefined` if the call is not a rotation. */
    handle: ((message: Message, requests: Requests) => void) | undefined;
    /** Publishes an attempt of the call. `undefined` if there was no observer when the call started. */
    observe: ((attempt: Attempt) => void) | undefined;
}

/** The pending calls by number, in the order in which they started. */
const inFlight = new Map<number, Pending>();
/** The functions that release the locks of journal stores. The map key is the number of the lock. */
const locks = new Map<number, () => unknown>();
const pendingCalls = new native.PendingCalls(settle);
let numbers = 0;
let held = false;
let check: NodeJS.Immediate | undefined;
/**
 * The `setImmediate` of Node. Saved when this module loads, because tests may later replace the timers of Node with
 * fake timers.
 */
const nextTurn = timers.setImmediate;

/**
 * Performs a call. Creates errors in this async function instead of in `settle`, so that the stack trace of an error
 * contains the function that called `perform`.
 */
export async function perform<A extends Attachment>(
    start: Start,
    provide?: KeyFunction,
    signal?: AbortSignal,
    handle?: Pending["handle"],
): Promise<Completion<A>> {
    signal?.throwIfAborted();
    const callback = provide && bindCallback(provide, results);
    const observe = observer();
    const number = numbers++;
    let leave: (() => void) | undefined;
    // What `handle` threw, which cancels the call.
    let thrown: { reason: unknown } | undefined;
    const handleUntilThrown = (message: Message, requests: Requests) => {
        // A cancelled rotation still uses its journal, so that another process can resume it immediately.
        const isOfJournal = message.sink === null && message.event === null;
        if (thrown !== undefined && !isOfJournal) {
            // The sink cannot be used again before the request for its function is answered.
            if (message.sink !== null) requests.fail("the rotation is cancelled", thrown);
            return;
        }
        try {
            handle?.(message, requests);
        } catch (reason) {
            thrown ??= { reason };
            pendingCalls.stop(number);
        }
    };
    try {
        const completion = await new Promise<Completion>((complete) => {
            // The functions that can throw come first, because a started call must be in the map.
            leave = signal && onAbort(signal, () => pendingCalls.stop(number));
            callNative(() => start(pendingCalls, number, observe !== undefined));
            inFlight.set(number, {
                complete,
                callback,
                handle: handle && AsyncResource.bind(handleUntilThrown),
                observe,
            });
            hold();
        });
        if (completion.error === null) {
            throw signal?.reason;
        }
        if (completion.error !== undefined) {
            throw raise(completion.error, thrown === undefined ? signal?.reason : thrown.reason);
        }
        if (thrown !== undefined) {
            throw endedRotation(completion.value, thrown.reason);
        }
        return completion as Completion<A>;
    } finally {
        leave?.();
    }
}

/**
 * Handles events from the native module: completes calls, runs key callbacks, handles messages of rotations, and
 * publishes attempts. `events` is a JSON array.
 */
function settle(events: string, attachments: Attachment[], errors: ErrorData[]): void {
    type Event = [number, number | null, unknown, (number | null)?, (number | null)?, (Attempt | null)?, Message?];
    for (const [number, index, value, error, request, attempt, message] of JSON.parse(events) as Event[]) {
        const pending = inFlight.get(number);
        if (typeof message?.unlock === "number") {
            void unlock(message.unlock);
            continue;
        }
        if (message !== undefined) {
            pending?.handle?.(message, requestsOf(request!));
            continue;
        }
        if (attempt) {
            pending?.observe?.(attempt);
            continue;
        }
        if (typeof request === "number") {
            pending?.callback?.(request);
            continue;
        }
        pending?.complete({
            value,
            attachment: index === null ? undefined : attachments[index],
            error: typeof error === "number" ? errors[error] : error,
        });
        inFlight.delete(number);
    }
    if (inFlight.size === 0) {
        check ??= nextTurn(release);
    }
}

const results: Results = {
    complete: (request, text) => pendingCalls.complete(request, text),
    fail(request, why, thrown) {
        if (thrown !== undefined) {
            const [oldest = numbers] = inFlight.keys();
            keep(request, thrown.reason, oldest, numbers);
        }
        pendingCalls.fail(request, why, thrown !== undefined);
    },
};

function requestsOf(request: number): Requests {
    return {
        complete: (text) => results.complete(request, text),
        locked(release) {
            locks.set(request, release);
            results.complete(request, "true");
        },
        fail: (why, thrown) => results.fail(request, why, thrown),
    };
}

/**
 * Releases a lock of a journal store. `request` is the number of the lock. A failed release causes a warning. It cannot
 * cause an error of the rotation, because the rotation may have ended.
 */
async function unlock(request: number): Promise<void> {
    const release = locks.get(request);
    locks.delete(request);
    try {
        await release?.();
    } catch (reason) {
        process.emitWarning(`the lock of a journal was not released: its function threw ${thrownKind(reason)}`);
    }
}

/** Keeps the process alive while calls are pending. */
function hold(): void {
    if (!held) {
        held = true;
        pendingCalls.hold(true);
    }
}

/**
 * Lets the process end if no call is pending. This function is called one turn of the event loop after the last call
 * has completed, because the next call often starts within this turn.
 */
function release(): void {
    check = undefined;
    if (inFlight.size === 0) {
        held = false;
        pendingCalls.hold(false);
    }
}
