/** How calls are waited for: each has a number, under which the native module tells how it ended. */
import type { ErrorData } from "./error";
import { type Answer, type Waiting, native } from "./native";
import { raise, told } from "./raise";

/** A value, which may count into the answers, or the data of an error, which is `null` where the call was stopped. */
interface Ended {
    value: any;
    error: ErrorData | null | undefined;
    answers: Answer[];
}

const inFlight = new Map<number, (ended: Ended) => void>();
const waiting = new native.Waiting(settle);
let numbers = 0;

/** Performs a call. Errors are made here, where the stack still knows who waits. */
export async function perform(begin: (waiting: Waiting, number: number) => void, signal?: AbortSignal): Promise<Ended> {
    signal?.throwIfAborted();
    const number = numbers++;
    const stop = () => waiting.stop(number);
    try {
        const ended = await new Promise<Ended>((resolve) => {
            told(() => begin(waiting, number));
            inFlight.set(number, resolve);
            if (inFlight.size === 1) {
                waiting.hold(true);
            }
            signal?.addEventListener("abort", stop);
        });
        if (ended.error === null) {
            throw signal?.reason;
        }
        if (ended.error !== undefined) {
            throw raise(ended.error, signal?.reason);
        }
        return ended;
    } finally {
        signal?.removeEventListener("abort", stop);
    }
}

/** Called by the native module with all that has ended. */
function settle(text: string, answers: Answer[]): void {
    for (const [number, value, error] of JSON.parse(text) as [number, unknown, (ErrorData | null)?][]) {
        inFlight.get(number)?.({ value, error, answers });
        inFlight.delete(number);
    }
    if (inFlight.size === 0) {
        waiting.hold(false);
    }
}
