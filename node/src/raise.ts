/** Creates errors from the data of the native module. */
import { RotationError } from "./error";
import * as errors from "./errors";
import { ApiKeyDetails } from "./key-types";
import type { ErrorData, RotationErrorData } from "./native";
import { type RotationReport, report as parsedReport } from "./reports";
import { thrownValue } from "./thrown-values";

type Kind = new (data: ErrorData, cause: unknown, candidates: readonly ApiKeyDetails[] | null) => unknown;

/** The data of an error that does not come from a call of Codat's API. */
const NO_CALL = {
    code: "rotation",
    retryable: false,
    status: null,
    correlationId: null,
    retryAfter: null,
    codatMessage: null,
    attempts: 0,
    elapsed: 0,
    idempotencyKey: null,
    showsIdempotencyKey: true,
    candidates: null,
    cause: null,
    thrown: null,
};

const BY_CODE = new Map<string, Kind>(Object.values(errors).map((kind) => [kind.code, kind]));

/**
 * Returns the JavaScript error for the data from the native module. If a signal cancelled the call, returns `reason`,
 * which is the reason of the signal.
 */
export function raise(data: ErrorData, reason?: unknown): unknown {
    if (data.code === "cancelled") {
        return reason;
    }
    if (data.rotation?.kind === "cancelled") {
        return new RotationError(data, reason, report(data.rotation));
    }
    const cause =
        data.thrown !== null ? thrownValue(data.thrown) : data.cause !== null ? raise(data.cause, reason) : undefined;
    if (data.rotation !== null) {
        return new RotationError(data, cause, report(data.rotation));
    }
    // Creates the objects here. The error classes cannot import `key-types`, which imports them indirectly. Bun
    // evaluates the modules of such a cycle in another order.
    const candidates = data.candidates && data.candidates.map((key) => new ApiKeyDetails(key));
    return new (BY_CODE.get(data.code)!)(data, cause, candidates);
}

/**
 * Returns the error for a rotation whose function `onEvent` threw `reason`. The rotation ended before the exception
 * could cancel the rotation. `data` is the report of the rotation.
 */
export function endedRotation(data: unknown, reason: unknown): RotationError {
    const error = {
        message: "onEvent threw, and the rotation ended before it could be cancelled",
        hint: "the report says how it ended",
        rotation: { kind: "cancelled", report: null },
    };
    return new RotationError({ ...NO_CALL, ...error }, reason, parsedReport(data));
}

function report({ report }: RotationErrorData): RotationReport | null {
    return report === null ? null : parsedReport(JSON.parse(report));
}

/**
 * Calls a function of the native module, and converts the value that it throws. `ErrorData` becomes the corresponding
 * error of this package. An `Error` becomes a `TypeError`, because it means that an argument is invalid.
 */
export function callNative<T>(call: () => T): T {
    try {
        return call();
    } catch (error) {
        throw error instanceof Error ? new TypeError(error.message) : raise(error as ErrorData);
    }
}
