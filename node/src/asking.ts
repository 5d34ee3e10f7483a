/** The function that gives a key, as a call asks it. */
import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import { types } from "node:util";

import { kind } from "./arguments";
import type { ApiKey, AuthorizationHeader } from "./secrets";

/** A raw key, or a whole header. */
export type Key = ApiKey | AuthorizationHeader | string;

/** Gives the key of this time. */
export type KeyFunction = () => Key | PromiseLike<Key>;

/** What is said of a question: a text that holds the key, or why there is none, and what was thrown. */
export interface Answers {
    answer(question: number, text: string): void;
    fail(question: number, why: string, thrown?: { reason: unknown }): void;
}

/** A function as long as it is asked. What it has begun may go on, and call as it likes. */
interface Asked {
    provide: KeyFunction | undefined;
}

/** Those that are asked here, the innermost last. */
const asked = new AsyncLocalStorage<readonly Asked[]>();

/** How a call asks, in the context of who makes it. Not for the function itself, which would wait for itself. */
export function asking(provide: KeyFunction, answers: Answers): (question: number) => void {
    if (asked.getStore()?.some((one) => one.provide === provide)) {
        throw new Error(
            "the function given as apiKey made a call with the client that asks it for the key: use another client there",
        );
    }
    return AsyncResource.bind((question: number) => void ask(provide, answers, question));
}

async function ask(provide: KeyFunction, answers: Answers, question: number): Promise<void> {
    const one: Asked = { provide };
    const outer = asked.getStore()?.filter(({ provide }) => provide !== undefined) ?? [];
    let returned: any;
    try {
        returned = await asked.run([...outer, one], provide);
    } catch (reason) {
        const name = types.isNativeError(reason) || reason instanceof Error ? reason.name : kind(reason);
        return answers.fail(question, `it threw ${name}`, { reason });
    } finally {
        one.provide = undefined;
    }
    const text: unknown = typeof returned?.exposeSecret === "function" ? returned.exposeSecret() : returned;
    if (typeof text !== "string") {
        const why = `it returned ${kind(returned)}; return the key as a string, an ApiKey or an AuthorizationHeader`;
        return answers.fail(question, why);
    }
    answers.answer(question, text);
}
