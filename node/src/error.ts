/** What every error of this package has in common. The classes themselves are generated: `errors.ts`. */
import type { ApiKeyDetails, KeyData } from "./details";

/** What an error is made of. */
export interface ErrorData {
    code: string;
    message: string;
    hint: string;
    retryable: boolean;
    status: number | null;
    correlationId: string | null;
    retryAfter: number | null;
    codatMessage: string | null;
    idempotencyKey: string | null;
    showsIdempotencyKey: boolean;
    candidates: KeyData[] | null;
    cause: ErrorData | null;
    /** The question to which a function threw its cause. */
    thrown: number | null;
}

/** Why a call failed. No text of it ever holds a key. */
export abstract class CodatError extends Error {
    /** A stable identifier, `key_limit_reached`. */
    abstract readonly code: string;
    /** Whether the same call may succeed later. */
    readonly retryable: boolean;
    /** What to do next, for a person. */
    readonly hint: string;
    /** The HTTP status, where Codat answered. */
    readonly status: number | null;
    /** What Codat's support asks for. */
    readonly correlationId: string | null;
    /** How many milliseconds Codat asks to wait. */
    readonly retryAfter: number | null;
    /** Codat's own words. */
    readonly codatMessage: string | null;

    /** @internal */
    constructor(data: ErrorData, cause?: unknown) {
        super(data.message, cause === undefined ? undefined : { cause });
        this.retryable = data.retryable;
        this.hint = data.hint;
        this.status = data.status;
        this.correlationId = data.correlationId;
        this.retryAfter = data.retryAfter;
        this.codatMessage = data.codatMessage;
    }
}

/** A change of which nobody knows whether it took effect; `cause` says what went wrong. */
export abstract class InDoubtError extends CodatError {
    /** What to resume with; `null` for a deletion. */
    readonly idempotencyKey: string | null;
    /** The keys that may be the one asked for; `null` where nobody could look. */
    readonly candidates: readonly ApiKeyDetails[] | null;

    /** @internal */
    constructor(data: ErrorData, cause: unknown, candidates: readonly ApiKeyDetails[] | null) {
        super(data, cause);
        this.idempotencyKey = data.idempotencyKey;
        if (!data.showsIdempotencyKey) {
            // Neither `inspect` nor `JSON.stringify` shows it then.
            Object.defineProperty(this, "idempotencyKey", { enumerable: false });
        }
        this.candidates = candidates;
    }
}
