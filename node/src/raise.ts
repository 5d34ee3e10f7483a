/** Creates the errors that are thrown from the data of the native module. */
import { reasonOf } from "./callback-errors";
import type { ErrorData } from "./error";
import * as errors from "./errors";
import { ApiKeyDetails } from "./key-types";

type Kind = new (data: ErrorData, cause: unknown, candidates: readonly ApiKeyDetails[] | null) => unknown;

const BY_CODE = new Map<string, Kind>(Object.values(errors).map((kind) => [kind.code, kind]));

/** Creates an error. The reason of the abort takes the place of the error of a cancelled call. */
export function raise(data: ErrorData, reason?: unknown): unknown {
    if (data.code === "cancelled" && reason !== undefined) {
        return reason;
    }
    const cause =
        data.thrown !== null ? reasonOf(data.thrown) : data.cause !== null ? raise(data.cause, reason) : undefined;
    // Created here, so that the error classes import nothing that imports them: Bun evaluates them first.
    const candidates = data.candidates && data.candidates.map((key) => new ApiKeyDetails(key));
    return new (BY_CODE.get(data.code)!)(data, cause, candidates);
}

/** Calls the native module. Its exceptions contain the data of an error, or name the argument that is wrong. */
export function callNative<T>(call: () => T): T {
    try {
        return call();
    } catch (error) {
        const { message } = error as Error;
        throw message.startsWith("{") ? raise(JSON.parse(message) as ErrorData) : new TypeError(message);
    }
}
