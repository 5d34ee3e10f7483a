/**
 * Publishes a message about each attempt of a call, for monitoring tools. An attempt is one HTTP request. No message
 * contains a secret.
 */
import { AsyncResource } from "node:async_hooks";
import { channel } from "node:diagnostics_channel";
import { debuglog } from "node:util";

/** The common members of the messages of both channels. */
interface AttemptMessage {
    /** The HTTP method. */
    method: string;
    /**
     * `/apiKeys` or `/apiKeys/{apiKeyId}`. `(any)` for every other path, because another path may contain confidential
     * data.
     */
    path: string;
    /** The number of the HTTP request within its call. The first request has the number 1. */
    attempt: number;
    /** The duration of the attempt, in milliseconds. */
    duration: number;
}

/** A message of the channel `codat-keys:attempt:response`. */
export interface AttemptResponseMessage extends AttemptMessage {
    /** The HTTP status of the response. */
    status: number;
    /** The correlation id of an error response. `null` if the response has none. */
    correlationId: string | null;
}

/** A message of the channel `codat-keys:attempt:error`. */
export interface AttemptErrorMessage extends AttemptMessage {
    /** The code of the error, such as `connect` or `timeout`. */
    code: string;
    /** Whether Codat may have received the request. */
    sent: boolean;
}

/** The data of an attempt, from the native module. */
export interface Attempt extends AttemptMessage {
    status: number | null;
    correlationId: string | null;
    code: string | null;
    sent: boolean | null;
}

const responses = channel("codat-keys:attempt:response");
const errors = channel("codat-keys:attempt:error");
const log = debuglog("codat-keys");

/**
 * Returns a function that publishes the attempts of a call. The returned function runs in the asynchronous context in
 * which `observer` was called. Returns `undefined` if no tool subscribes to the messages. In this case, the native
 * module records no attempts.
 */
export function observer(): ((attempt: Attempt) => void) | undefined {
    return responses.hasSubscribers || errors.hasSubscribers || log.enabled ? AsyncResource.bind(publish) : undefined;
}

function publish({ status, correlationId, code, sent, ...attempt }: Attempt): void {
    const { method, path, attempt: number, duration } = attempt;
    if (code === null) {
        log(
            "%s %s, attempt %d: status %d in %d ms%s",
            method,
            path,
            number,
            status,
            duration,
            identified(correlationId),
        );
        responses.publish({ ...attempt, status, correlationId });
    } else {
        const sending = sent ? "the request may have been sent" : "nothing was sent";
        log("%s %s, attempt %d: error %s in %d ms, %s", method, path, number, code, duration, sending);
        errors.publish({ ...attempt, code, sent });
    }
}

function identified(correlationId: string | null): string {
    return correlationId === null ? "" : `, correlation id ${correlationId}`;
}
