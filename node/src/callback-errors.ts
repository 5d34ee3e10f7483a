/** Keeps what functions threw that were called for the key. It becomes the `cause` of the errors of calls. */

interface CallbackError {
    reason: unknown;
    /** The number of the next call at that time. Calls from this number on started later, and have another cause. */
    before: number;
}

const callbackErrors = new Map<number, CallbackError>();

/**
 * Keeps a reason while a call that may need it is pending. `oldest` is the number of the first pending call, and `next` that of the
 * call that starts next.
 */
export function keep(request: number, reason: unknown, oldest: number, next: number): void {
    for (const [earlier, { before }] of callbackErrors) {
        if (before <= oldest) callbackErrors.delete(earlier);
    }
    callbackErrors.set(request, { reason, before: next });
}

/** Returns what the function threw for a request. */
export function reasonOf(request: number): unknown {
    return callbackErrors.get(request)?.reason;
}
