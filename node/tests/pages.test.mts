// Reading pages and their results, and the size of responses.
import assert from "node:assert/strict";
import { test } from "node:test";

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";

import {
    BadResponseError,
    Client,
    type ClientOptions,
    CodatError,
    InvalidInputError,
    type PagesOptions,
    ServerError,
    TimeoutError,
    TooLargeError,
} from "codat-keys";
import fc from "fast-check";
import { FOREVER, emulated, until, workersComeAndGo } from "./support.mjs";

/**
 * How the test server below answers: with a status, after so many requests are under way, after a time in ms, and with
 * another body than the page.
 */
interface Answer {
    status?: number;
    together?: number;
    wait?: number;
    body?: Uint8Array | string;
}

/**
 * A server of 20 results, which are the numbers up to 20. `answer` decides how each request for a page is answered.
 * `most` is the largest number of requests that were under way at once.
 */
async function paged(
    answer: (page: number, attempt: number) => Answer,
    run: (
        pages: (options: PagesOptions & ClientOptions) => ReturnType<Client["pages"]>,
        seen: { requests: number[]; underWay: number; most: number },
    ) => Promise<void>,
): Promise<void> {
    const seen = { requests: [] as number[], underWay: 0, most: 0 };
    const server = createServer(async (request, response) => {
        const { searchParams } = new URL(request.url!, "http://localhost");
        const [page, size] = [Number(searchParams.get("page")), Number(searchParams.get("pageSize"))];
        seen.requests.push(page);
        seen.most = Math.max(seen.most, (seen.underWay += 1));
        const attempt = seen.requests.filter((one) => one === page).length;
        const { status = 200, together = 1, wait = 0, body } = answer(page, attempt);
        while (seen.most < together) await setTimeout(1);
        await setTimeout(wait);
        seen.underWay -= 1;
        const results = upTo(20).slice((page - 1) * size, page * size);
        const page20 = status === 200 ? JSON.stringify({ results, totalResults: 20 }) : "{}";
        response.writeHead(status).end(body ?? page20);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
        await run(({ retry, ...options }) => {
            const client = new Client({ baseUrl, apiKey: "MadeUpKeyOfThePages00000000000000000000", retry });
            return client.pages("/numbers", options);
        }, seen);
    } finally {
        server.close();
    }
}

/** The numbers from 1 to this one. */
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

test("pagination resumes after an error and a time-out", () =>
    emulated([], async (emulator) => {
        const client = new Client({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey, retry: false });
        const path = { method: "GET", path: "/companies" };
        await emulator.setFaults([
            { ...path, fault: "status", status: 503 },
            { ...path, fault: "delay-before", milliseconds: 600_000 },
        ]);
        const pages = client.pages("/companies", { pageSize: 2, timeout: 300 });
        await assert.rejects(pages.next(), ServerError);
        await assert.rejects(pages.next(), TimeoutError);
        const sizes = [];
        for await (const page of pages) sizes.push(page.results.length);
        assert.deepEqual(sizes, [2, 2, 1]);
        assert.deepEqual(await pages.next(), { done: true, value: undefined });
    }));

test("an iteration that ends early requests no more pages", () =>
    emulated([], async (emulator, client) => {
        const pages = client.pages("/companies", { pageSize: 2 });
        for await (const _ of pages) break;
        assert.deepEqual(await pages.next(), { done: true, value: undefined });
        assert.equal((await emulator.journal()).length, 1);
    }));

test("the results of all pages come one at a time, in order", () =>
    emulated([], async (emulator, client) => {
        const names = [];
        for await (const { name } of client.pages<{ name: string }>("/companies", { pageSize: 2 }).items()) {
            names.push(name);
            assert.equal((await emulator.journal()).length, Math.ceil(names.length / 2));
        }
        assert.deepEqual(
            names,
            [1, 2, 3, 4, 5].map((number) => `Example Company 0000${number}`),
        );
    }));

test("results that are requested at once are all different", () =>
    emulated([], async (_, client) => {
        const items = client.pages<{ id: string }>("/companies", { pageSize: 2 }).items();
        const results = await Promise.all(Array.from({ length: 7 }, () => items.next()));
        assert.equal(new Set(results.map(({ value }) => value?.id)).size, 5 + 1);
    }));

test("the iteration over results resumes after an error, and requests nothing after its end", () =>
    emulated([], async (emulator) => {
        const client = new Client({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey, retry: false });
        const items = client.pages("/companies", { pageSize: 2 }).items();
        await items.next();
        await items.next();
        await emulator.setFaults([{ method: "GET", path: "/companies", fault: "status", status: 503 }]);
        await assert.rejects(items.next(), ServerError);
        for await (const _ of items) break;
        assert.deepEqual(await items.next(), { done: true, value: undefined });
        assert.equal((await emulator.journal()).filter(({ path }) => path === "/companies").length, 3);
    }));

test("a page of 5,000 invoices is read, and a lower limit rejects it", () =>
    emulated([], async (emulator) => {
        const { baseUrl, apiKey } = emulator;
        // Without optimization and on a busy machine, the emulator generates this page in more than 10 s.
        const client = new Client({ baseUrl, apiKey, timeout: 120_000 });
        await emulator.setState({ invoices: 5000 });
        const [company] = (await client.pages<{ id: string }>("/companies").next()).value!.results;
        const path = `/companies/${company!.id}/data/invoices`;
        const { value } = await client.pages(path, { pageSize: 5000 }).next();
        assert.equal(value!.results.length, 5000);
        assert.ok(value!.response.content.length > 8 * 1024 * 1024);

        const limited = new Client({ baseUrl, apiKey, maxResponseBytes: 1000 });
        const url = `${path}?pageSize=10`;
        for (const call of [
            () => limited.request("GET", url),
            () => limited.pages(path, { pageSize: 10 }).next(),
            () => client.request("GET", url, { maxResponseBytes: 1000 }),
            () => client.pages(path, { pageSize: 10, maxResponseBytes: 1000 }).next(),
        ]) {
            await assert.rejects(call, (error) => error instanceof TooLargeError && /1000|1,000/.test(error.message));
        }
        await limited.request("GET", url, { maxResponseBytes: Number.MAX_SAFE_INTEGER });
        for (const [maxResponseBytes, message] of [
            [1.5, /'maxResponseBytes' must be a whole number/],
            [NaN, /'maxResponseBytes' must be a whole number/],
            [2 ** 70, /'maxResponseBytes' is out of range/],
        ] as const) {
            assert.throws(() => new Client({ baseUrl, apiKey, maxResponseBytes }), { name: "TypeError", message });
        }
        for (const maxResponseBytes of [0, -1]) {
            assert.throws(
                () => new Client({ baseUrl, apiKey, maxResponseBytes }),
                (error) => error instanceof InvalidInputError && /is less than 1/.test(error.message),
            );
            await assert.rejects(client.request("GET", url, { maxResponseBytes }), InvalidInputError);
            await assert.rejects(client.pages(path, { maxResponseBytes }).next(), InvalidInputError);
        }
    }));

test("pages that are requested together come in order, and no more than asked for", () =>
    // The later a page, the earlier its answer.
    paged(
        (page) => ({ together: page === 1 ? 1 : 4, wait: 40 - page * 2 }),
        async (pages, seen) => {
            const found = [];
            for await (const page of pages({ pageSize: 1, concurrency: 4 })) {
                found.push(...page.results);
                if (found.length === 1) assert.deepEqual(seen.requests, [1], "the first page is requested alone");
            }
            assert.deepEqual(found, upTo(20));
            assert.deepEqual(
                [...seen.requests].sort((a, b) => a - b),
                upTo(20),
            );
            assert.equal(seen.most, 4);
        },
    ));

test("by default, one page is requested at a time", () =>
    paged(
        () => ({}),
        async (pages, seen) => {
            const items = pages({ pageSize: 3 }).items();
            const found = [];
            for await (const item of items) found.push(item);
            assert.deepEqual([found, seen.requests, seen.most], [upTo(20), upTo(7), 1]);
        },
    ));

test("an error comes in place of its page, and the iteration goes on from there", () =>
    paged(
        (page, attempt) => (page === 3 && attempt === 1 ? { status: 503 } : {}),
        async (pages, seen) => {
            const one = pages({ pageSize: 4, concurrency: 5, retry: false });
            const found: unknown[] = [];
            const next = async () => found.push(...(await one.next()).value!.results);
            await next();
            await next();
            await assert.rejects(next(), ServerError);
            assert.deepEqual(found, upTo(8));
            for (let page = 3; page <= 5; page++) await next();
            assert.deepEqual(await one.next(), { done: true, value: undefined });
            assert.deepEqual(found, upTo(20));
            // Pages 4 and 5 were kept.
            assert.deepEqual([...seen.requests].sort(), [1, 2, 3, 3, 4, 5]);
        },
    ));

test("after a 429, half as many pages are requested together for a while", () =>
    paged(
        (page, attempt) => ({
            status: page === 2 && attempt === 1 ? 429 : 200,
            together: page === 1 || page > 9 ? 1 : 8,
            wait: 10,
        }),
        async (pages, seen) => {
            const found: unknown[] = [];
            const one = pages({ pageSize: 1, concurrency: 8 });
            await one.next();
            for (let page = 2; page <= 9; page++) found.push(...(await one.next()).value!.results);
            assert.equal(seen.most, 8);
            seen.most = 0;
            found.push(...(await one.next()).value!.results);
            assert.ok(seen.most <= 4, `${seen.most} at once`);
            for await (const { results } of one) found.push(...results);
            assert.deepEqual(found, upTo(20).slice(1));
        },
    ));

test("each result comes exactly once and in order, whatever is lost on the way", () =>
    emulated([], async (emulator) => {
        const client = new Client({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey, retry: false });
        const fault = fc.constantFrom<object>(
            { fault: "status", status: 503 },
            { fault: "status", status: 429 },
            { fault: "drop-before" },
            { fault: "drop-after" },
            { fault: "truncated" },
            { fault: "delay-before", milliseconds: 20 },
            { fault: "empty" },
        );
        const iteration = fc.record({
            companies: fc.integer({ min: 0, max: 40 }),
            pageSize: fc.integer({ min: 1, max: 9 }),
            concurrency: fc.integer({ min: 1, max: 9 }),
            // `skip` requests succeed before each fault.
            faults: fc.array(fc.tuple(fault, fc.integer({ min: 0, max: 3 })), { maxLength: 8 }),
        });
        await fc.assert(
            fc.asyncProperty(iteration, async ({ companies, faults, ...options }) => {
                await emulator.setState({ companies });
                await emulator.setFaults(
                    faults.map(([fault, skip]) => ({ method: "GET", path: "/companies", skip, ...fault })),
                );
                const pages = client.pages<{ name: string }>("/companies", options);
                const found: number[] = [];
                for (let calls = 0, done = false; !done; calls++) {
                    assert.ok(calls < 100, "the iteration does not end");
                    try {
                        const { value } = await pages.next();
                        done = value === undefined;
                        found.push(...(value?.results ?? []).map(({ name }) => Number(name.slice(-5))));
                    } catch (error) {
                        assert.ok(error instanceof CodatError);
                    }
                }
                assert.deepEqual(found, upTo(companies));
                assert.equal(pages.totalChanged, false);
            }),
            { numRuns: 60 },
        );
    }));

test("a total that changes meanwhile is reported, and results added at the end come once", () =>
    emulated([], async (emulator, client) => {
        for (const concurrency of [1, 4]) {
            await emulator.setState({ companies: 12 });
            const pages = client.pages<{ name: string }>("/companies", { pageSize: 2, concurrency });
            const found = [...(await pages.next()).value!.results, ...(await pages.next()).value!.results];
            assert.equal(pages.totalChanged, false);
            await emulator.setState({ companies: 20 });
            for await (const { results } of pages) found.push(...results);
            assert.equal(pages.totalChanged, true);
            assert.deepEqual(
                found.map(({ name }) => Number(name.slice(-5))),
                upTo(20),
            );
        }
    }));

const NO_PAGES: [string, string | Uint8Array][] = [
    ["is not UTF-8", Buffer.from('{"results":["\xff"],"totalResults":20}', "latin1")],
    ["is cut off", '{"results":[1,'],
    ["is null", "null"],
    ["is an array", "[]"],
    ["is empty", ""],
    ["has no results", '{"totalResults":20}'],
    ["has an object of results", '{"results":{},"totalResults":20}'],
    ["has no total", '{"results":[]}'],
    ["has a negative total", '{"results":[],"totalResults":-1}'],
    ["has a total with a fraction", '{"results":[],"totalResults":2.5}'],
    ["has a total out of range", '{"results":[],"totalResults":1e999}'],
    ["has a total above 2^53 - 1", '{"results":[],"totalResults":9007199254740992}'],
];
for (const [what, body] of NO_PAGES) {
    test(`a page that ${what} is an error, and is requested again`, () =>
        paged(
            (page, attempt) => (page === 2 && attempt < 3 ? { body } : {}),
            async (pages, { requests }) => {
                for (const concurrency of [1, 4]) {
                    requests.length = 0;
                    const items = pages({ pageSize: 5, concurrency }).items();
                    const found: unknown[] = [];
                    while (found.length < 5) found.push((await items.next()).value);
                    for (let error = 0; error < 2; error++) {
                        await assert.rejects(
                            items.next(),
                            (error) => error instanceof BadResponseError && error.status === 200,
                        );
                    }
                    for await (const item of items) found.push(item);
                    assert.deepEqual(found, upTo(20));
                    assert.equal(requests.filter((page) => page === 2).length, 3);
                }
            },
        ));
}

test("the largest total, and one that is written as a decimal", () =>
    paged(
        (page) => ({
            body: page < 3 ? `{"results":[${page}],"totalResults":${page === 1 ? "9007199254740991" : "2.0"}}` : "",
        }),
        async (pages) => {
            const all = pages({ pageSize: 1 });
            assert.equal((await all.next()).value!.totalResults, Number.MAX_SAFE_INTEGER);
            assert.equal((await all.next()).value!.totalResults, 2);
            assert.deepEqual([(await all.next()).done, all.totalChanged], [true, true]);
        },
    ));

test("consumers that share an iteration get each page once, in order, despite errors", () =>
    paged(
        (page, attempt) => (page % 3 === 0 && attempt === 1 ? { status: 503 } : { wait: page % 2 ? 5 : 0 }),
        async (pages) => {
            for (const concurrency of [1, 3]) {
                const all = pages({ pageSize: 1, concurrency, retry: false });
                const found: unknown[] = [];
                let errors = 0;
                const consume = async () => {
                    for (;;) {
                        try {
                            const { value } = await all.next();
                            if (value === undefined) return;
                            found.push(...value.results);
                        } catch (error) {
                            assert.ok(error instanceof ServerError);
                            errors += 1;
                        }
                    }
                };
                await Promise.all([1, 2, 3, 4, 5].map(consume));
                assert.deepEqual(found, upTo(20));
                if (concurrency === 1) assert.equal(errors, 6);
            }
        },
    ));

test("results after return() are none, also for a page that is being requested", () =>
    paged(
        (page) => ({ wait: page === 2 ? 100 : 0 }),
        async (pages, { requests }) => {
            const items = pages({ pageSize: 2 }).items();
            await items.next();
            await items.next();
            const pending = [items.next(), items.next()];
            await items.return!();
            for (const next of [...pending, items.next(), items.next()]) {
                assert.deepEqual(await next, { done: true, value: undefined });
            }
            assert.deepEqual(requests, [1, 2]);
        },
    ));

test("an abort at any moment loses no page for another consumer, and leaves no connection", () =>
    emulated([], async (emulator, client) => {
        await emulator.setState({ companies: 40 });
        for (let round = 0; round < 60; round++) {
            await emulator.setFaults([
                {
                    method: "GET",
                    path: "/companies",
                    skip: round % 5,
                    fault: "delay-before",
                    milliseconds: 3,
                    count: 20,
                },
            ]);
            const stop = new AbortController();
            const pages = client.pages<{ id: string }>("/companies", {
                pageSize: 3,
                concurrency: 1 + (round % 4),
                signal: stop.signal,
            });
            const reading = (async () => {
                for await (const _ of pages.items());
            })();
            await setTimeout(round / 4);
            stop.abort(new Error("mine"));
            await reading.catch((error) => assert.equal(error, stop.signal.reason));
        }
        await emulator.setFaults([]);
        await until((journal) => journal.every(({ ended }) => ended !== "running"), emulator);
        assert.equal((await client.keys.list()).length, 1);
    }));

test("workers come and go while they read pages", () =>
    workersComeAndGo(`
        import("codat-keys").then(({ Client }) => {
            const client = new Client();
            const read = async () => {
                for (;;) for await (const _ of client.pages("/companies", { pageSize: 1, concurrency: 3 }).items());
            };
            for (let reader = 0; reader < 4; reader++) read();
        });
    `));

test("pages that do not fit together are reported", async () => {
    const lengths = [2, 3, 1];
    const server = createServer((_, response) => {
        response.end(JSON.stringify({ results: Array(lengths.shift()).fill(1), totalResults: 6 }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
        const { port } = server.address() as AddressInfo;
        await using client = new Client({ baseUrl: `http://127.0.0.1:${port}`, apiKey: "MadeUpKey" });
        const pages = client.pages("/companies", { pageSize: 2 });
        const reported = [];
        for await (const _ of pages) reported.push(pages.totalChanged);
        assert.deepEqual(reported, [false, true, true]);
    } finally {
        server.close();
        server.closeAllConnections();
    }
});

test("a concurrency that is out of range is an error before anything is sent", () =>
    emulated([], async (emulator, client) => {
        for (const concurrency of [0, -1, 65, 2 ** 33, Number.MAX_SAFE_INTEGER]) {
            const pages = client.pages("/companies", { concurrency });
            await assert.rejects(
                pages.next(),
                (error) => error instanceof InvalidInputError && /1 to 64/.test(error.message),
            );
        }
        assert.throws(() => client.pages("/companies", { concurrency: 1.5 }), TypeError);
        assert.throws(() => client.pages("/companies", { concurrency: "8" } as any), TypeError);
        assert.deepEqual(await emulator.journal(), []);
        const { value } = await client.pages("/companies", { concurrency: 64 }).next();
        assert.equal(value!.results.length, 5);
    }));

test("an abort closes the connections of all pages", () =>
    emulated([], async (emulator, client) => {
        const stop = new AbortController();
        const pages = client.pages("/companies", { pageSize: 1, concurrency: 4, signal: stop.signal });
        await pages.next();
        await emulator.setFaults(FOREVER);
        const next = pages.next();
        await until((journal) => journal.length === 5, emulator);
        stop.abort(new Error("mine"));
        await assert.rejects(next, /mine/);
        await until((journal) => journal.slice(1).every(({ ended }) => ended === "client-closed"), emulator);
    }));
