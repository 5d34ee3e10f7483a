/** What functions threw when they were asked for a key: the causes of what their callers see. */

interface Thrown {
    reason: unknown;
    /** Calls of this number and later ones began after it was thrown, and do not hear of it. */
    before: number;
}

const thrown = new Map<number, Thrown>();

/** Keeps it as long as a call runs that may tell it: `oldest` is the first of those in flight, `next` the one to begin. */
export function keep(question: number, reason: unknown, oldest: number, next: number): void {
    for (const [earlier, { before }] of thrown) {
        if (before <= oldest) thrown.delete(earlier);
    }
    thrown.set(question, { reason, before: next });
}

/** What was thrown as the answer to a question. */
export function reasonOf(question: number): unknown {
    return thrown.get(question)?.reason;
}
