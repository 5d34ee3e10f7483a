/**
 * Stores the values that key callbacks threw. A thrown value becomes the `cause` of the error of each call that waited
 * for the callback.
 */

interface ThrownValue {
    value: unknown;
    /**
     * The number of the first call that started after the callback threw. Only calls with a lower number can have
     * waited for the callback.
     */
    before: number;
}

const thrownValues = new Map<number, ThrownValue>();

/**
 * Stores the value that a key callback threw. `request` is the number of the request to run the callback. Removes the
 * values that no pending call can need: `oldest` is the number of the oldest pending call, and `next` is the number of
 * the next call.
 */
export function keep(request: number, value: unknown, oldest: number, next: number): void {
    for (const [earlier, { before }] of thrownValues) {
        if (before <= oldest) thrownValues.delete(earlier);
    }
    thrownValues.set(request, { value, before: next });
}

/** Returns the value that the key callback threw when it ran for a request, or `undefined` if it threw none. */
export function thrownValue(request: number): unknown {
    return thrownValues.get(request)?.value;
}
