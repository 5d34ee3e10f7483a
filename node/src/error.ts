/** The base classes of all errors. The classes in `errors.ts` are generated. */
import type { ApiKeyDetails } from "./key-types";
import type { ErrorData } from "./native";
import type { RotationReport } from "./reports";

/** The error of a call. No text of the error contains an API key. */
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
    /** The number of attempts of the failed request, including the first one. 0 if no request was attempted. */
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

/**
 * A rotation ended early. The `cause` is the error of a call of Codat's API, the reason of the signal, or a value that
 * a function threw. This function is `onEvent`, or belongs to a sink or to the journal store.
 */
export class RotationError extends CodatError {
    static {
        this.prototype.name = "RotationError";
    }
    static readonly code = "rotation";
    override readonly code = RotationError.code;
    /**
     * What happened, and what it means for the API keys:
     *
     * - `rolled_back`: the old API key works as before, and the new one is deleted. If `report.mayAppearLater` is true,
     *   a list can show a new API key later: delete this API key.
     * - `unfinished` and `cancelled`: the rotation can be resumed.
     * - `journal`: the rotation can be resumed as soon as the journal can be read and written.
     * - `invalid_input`, `api`, `key_limit_reached`, `sink_occupied` and `sink_unavailable`: nothing was changed, except
     *   that API keys of `deleteFirst` may have been deleted.
     * - `in_progress`: the journal contains an unfinished rotation.
     * - `busy`: another process runs the rotation.
     * - `foreign_journal`: the journal belongs to another Codat client, or to other sinks.
     * - `nothing_to_resume`: the journal contains no unfinished rotation.
     */
    readonly kind: RotationErrorKind;
    /** The report of what the rotation did before the error. `null` if the rotation did not start. */
    readonly report: RotationReport | null;

    /** @internal */
    constructor(data: ErrorData, cause: unknown, report: RotationReport | null) {
        super(data, cause);
        this.kind = data.rotation!.kind as RotationErrorKind;
        this.report = report;
    }
}

/** The kind of a `RotationError`. */
export type RotationErrorKind =
    | "invalid_input"
    | "api"
    | "key_limit_reached"
    | "sink_occupied"
    | "sink_unavailable"
    | "in_progress"
    | "busy"
    | "nothing_to_resume"
    | "journal"
    | "foreign_journal"
    | "rolled_back"
    | "unfinished"
    | "cancelled";
