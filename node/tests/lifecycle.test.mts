// Ends, aborts, workers and copies: what concerns a whole process in a child, judged from outside.
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { ClosedError, OutcomeUnknownError, TimeoutError } from "codat-keys";
import { FOREVER, emulated, ended, start, until, workersComeAndGo } from "./support.mjs";
import { temporaryFolder } from "./temporary.mjs";

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
const closed = (journal: any[]) => journal.length > 0 && journal.every((request) => request.ended === "client-closed");

for (const last of [
    "",
    "await client.close();",
    "client.keys.list(); // and is not awaited",
    "new Client().pages('/companies').next();",
]) {
    test(`a script ends by itself after its last call: ${last}`, () =>
        emulated([], async (emulator) => {
            const child = await ended(start(`console.log((await client.keys.list()).length); ${last}`, emulator));
            assert.deepEqual(child, { code: 0, said: "1\n", complained: "" });
        }));
}

test("a process that waits for a call alone stays until its answer", () =>
    emulated([{ fault: "delay-before", milliseconds: 500 }], async (emulator) => {
        const child = await ended(start("client.keys.list().then((keys) => console.log(keys.length))", emulator));
        assert.deepEqual(child, { code: 0, said: "1\n", complained: "" });
    }));

test("process.exit ends a process with calls in flight", () =>
    emulated(FOREVER, async (emulator) => {
        const program = "for (let i = 0; i < 20; i++) client.keys.list(); setTimeout(() => process.exit(7), 300)";
        assert.deepEqual(await ended(start(program, emulator)), { code: 7, said: "", complained: "" });
    }));

test("an uncaught exception ends it, too", () =>
    emulated(FOREVER, async (emulator) => {
        const child = await ended(
            start("client.keys.list(); setTimeout(() => { throw new RangeError('mine') }, 300)", emulator),
        );
        assert.equal(child.code, 1);
        assert.match(child.complained, /RangeError: mine/);
    }));

test("what is aborted before it begins sends nothing", () =>
    emulated([], async (emulator, client) => {
        const reason = new Error("mine");
        await assert.rejects(client.keys.list({ signal: AbortSignal.abort(reason) }), reason);
        assert.deepEqual(await emulator.journal(), []);
    }));

test("what is aborted closes its connection", () =>
    emulated(FOREVER, async (emulator, client) => {
        const stop = new AbortController();
        const calls = [
            client.keys.list(stop),
            client.whoami(stop),
            client.request("GET", "/profile", stop),
            client.pages("/companies", stop).next(),
        ];
        await until((journal) => journal.length === calls.length, emulator);
        stop.abort();
        for (const call of await Promise.allSettled(calls)) {
            assert.equal(call.status === "rejected" && call.reason, stop.signal.reason);
        }
        await until(closed, emulator);
    }));

test("an abort after the call changes nothing", () =>
    emulated([], async (emulator, client) => {
        const stop = new AbortController();
        await client.keys.list(stop);
        stop.abort();
        await client.keys.list();
        assert.equal((await emulator.journal()).length, 2);
    }));

test("an abort of an ambiguous change rejects with what is known", () =>
    emulated([{ method: "POST", fault: "delay-after", milliseconds: 600_000 }], async (emulator, client) => {
        const stop = new AbortController();
        const call = client.keys.create("ci", stop);
        await until((journal) => journal.length === 2, emulator);
        stop.abort();
        await assert.rejects(
            call,
            (error) =>
                error instanceof OutcomeUnknownError &&
                error.idempotencyKey !== null &&
                error.cause === stop.signal.reason,
        );
    }));

test("one signal serves many calls, without a warning", () =>
    emulated([], async (emulator) => {
        const program =
            "const { signal } = new AbortController(); await Promise.all(Array.from({ length: 64 }, () => client.keys.list({ signal })))";
        assert.deepEqual(await ended(start(program, emulator)), { code: 0, said: "", complained: "" });
    }));

test("a call with a timeout below the connect timeout is sent", () =>
    emulated([], async (_emulator, client) => {
        const { key } = await client.keys.create("invoice-processor", { timeout: 5_000 });
        await client.keys.delete(key.id, { timeout: 5_000 });
        assert.equal((await client.keys.list()).length, 1);
    }));

test("a call has its own time", () =>
    emulated(FOREVER, async (emulator, client) => {
        const begun = Date.now();
        await assert.rejects(client.keys.list({ timeout: 300 }), TimeoutError);
        assert.ok(Date.now() - begun < 10_000, "the client's would be 30 s");
        await until(closed, emulator);
    }));

test("a closed client refuses, and its connections end", () =>
    emulated([], async (_, client) => {
        await client.keys.list();
        await client.close();
        await assert.rejects(client.keys.list(), ClosedError);
    }));

