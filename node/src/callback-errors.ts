/** Keeps the exceptions of functions that return the key. Each becomes the `cause` of the errors of calls. */

interface CallbackError {
    reason: unknown;
    /** The number of the first call that started after the exception. It and later calls have another cause. */
    before: number;
}

const callbackErrors = new Map<number, CallbackError>();

/**
 * Keeps an exception, and removes those that no pending call can need. `oldest` is the number of the first pending
 * call, and `next` the number of the call that starts next.
 */
export function keep(request: number, reason: unknown, oldest: number, next: number): void {
    for (const [earlier, { before }] of callbackErrors) {
        if (before <= oldest) callbackErrors.delete(earlier);
    }
    callbackErrors.set(request, { reason, before: next });
}

/** Returns the exception of the function for a request. */
export function reasonOf(request: number): unknown {
    return callbackErrors.get(request)?.reason;
}
