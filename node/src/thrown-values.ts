/**
 * Stores the values that key callbacks and functions of rotations threw. If such a value causes an error of a call, the
 * value becomes the `cause` of this error.
 */

interface ThrownValue {
    value: unknown;
    /**
     * The number of the first call that started after `value` was thrown. Only calls that started earlier need `value`.
     */
    before: number;
}

const thrownValues = new Map<number, ThrownValue>();

/**
 * Stores a value that a key callback or a function of a rotation threw. `request` is the number of the run that threw
 * the value. `next` is the number of the next call to start. `oldest` is the number of the oldest pending call. Also
 * removes the stored values that no pending call can need.
 */
export function keep(request: number, value: unknown, oldest: number, next: number): void {
    for (const [earlier, { before }] of thrownValues) {
        if (before <= oldest) thrownValues.delete(earlier);
    }
    thrownValues.set(request, { value, before: next });
}

/**
 * Returns the value that a key callback or a function of a rotation threw. `request` is the number of the run that
 * threw the value. Returns `undefined` if this run threw nothing.
 */
export function thrownValue(request: number): unknown {
    return thrownValues.get(request)?.value;
}
