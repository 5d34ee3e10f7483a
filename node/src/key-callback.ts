/** Runs the key callback, which is the function given as `apiKey`, when a call needs the key. */
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { types } from "node:util";

import { kind } from "./arguments";
import type { ApiKey, AuthorizationHeader } from "./secrets";

/** An API key, or the value of an `Authorization` header. */
export type Key = ApiKey | AuthorizationHeader | string;

/** A function that returns the current key. */
export type KeyFunction = () => Key | PromiseLike<Key>;

/**
 * Receives the result of a key callback: the text that the callback returned, or the reason why there is no key.
 * `request` is the number of the request to run the callback.
 */
export interface Results {
    complete(request: number, text: string): void;
    /** `thrown` contains the thrown value if the key callback threw one. */
    fail(request: number, why: string, thrown?: { reason: unknown }): void;
}

/**
 * A running key callback. A running callback cannot make a call of its own client, which would wait for the callback.
 * `provide` becomes `undefined` when the callback ends, because tasks that the callback has started can make such calls
 * from then on.
 */
interface Running {
    provide: KeyFunction | undefined;
}

/** The key callbacks that are running in this asynchronous context. The innermost callback is the last. */
const running = new AsyncLocalStorage<readonly Running[]>();

/**
 * Binds the key callback to the asynchronous context of a call. Throws if the callback itself makes the call, because
 * the call would wait for the callback.
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
    try {
        returned = await running.run([...outer, one], provide);
    } catch (reason) {
        const name = types.isNativeError(reason) || reason instanceof Error ? reason.name : kind(reason);
        return results.fail(request, `it threw ${name}`, { reason });
    } finally {
        one.provide = undefined;
    }
    const text: unknown = typeof returned?.exposeSecret === "function" ? returned.exposeSecret() : returned;
    if (typeof text !== "string") {
        const why = `it returned ${kind(returned)}; return the key as a string, an ApiKey or an AuthorizationHeader`;
        return results.fail(request, why);
    }
    results.complete(request, text);
}
