/** The base classes of all errors. The classes in `errors.ts` are generated. */
import type { ApiKeyDetails, KeyData } from "./key-types";

/** The data of an error. */
export interface ErrorData {
    code: string;
    message: string;
    hint: string;
    retryable: boolean;
    status: number | null;
    correlationId: string | null;
    retryAfter: number | null;
    codatMessage: string | null;
    attempts: number;
    elapsed: number;
    idempotencyKey: string | null;
    showsIdempotencyKey: boolean;
    candidates: KeyData[] | null;
    cause: ErrorData | null;
    /**
     * The number of the request to run the key callback, if the callback failed. The value that the callback threw is
     * stored under this number, and becomes the `cause` of this error.
     */
    thrown: number | null;
}

/** The error of a call. None of its texts contains a key. */
export abstract class CodatError extends Error {
    /** A stable identifier, such as `key_limit_reached`. */
    abstract readonly code: string;
    /** Whether the same call may succeed later. */
    readonly retryable: boolean;
    /** What the user can do next. */
    readonly hint: string;
    /** The HTTP status. `null` if Codat did not respond. */
    readonly status: number | null;
    /** The correlation id, for Codat's support. */
    readonly correlationId: string | null;
    /** The milliseconds to wait before a retry, if Codat says so. */
    readonly retryAfter: number | null;
    /** Codat's message. */
    readonly codatMessage: string | null;
    /** How many attempts the failed request had. 0 if the error does not come from a request. */
    readonly attempts: number;
    /** The milliseconds from the start of the call to the error. 0 if `attempts` is 0. */
    readonly elapsed: number;

    /** @internal */
    constructor(data: ErrorData, cause?: unknown) {
        super(data.message, cause === undefined ? undefined : { cause });
        this.retryable = data.retryable;
        this.hint = data.hint;
        this.status = data.status;
        this.correlationId = data.correlationId;
        this.retryAfter = data.retryAfter;
        this.codatMessage = data.codatMessage;
        this.attempts = data.attempts;
        this.elapsed = data.elapsed;
    }
}

/** The error of a change whose outcome is unknown. Its `cause` is the error of the last request. */
export abstract class AmbiguousError extends CodatError {
    /** The idempotency key with which the creation can be resumed; `null` for a deletion. */
    readonly idempotencyKey: string | null;
    /** The keys that the call may have created; `null` if the keys could not be listed. */
    readonly candidates: readonly ApiKeyDetails[] | null;

    /** @internal */
    constructor(data: ErrorData, cause: unknown, candidates: readonly ApiKeyDetails[] | null) {
        super(data, cause);
        this.idempotencyKey = data.idempotencyKey;
        if (!data.showsIdempotencyKey) {
            // Not enumerable, so that `inspect` and `JSON.stringify` do not show the property.
            Object.defineProperty(this, "idempotencyKey", { enumerable: false });
        }
        this.candidates = candidates;
    }
}
