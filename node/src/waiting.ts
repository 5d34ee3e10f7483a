/** How calls are waited for: each has a number, under which the native module tells how it ended. */
import * as timers from "node:timers";

import { type Answers, type KeyFunction, asking } from "./asking";
import type { ErrorData } from "./error";
import { type Answer, type Waiting, native } from "./native";
import { raise, told } from "./raise";
import { keep } from "./thrown";

/** A value, an answer, or the data of an error, which is `null` where the call was stopped. */
export interface Ended {
    value: any;
    answer: Answer | undefined;
    error: ErrorData | null | undefined;
}

/** Begins a call under a number. */
export type Begin = (waiting: Waiting, number: number) => void;

/** A call that is waited for, and how it asks for its key where a function gives it. */
interface Pending {
    end: (ended: Ended) => void;
    ask: ((question: number) => void) | undefined;
}

/** In the order in which they began. */
const inFlight = new Map<number, Pending>();
const waiting = new native.Waiting(settle);
let numbers = 0;
let held = false;
let looks: NodeJS.Immediate | undefined;
/** As it is now: those who test replace timers by others, which may never run. */
const nextTurn = timers.setImmediate;

/** Performs a call. Errors are made here, where the stack still knows who waits. */
export async function perform(begin: Begin, provide?: KeyFunction, signal?: AbortSignal): Promise<Ended> {
    signal?.throwIfAborted();
    const ask = provide && asking(provide, answers);
    const number = numbers++;
    try {
        const ended = await new Promise<Ended>((end) => {
            // First what could throw: a call that has begun is waited for.
            stopWith(signal, number);
            told(() => begin(waiting, number));
            inFlight.set(number, { end, ask });
            hold();
        });
        if (ended.error === null) {
            throw signal?.reason;
        }
        if (ended.error !== undefined) {
            throw raise(ended.error, signal?.reason);
        }
        return ended;
    } finally {
        leave(signal, number);
    }
}

/** Called by the native module with all that has ended, and with the questions for a key. */
function settle(text: string, answers: Answer[]): void {
    type Told = [number, number | null, unknown, (ErrorData | null)?, number?];
    for (const [number, place, value, error, question] of JSON.parse(text) as Told[]) {
        const pending = inFlight.get(number);
        if (question !== undefined) {
            pending?.ask?.(question);
            continue;
        }
        pending?.end({ value, answer: place === null ? undefined : answers[place], error });
        inFlight.delete(number);
    }
    if (inFlight.size === 0) {
        looks ??= nextTurn(letGo);
    }
}

const answers: Answers = {
    answer: (question, text) => waiting.answer(question, text),
    fail(question, why, thrown) {
        if (thrown !== undefined) {
            const [oldest = numbers] = inFlight.keys();
            keep(question, thrown.reason, oldest, numbers);
        }
        waiting.fail(question, why);
    },
};

/** Keeps the process alive. */
function hold(): void {
    if (!held) {
        held = true;
        waiting.hold(true);
    }
}

/** Only after a pause: the next call often comes at once. */
function letGo(): void {
    looks = undefined;
    if (inFlight.size === 0) {
        held = false;
        waiting.hold(false);
    }
}

/** The calls that each signal stops: Node warns of a signal with many listeners. */
const stopped = new WeakMap<AbortSignal, { calls: Set<number>; stop: () => void }>();

function stopWith(signal: AbortSignal | undefined, number: number): void {
    if (signal === undefined) {
        return;
    }
    if (!stopped.has(signal)) {
        const calls = new Set<number>();
        const stop = () => calls.forEach((call) => waiting.stop(call));
        signal.addEventListener("abort", stop);
        stopped.set(signal, { calls, stop });
    }
    stopped.get(signal)!.calls.add(number);
}

function leave(signal: AbortSignal | undefined, number: number): void {
    const known = signal && stopped.get(signal);
    if (known?.calls.delete(number) && known.calls.size === 0) {
        signal!.removeEventListener("abort", known.stop);
        stopped.delete(signal!);
    }
}
