// What a program learns of the attempts of its calls, and what it never learns.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import diagnostics from "node:diagnostics_channel";
import { test } from "node:test";

import {
    type AttemptErrorMessage,
    type AttemptResponseMessage,
    Client,
    ConnectError,
    UnauthorizedError,
    encode,
} from "codat-keys";
import { Emulator } from "codat-keys/testing";
import { emulated, ended, start, until } from "./support.mjs";

const CHANNELS = ["codat-keys:attempt:response", "codat-keys:attempt:error"];
const CANARY = "CanaryKeyMadeUpForThisTest00000000000Zq7";

/** Runs with a list of all messages that are published meanwhile: name of the channel, then message. */
async function observed(run: (messages: [string, any][]) => Promise<void>): Promise<void> {
    const messages: [string, any][] = [];
    const receive = (message: unknown, name: string | symbol) => void messages.push([String(name), message]);
    CHANNELS.forEach((name) => diagnostics.subscribe(name, receive));
    try {
        await run(messages);
    } finally {
        CHANNELS.forEach((name) => diagnostics.unsubscribe(name, receive));
    }
}

/** The messages without their durations. */
function untimed(messages: [string, any][]): [string, any][] {
    return messages.map(([name, { duration, ...message }]) => {
        assert.ok(Number.isSafeInteger(duration) && duration >= 0, `a duration of ${duration} ms`);
        return [name.replace("codat-keys:attempt:", ""), message];
    });
}

const LIST = { method: "GET", path: "/apiKeys" };
const LISTED = { ...LIST, status: 200, correlationId: null };

test("an attempt is published before its call ends", () =>
    emulated([], (_, client) =>
        observed(async (messages) => {
            const count = await client.keys.list().then(() => messages.length);
            assert.equal(count, 1);
            assert.deepEqual(untimed(messages), [["response", { ...LISTED, attempt: 1 }]]);
        }),
    ));

test("the attempts for pages that are requested together are published with their numbers", () =>
    emulated([], (emulator, client) =>
        observed(async (messages) => {
            const pages = client.pages("/companies", { pageSize: 1, concurrency: 4 });
            await pages.next();
            await emulator.setFaults([
                { method: "GET", path: "/companies", fault: "delay-before", milliseconds: 300 },
                { method: "GET", path: "/companies", fault: "drop-before" },
            ]);
            await pages.next();
            const found = untimed(messages.slice(1));
            // The dropped request is the first to end, and the delayed one the last.
            assert.deepEqual(found.map(([name]) => name).sort(), [
                "error",
                "response",
                "response",
                "response",
                "response",
            ]);
            assert.deepEqual(found.map(([, { attempt }]) => attempt).sort(), [1, 2, 3, 4, 5]);
            assert.ok(found.every(([, { method, path }]) => method === "GET" && path === "(any)"));
            assert.notEqual(found.find(([name]) => name === "error")![1].attempt, 5);
        }),
    ));

test("each attempt of a call is published with its number, and each call begins at 1", () =>
    emulated([{ ...LIST, fault: "drop-after" }], (_, client) =>
        observed(async (messages) => {
            await client.keys.list();
            await client.keys.list();
            assert.deepEqual(untimed(messages), [
                ["error", { ...LIST, attempt: 1, code: "connect", sent: true }],
                ["response", { ...LISTED, attempt: 2 }],
                ["response", { ...LISTED, attempt: 1 }],
            ]);
        }),
    ));

test("an attempt whose key is rejected is published with its correlation id", () =>
    emulated([], (emulator) =>
        observed(async (messages) => {
            const keys = ["MadeUpKeyThatWasReplaced", emulator.apiKey];
            const client = new Client({ baseUrl: emulator.baseUrl, apiKey: () => keys.shift()! });
            await client.keys.list();
            const [[, { correlationId }]] = messages as [[string, AttemptResponseMessage]];
            assert.match(correlationId!, /^[\da-f-]{20,}$/);
            assert.deepEqual(untimed(messages), [
                ["response", { ...LIST, attempt: 1, status: 401, correlationId }],
                ["response", { ...LISTED, attempt: 2 }],
            ]);
        }),
    ));

test("the correlation id is that of the error", () =>
    emulated([], (emulator) =>
        observed(async (messages) => {
            const client = new Client({ baseUrl: emulator.baseUrl, apiKey: "MadeUpKeyThatIsNotInUse" });
            const error: UnauthorizedError = await client.keys.list().then(
                () => assert.fail("a rejected key"),
                (error) => error,
            );
            assert.equal((messages[0]![1] as AttemptResponseMessage).correlationId, error.correlationId);
        }),
    ));

test("an attempt without a connection is published with the code of its error", () =>
    observed(async (messages) => {
        const client = new Client({ baseUrl: "http://127.0.0.1:1", apiKey: "MadeUpKey", retry: false });
        await assert.rejects(client.pages("/companies").next(), ConnectError);
        const message: Omit<AttemptErrorMessage, "duration"> = {
            method: "GET",
            path: "(any)",
            attempt: 1,
            code: ConnectError.code,
            sent: false,
        };
        assert.deepEqual(untimed(messages), [["error", message]]);
    }));

