/** Listens to signals. */

/**
 * For each signal, the functions to call when the signal is aborted. The functions of a signal share one listener,
 * because Node prints a warning if a signal has many listeners.
 */
const actions = new WeakMap<AbortSignal, { all: Set<() => void>; run: () => void }>();

/** Calls `action` when `signal` is aborted. Returns a function that removes `action` from the signal. */
export function onAbort(signal: AbortSignal, action: () => void): () => void {
    if (!actions.has(signal)) {
        const all = new Set<() => void>();
        const run = () => all.forEach((action) => action());
        signal.addEventListener("abort", run);
        actions.set(signal, { all, run });
    }
    const { all, run } = actions.get(signal)!;
    all.add(action);
    return () => {
        if (all.delete(action) && all.size === 0) {
            signal.removeEventListener("abort", run);
            actions.delete(signal);
        }
    };
}
