/** Creates errors from the data of the native module. */
import type { ErrorData } from "./error";
import * as errors from "./errors";
import { ApiKeyDetails } from "./key-types";
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
 * Calls a function of the native module. If the function throws, converts the exception to an error of this package, or
 * to a `TypeError` for an invalid argument.
 */
export function callNative<T>(call: () => T): T {
    try {
        return call();
    } catch (error) {
        const { message } = error as Error;
        throw message.startsWith("{") ? raise(JSON.parse(message) as ErrorData) : new TypeError(message);
    }
}