test("a call that starts without an observer publishes no attempts", () =>
    emulated([{ ...LIST, fault: "delay-before", milliseconds: 1000 }], async (emulator, client) => {
        const list = client.keys.list();
        await until((journal) => journal.length === 1, emulator);
        await observed(async (messages) => {
            await list;
            assert.deepEqual(messages, []);
        });
    }));

test("a subscriber runs in the asynchronous context of the call", () =>
    emulated([], async (_, client) => {
        const context = new AsyncLocalStorage<string>();
        const contexts: unknown[] = [];
        const receive = (): void => void contexts.push(context.getStore());
        diagnostics.subscribe(CHANNELS[0]!, receive);
        await Promise.all(["one", "two"].map((name) => context.run(name, () => client.keys.list())));
        diagnostics.unsubscribe(CHANNELS[0]!, receive);
        assert.deepEqual(contexts.sort(), ["one", "two"]);
    }));

/** Sends the canary key in every place of a request, and has it come back. */
const SHOWS_ALL = `
    const options = { query: { key: "${CANARY}" }, headers: { "x-key": "${CANARY}" }, json: "${CANARY}" };
    await client.request("PUT", "/companies/${CANARY}", options).catch(() => {});
    await client.keys.get("${CANARY}").catch(() => {});
    await client.keys.delete("${CANARY}").catch(() => {});
    await client.pages("/companies?key=${CANARY}").next().catch(() => {});
    await client.keys.list();
`;
const ECHO = { fault: "status", status: 400, body: { error: CANARY, correlationId: CANARY } };

test("no message and no line contains a key, a header or a query", async () => {
    await using emulator = new Emulator();
    await emulator.setState({ keys: [{ id: "a", apiKey: CANARY }] });
    await emulator.setFaults([ECHO, { fault: "drop-after" }]);
    const program = `
        import diagnostics from "node:diagnostics_channel";
        import { inspect } from "node:util";
        for (const name of ${JSON.stringify(CHANNELS)}) {
            diagnostics.subscribe(name, (message) => console.log(inspect(message, { showHidden: true })));
        }
        ${SHOWS_ALL}
    `;
    const environment = { ...emulator.environment, CODAT_API_KEY: CANARY, NODE_DEBUG: "codat-keys" };
    const { code, said, complained } = await ended(start(program, { environment }));
    assert.equal(code, 0, complained);
    assert.match(said, /status: 400/);
    assert.match(said, /sent: true/);
    assert.match(complained, /status 400/);
    for (const secret of [CANARY, encode(CANARY).slice("Basic ".length, -2), "x-key", "?"]) {
        assert.ok(!(said + complained).includes(secret), said + complained);
    }
});

test("NODE_DEBUG=codat-keys prints each attempt", () =>
    emulated([{ ...LIST, fault: "drop-after" }], async (emulator) => {
        const environment = { ...emulator.environment, NODE_DEBUG: "codat-keys" };
        const program = `await client.keys.list(); await client.keys.get("x").catch(() => {})`;
        const { code, said, complained } = await ended(start(program, { environment }));
        assert.deepEqual({ code, said }, { code: 0, said: "" });
        assert.deepEqual(
            complained
                .replace(/ in \d+ ms/g, " in … ms")
                .replace(/(?<=CODAT-KEYS )\d+/g, "…")
                .split("\n"),
            [
                "CODAT-KEYS …: GET /apiKeys, attempt 1: error connect in … ms, the request may have been sent",
                "CODAT-KEYS …: GET /apiKeys, attempt 2: status 200 in … ms",
                "CODAT-KEYS …: GET /apiKeys, attempt 1: status 200 in … ms",
                "",
            ],
        );
    }));

test("each worker observes its own calls", () =>
    emulated([], async (emulator) => {
        const work = `
            const { parentPort } = require("node:worker_threads");
            const diagnostics = require("node:diagnostics_channel");
            const { Client } = require("codat-keys");
            diagnostics.subscribe("codat-keys:attempt:response", ({ status }) => parentPort.postMessage(status));
            new Client().keys.list();
        `;
        const program = `
            import diagnostics from "node:diagnostics_channel";
            import { once } from "node:events";
            import { Worker } from "node:worker_threads";
            diagnostics.subscribe("codat-keys:attempt:response", () => console.log("main"));
            const worker = new Worker(${JSON.stringify(work)}, { eval: true, execArgv: [] });
            worker.on("message", (status) => console.log("worker", status));
            await once(worker, "exit");
            await client.keys.list();
        `;
        const child = await ended(start(program, emulator));
        assert.deepEqual(child, { code: 0, said: "worker 200\nmain\n", complained: "" });
    }));

test("an exception of a subscriber takes no result along", () =>
    emulated([], async (emulator) => {
        const program = `
            import diagnostics from "node:diagnostics_channel";
            process.on("uncaughtException", ({ message }) => console.log(message));
            diagnostics.subscribe("codat-keys:attempt:response", () => { throw new Error("mine"); });
            console.log((await client.keys.list()).length);
        `;
        const { code, said, complained } = await ended(start(program, emulator));
        assert.deepEqual(
            { code, complained, said: said.split("\n").sort() },
            { code: 0, complained: "", said: ["", "1", "mine"] },
        );
    }));
