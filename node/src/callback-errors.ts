/**
 * Stores the values that key callbacks threw. A thrown value becomes the `cause` of the error of each call that waited
 * for the key.
 */

interface CallbackError {
    reason: unknown;
    /**
     * The number of the first call that started after the exception. Only calls with a lower number can have failed
     * because of it.
     */
    before: number;
}

const callbackErrors = new Map<number, CallbackError>();

/**
 * Stores the value that a key callback threw for a key request. Removes the values that no pending call can need.
 * `oldest` is the number of the oldest pending call, and `next` is the number that the next call will have.
 */
export function keep(request: number, reason: unknown, oldest: number, next: number): void {
    for (const [earlier, { before }] of callbackErrors) {
        if (before <= oldest) callbackErrors.delete(earlier);
    }
    callbackErrors.set(request, { reason, before: next });
}

/** Returns the value that the key callback threw for a key request. */
export function reasonOf(request: number): unknown {
    return callbackErrors.get(request)?.reason;
}
