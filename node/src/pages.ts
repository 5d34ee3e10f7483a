/** Iteration over the pages of a paginated list, and over the results of all pages. */
import type { NativeResponse, PageCursor } from "./native";
import type { Completion } from "./pending-calls";
import { callNative } from "./raise";
import { Page, Response } from "./responses";

/**
 * The pages of a paginated list, as an async iterator. Returned by `Client.pages`. `T` is the type of a result.
 *
 * After an error, the iterator can request the same page again. An async generator could not do this, because a
 * generator ends with its first error.
 */
export class Pages<T = unknown> implements AsyncIterableIterator<Page<T>> {
    readonly #request: () => Promise<Completion<NativeResponse>>;
    readonly #cursor: PageCursor;
    #left = false;

    /** @internal */
    constructor(cursor: PageCursor, request: () => Promise<Completion<NativeResponse>>) {
        this.#cursor = cursor;
        this.#request = request;
    }

    /**
     * Whether results can be doubled or missing on the pages. This is the case if
     * - two consecutive pages reported different total numbers of results,
     * - or a page has another number of results than the page before it, except for a last page with fewer results,
     * - or the number of results on all pages differs from the total that the last page reports.
     *
     * Codat numbers pages by the position of their results and keeps no snapshot. When results are added or removed
     * during the iteration, the results after them move. A result can then be on two pages or on none, so it can be
     * doubled or missing. Added results move no other results if the order puts new results at the end, as `created`
     * does for companies. Changes that leave the total the same are not detected.
     *
     * With a `concurrency` of more than 1, a page can be older than the page before it. If these two pages report
     * different totals, the second of them and all pages after it are requested again.
     */
    get totalChanged(): boolean {
        return this.#cursor.totalChanged();
    }

    /**
     * Returns an iterator over the results of the remaining pages, one result at a time. The next page is requested
     * after the last result of a page. After an error, `next()` requests the failed page again.
     *
     * ```ts
     * for await (const company of client.pages<Company>("/companies").items()) {
     *     console.log(company.name);
     * }
     * ```
     */
    items(): AsyncIterableIterator<T> {
        return new Items(this);
    }

    /** Requests the next page. After an error, requests the same page again. */
    async next(): Promise<IteratorResult<Page<T>, undefined>> {
        while (!this.#left) {
            const { attachment } = await this.#request();
            if (attachment === undefined) {
                break;
            }
            const value = this.#parse(attachment);
            if (value !== undefined) {
                return { done: false, value };
            }
        }
        return { done: true, value: undefined };
    }

    /** Ends the iteration. JavaScript calls this method when a `for await` loop ends before the last page. */
    async return(): Promise<IteratorResult<Page<T>, undefined>> {
        this.#left = true;
        return { done: true, value: undefined };
    }

    [Symbol.asyncIterator](): this {
        return this;
    }

    /**
     * Parses a page, and tells `#cursor` whether the page can be used. Returns `undefined` if the page is outdated.
     * After an outdated page, or a page that cannot be parsed, the next request is for the same page.
     */
    #parse(native: NativeResponse): Page<T> | undefined {
        const response = new Response(native);
        try {
            const { results, totalResults } = response.json<{ results: T[]; totalResults: number }>();
            if (!Array.isArray(results) || !Number.isSafeInteger(totalResults) || totalResults < 0) {
                throw new SyntaxError("the response is not a page");
            }
            const isAccepted = this.#cursor.accept(results.length, totalResults);
            return isAccepted ? new Page(totalResults, response, results) : undefined;
        } catch (error) {
            callNative(() => this.#cursor.reject(native));
            throw error;
        }
    }
}

/** An iterator over the results of pages. */
class Items<T> implements AsyncIterableIterator<T> {
    readonly #pages: Pages<T>;
    /** The remaining results of the current page. */
    #results: Iterator<T> = [].values();
    /** The running request for the next page. Shared by concurrent calls of `next`, so that no page is skipped. */
    #request: Promise<boolean> | undefined;
    #left = false;

    constructor(pages: Pages<T>) {
        this.#pages = pages;
    }

    async next(): Promise<IteratorResult<T, undefined>> {
        for (;;) {
            const { done, value } = this.#results.next();
            if (!done) {
                return { done, value };
            }
            this.#request ??= this.#nextPage().finally(() => (this.#request = undefined));
            if (!(await this.#request)) {
                return { done: true, value: undefined };
            }
        }
    }

    async return(): Promise<IteratorResult<T, undefined>> {
        this.#left = true;
        this.#results = [].values();
        await this.#pages.return();
        return { done: true, value: undefined };
    }

    [Symbol.asyncIterator](): this {
        return this;
    }

    /** Requests the next page. Resolves to false if there is no next page. */
    async #nextPage(): Promise<boolean> {
        const { done, value } = await this.#pages.next();
        // `return` can be called meanwhile.
        if (done || this.#left) {
            return false;
        }
        this.#results = value.results.values();
        return true;
    }
}
