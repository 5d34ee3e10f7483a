/**
 * Stores the values that key callbacks threw. When a key callback throws, every call that waited for it fails. The
 * thrown value becomes the `cause` of the errors of these calls.
 */

interface ThrownValue {
    value: unknown;
    /** The number of the first call that started after the key callback threw. Only earlier calls need `value`. */
    before: number;
}

const thrownValues = new Map<number, ThrownValue>();

/**
 * Stores the value that a key callback threw. `request` is the number of this run of the callback. `next` is the number
 * of the next call to start. `oldest` is the number of the oldest pending call. Also removes the stored values that no
 * pending call can need.
 */
export function keep(request: number, value: unknown, oldest: number, next: number): void {
    for (const [earlier, { before }] of thrownValues) {
        if (before <= oldest) thrownValues.delete(earlier);
    }
    thrownValues.set(request, { value, before: next });
}

/**
 * Returns the value that the key callback threw. `request` is the number of the run of the callback. Returns
 * `undefined` if this run threw nothing.
 */
export function thrownValue(request: number): unknown {
    return thrownValues.get(request)?.value;
}
