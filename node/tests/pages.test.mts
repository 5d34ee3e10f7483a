// Reading pages and their results, and the size of responses.
import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, InvalidInputError, ServerError, TimeoutError, TooLargeError } from "codat-keys";
import { emulated } from "./support.mjs";

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
        for (const maxResponseBytes of [0, -1]) {
            assert.throws(() => new Client({ baseUrl, apiKey, maxResponseBytes }), InvalidInputError);
            await assert.rejects(client.request("GET", url, { maxResponseBytes }), InvalidInputError);
            await assert.rejects(client.pages(path, { maxResponseBytes }).next(), InvalidInputError);
        }
    }));