test("sixty-four calls wait at once", () =>
    emulated(FOREVER, async (emulator, client) => {
        const ends = new AbortController();
        const calls = Array.from({ length: 64 }, () => client.keys.list({ signal: ends.signal }));
        const ended = Promise.allSettled(calls);
        // All requests have arrived, and none has been answered.
        await until((journal) => journal.length === 64 && journal.every((request) => !request.ended), emulator);
        ends.abort();
        assert.ok((await ended).every(({ status }) => status === "rejected"));
    }));

test("workers with calls in flight are ended, and the process goes on", () =>
    emulated([], async (emulator) => {
        await emulator.setFaults(FOREVER.map((fault) => ({ ...fault, path: "/apiKeys", count: 64 })));
        const child = start(
            `
        import { createInterface } from "node:readline";
        import { Worker } from "node:worker_threads";
        const works = "import('codat-keys').then(({ Client }) => { const c = new Client(); for (let i = 0; i < 8; i++) c.keys.list().catch(() => {}); })";
        const workers = Array.from({ length: 8 }, () => new Worker(works, { eval: true }));
        const lines = createInterface(process.stdin)[Symbol.asyncIterator]();
        await lines.next();
        await Promise.all(workers.map((worker) => worker.terminate()));
        await lines.next();
        process.stdin.destroy();
        console.log((await client.keys.list()).length);
    `,
            emulator,
        );
        await until((journal) => journal.length === 64, emulator);
        child.stdin!.write("end them\n");
        await until(closed, emulator);
        child.stdin!.write("go on\n");
        assert.deepEqual(await ended(child), { code: 0, said: "1\n", complained: "" });
    }));

test("workers that come and go while they call do not end the process", () =>
    workersComeAndGo(
        "import('codat-keys').then(async ({ Client }) => { const c = new Client(); for (;;) await Promise.all([c.keys.list(), c.keys.list()]); })",
    ));

test("two copies work in one process", () =>
    emulated([], async (emulator) => {
        const copies = [1, 2].map(() => {
            const copy = temporaryFolder();
            for (const part of ["dist", "codat-keys.node", "package.json"])
                cpSync(join(PACKAGE, part), join(copy, part), { recursive: true });
            return JSON.stringify(join(copy, "dist/index.js"));
        });
        const child = start(
            `
        const clients = await Promise.all([${copies}].map((copy) => import(copy).then((copied) => new copied.Client())));
        const found = await Promise.all(clients.concat(client).flatMap((one) => [one.keys.list(), one.whoami()]));
        console.log(found.length, new Set(clients.concat(client).map((one) => one.constructor)).size);
    `,
            emulator,
        );
        assert.deepEqual(await ended(child), { code: 0, said: "6 3\n", complained: "" });
    }));

test("ten thousand clients are made and dropped without growth", () =>
    emulated([], async (emulator) => {
        const child = await ended(
            start(
                `
        const grown = async (clients) => {
            for (let made = 0; made < clients; made++) {
                const client = new Client();
                if (made % 10 === 0) await client.keys.list();
            }
            for (let round = 0; round < 5; round++) {
                gc();
                await new Promise((resolve) => setTimeout(resolve, 20));
            }
            return process.memoryUsage().rss / 1024 / 1024;
        };
        const before = await grown(2000);
        console.log(Math.round(await grown(10_000) - before));
    `,
                emulator,
                "--expose-gc",
            ),
        );
        assert.equal(child.code, 0, child.complained);
        assert.ok(Number(child.said) < 32, `${child.said} MiB`);
    }));

test("large answers without a reference are collected", () =>
    emulated([], async (emulator) => {
        const server = createServer((_, answer) => answer.end("x".repeat(4_000_000)));
        await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
        const { port } = server.address() as AddressInfo;
        const program = `
            const large = new Client({ baseUrl: "http://127.0.0.1:${port}" });
            for (let i = 0; i < 400; i++) await large.request("GET", "/x");
            console.log(Math.round(process.memoryUsage().rss / 1e6));
        `;
        const { code, said } = await ended(start(program, emulator));
        server.close();
        assert.equal(code, 0);
        assert.ok(Number(said) < 400, `${said} of 1600 MB`);
    }));

for (const fault of ["empty", "html", "garbage", "truncated", "endless"]) {
    test(`a malformed answer rejects, and the process goes on: ${fault}`, () =>
        emulated([{ fault }], async (emulator) => {
            const child = await ended(
                start(
                    `
            const { code } = await new Client({ retry: false }).keys.list().catch((error) => error);
            console.log(code, (await client.keys.list()).length);
        `,
                    emulator,
                ),
            );
            assert.match(child.said, /^(bad_response|connect|too_large) 1\n$/);
            assert.equal(child.code, 0);
        }));
}

test("the stack of an error names the line that waits", () =>
    emulated([], async (_, client) => {
        const waits = async () => {
            await client.keys.get("none");
        };
        await assert.rejects(waits(), (error: Error) => /at async waits .*lifecycle\.test/.test(error.stack!));
    }));
