/** From the data of errors to what is thrown. */
import { ApiKeyDetails } from "./details";
import type { ErrorData } from "./error";
import * as errors from "./errors";
import { reasonOf } from "./thrown";

type Kind = new (data: ErrorData, cause: unknown, candidates: readonly ApiKeyDetails[] | null) => unknown;

const BY_CODE = new Map<string, Kind>(Object.values(errors).map((kind) => [kind.code, kind]));

/** The error of this data. What was stopped is told by the reason for which it was. */
export function raise(data: ErrorData, reason?: unknown): unknown {
    if (data.code === "cancelled" && reason !== undefined) {
        return reason;
    }
    const cause =
        data.thrown !== null ? reasonOf(data.thrown) : data.cause !== null ? raise(data.cause, reason) : undefined;
    // Made here, so that the classes of errors need nothing that needs them: Bun loads them first.
    const candidates = data.candidates && data.candidates.map((key) => new ApiKeyDetails(key));
    return new (BY_CODE.get(data.code)!)(data, cause, candidates);
}

/** What the native module returns; its exceptions hold the data of ours, or say which argument is wrong. */
export function told<T>(call: () => T): T {
    try {
        return call();
    } catch (error) {
        const { message } = error as Error;
        throw message.startsWith("{") ? raise(JSON.parse(message) as ErrorData) : new TypeError(message);
    }
}
