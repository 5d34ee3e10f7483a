/** Creates errors from the data of the native module. */
import * as errors from "./errors";
import { ApiKeyDetails } from "./key-types";
import type { ErrorData } from "./native";
import { thrownValue } from "./thrown-values";

type Kind = new (data: ErrorData, cause: unknown, candidates: readonly ApiKeyDetails[] | null) => unknown;

const BY_CODE = new Map<string, Kind>(Object.values(errors).map((kind) => [kind.code, kind]));

/**
 * Returns the JavaScript error for the data from the native module. If a signal cancelled the call, returns `reason`,
 * which is the reason of the signal.
 */
export function raise(data: ErrorData, reason?: unknown): unknown {
    if (data.code === "cancelled") {
        return reason;
    }
    const cause =
        data.thrown !== null ? thrownValue(data.thrown) : data.cause !== null ? raise(data.cause, reason) : undefined;
    // Creates the objects here. The error classes cannot import `key-types`, which imports them indirectly. Bun
    // evaluates the modules of such a cycle in another order.
    const candidates = data.candidates && data.candidates.map((key) => new ApiKeyDetails(key));
    return new (BY_CODE.get(data.code)!)(data, cause, candidates);
}

/**
 * Calls a function of the native module. If the function throws the data of an error, throws the corresponding error of
 * this package. If the function throws an `Error`, an argument is invalid, and a `TypeError` is thrown.
 */
export function callNative<T>(call: () => T): T {
    try {
        return call();
    } catch (error) {
        throw error instanceof Error ? new TypeError(error.message) : raise(error as ErrorData);
    }
}
