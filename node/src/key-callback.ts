/** Runs the key callback when a call needs the API key. The key callback is the function that was given as `apiKey`. */
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { types } from "node:util";

import { kind } from "./arguments";
import type { ApiKey, AuthorizationHeader } from "./secrets";

/** An API key, or the value of an `Authorization` header. */
export type Key = ApiKey | AuthorizationHeader | string;

/** A function that returns the current API key. */
export type KeyFunction = () => Key | PromiseLike<Key>;

/**
 * Receives the result of each run of a key callback: the returned text, or the reason why the callback returned no API
 * key. Each run has a number, which is passed as `request`.
 */
export interface Results {
    complete(request: number, text: string | null): void;
    /**
     * `thrown` contains the value that the key callback threw. `thrown` is `undefined` if the key callback threw
     * nothing.
     */
    fail(request: number, why: string, thrown?: { reason: unknown }): void;
}

/**
 * A run of a key callback. `provide` is the callback, or `undefined` after the callback has ended. The callback cannot
 * make a call with its own client, because the call and the callback would wait for each other. Tasks that the callback
 * started can make such calls after the callback has ended.
 */
interface Running {
    provide: KeyFunction | undefined;
}

/** The key callbacks that are running in this asynchronous context, in the order in which they started. */
const running = new AsyncLocalStorage<readonly Running[]>();

/**
 * Returns a function that runs the key callback in the asynchronous context of the current call. `bindCallback` throws
 * if the key callback itself made the current call, because the call and the callback would wait for each other.
 */
export function bindCallback(provide: KeyFunction, results: Results): (request: number) => void {
    if (running.getStore()?.some((one) => one.provide === provide)) {
        throw new Error(
            "the function given as apiKey made a call with the client that asks it for the key: use another client there",
        );
    }
    return AsyncResource.bind((request: number) => void run(provide, results, request));
}

/** Runs the key callback, and passes its result to `results`. */
async function run(provide: KeyFunction, results: Results, request: number): Promise<void> {
    const one: Running = { provide };
    const outer = running.getStore()?.filter(({ provide }) => provide !== undefined) ?? [];
    let returned: any;
    let text: unknown;
    try {
        returned = await running.run([...outer, one], provide);
        text = secretOf(returned);
    } catch (reason) {
        return results.fail(request, `it threw ${thrownKind(reason)}`, { reason });
    } finally {
        one.provide = undefined;
    }
    if (typeof text !== "string") {
        const why = `it returned ${kind(returned)}; return the key as a string, an ApiKey or an AuthorizationHeader`;
        return results.fail(request, why);
    }
    results.complete(request, text);
}

/**
 * Returns the text of an API key or header that a function returned. Returns any other value unchanged. If the method
 * `exposeSecret` throws, this function throws the same value.
 */
export function secretOf(returned: any): unknown {
    return typeof returned?.exposeSecret === "function" ? returned.exposeSecret() : returned;
}

/**
 * Returns the name of a thrown error. For a thrown value that is not an error, returns its type. The result does not
 * contain the value. This function never throws, because no call would receive the exception.
 */
export function thrownKind(reason: unknown): string {
    try {
        const name = types.isNativeError(reason) || reason instanceof Error ? reason.name : undefined;
        if (typeof name === "string") return name;
    } catch {
        // The error has a getter or a proxy that throws.
    }
    return kind(reason);
}
