/** The base classes of all errors. The classes in `errors.ts` are generated. */
import type { ApiKeyDetails } from "./key-types";
import type { ErrorData } from "./native";

/** The error of a call. Its texts do not contain API keys. */
export abstract class CodatError extends Error {
    /** A stable identifier of the kind of error, such as `key_limit_reached`. */
    abstract readonly code: string;
    /** Whether the same call may succeed later. */
    readonly retryable: boolean;
    /** What the user can do next. */
    readonly hint: string;
    /** The HTTP status of the response. `null` if Codat did not respond. */
    readonly status: number | null;
    /** The correlation id, for Codat's support. */
    readonly correlationId: string | null;
    /** The time to wait before a retry, in milliseconds. `null` if Codat does not state a time. */
    readonly retryAfter: number | null;
    /** The error message of Codat. */
    readonly codatMessage: string | null;
    /** The number of attempts of the failed HTTP request. 0 if the error does not come from an HTTP request. */
    readonly attempts: number;
    /** The time from the start of the call to the error, in milliseconds. 0 if `attempts` is 0. */
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

/** The error of a call that may or may not have changed data. The `cause` is the error of the last HTTP request. */
export abstract class AmbiguousError extends CodatError {
    /** The idempotency key to pass to `create` in order to resume the creation. `null` for a deletion. */
    readonly idempotencyKey: string | null;
    /** The API keys that the call may have created. `null` if the API keys could not be listed. */
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
