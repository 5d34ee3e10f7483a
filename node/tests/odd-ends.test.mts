// Regression tests: pagination after errors, aborted changes, values that are not JSON, environments of threads.
import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";
import { test } from "node:test";
import { inspect } from "node:util";

import * as codatKeys from "codat-keys";
import { ApiKey, AuthorizationHeader, Client, Creation, InvalidInputError, OutcomeUnknownError } from "codat-keys";
import { BadResponseError, NotFoundError, encode } from "codat-keys";
import { codatAuth as forAxios } from "codat-keys/axios";
import { codatFetch } from "codat-keys/fetch";
import { connect, security } from "codat-keys/official";
import { Emulator } from "codat-keys/testing";
import { codatAuth as forUndici } from "codat-keys/undici";
import { FOREVER, emulated, ended, start, until } from "./support.mjs";

const MADE = [{ method: "POST", fault: "delay-after", milliseconds: 25, count: 100 }];
const anyOf = (value: unknown) => value as any;
/** The thread does nothing else meanwhile. */
const block = (milliseconds: number) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);

for (const turns of [0, 1, 2]) {
    test(`an abort together with the answer loses no key, ${turns} turns later`, () =>
        emulated([], async (_, client) => {
            const stop = new AbortController();
            const call = client.keys.create("ci", stop);
            block(500);
            for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
            stop.abort();
            assert.equal((await call).key.name, "ci");
        }));
}

test("an abort just before the answer loses no key", () =>
    emulated(MADE, async (emulator, client) => {
        for (const wait of [0, 8, 15, 22, 25, 27, 30, 40]) {
            const before = (await emulator.state()).keys.length;
            const signal = AbortSignal.timeout(wait);
            const result: any = await client.keys.create("ci", { signal }).catch((error) => error);
            await setTimeout(60);
            const made = (await emulator.state()).keys.length - before;
            assert.ok(
                result instanceof Creation ||
                    result instanceof OutcomeUnknownError ||
                    (result === signal.reason && made === 0),
                `${result} after ${wait} ms, and ${made} made`,
            );
        }
    }));

test("an aborted ambiguous deletion has an unknown outcome, and the reason is unchanged", () =>
    emulated([{ method: "DELETE", fault: "delay-after", milliseconds: 600_000 }], async (emulator, client) => {
        const { key } = await client.keys.create("ci");
        const stop = new AbortController();
        const reason = Object.freeze(Object.assign(new Error("mine"), { cause: "of mine" }));
        const call = client.keys.delete(key.id, stop);
        await until((journal) => journal.some(({ method }) => method === "DELETE"), emulator);
        stop.abort(reason);
        stop.abort(new Error("another"));
        await assert.rejects(call, (error: any) => error instanceof OutcomeUnknownError && error.cause === reason);
        assert.deepEqual([reason.message, reason.cause], ["mine", "of mine"]);
    }));

test("one signal stops a thousand calls, and listens no longer", () =>
    emulated(FOREVER, async (emulator, client) => {
        const controller = new AbortController();
        const calls = Array.from({ length: 1000 }, () => client.keys.list(controller));
        await until((journal) => journal.length > 0, emulator);
        controller.abort();
        for (const call of await Promise.allSettled(calls)) {
            assert.equal(call.status === "rejected" && call.reason, controller.signal.reason);
        }
        assert.equal(getEventListeners(controller.signal, "abort").length, 0);
    }));

const cyclic: any = {};
cyclic.self = cyclic;
const NO_JSON: Record<string, unknown> = {
    NaN: { a: NaN },
    Infinity: [-Infinity],
    "a bigint": { a: 1n },
    "a function": () => 1,
    "a symbol": [Symbol("a")],
    undefined: [undefined],
    "an invalid date": { a: new Date(NaN) },
    circular: cyclic,
};

for (const [what, json] of Object.entries(NO_JSON)) {
    test(`what JSON does not know is not sent: ${what}`, () =>
        emulated([], async (emulator, client) => {
            await assert.rejects(
                client.request("POST", "/companies", { json }),
                (error: Error) => error instanceof TypeError && error.message.includes(what),
            );
            assert.deepEqual(await emulator.journal(), []);
        }));
}

test("what is given for a header, a parameter or a body arrives, in any form", async () => {
    const seen: any[] = [];
    const server = createServer(async ({ url, headers }, answer) => {
        seen.push([url, headers["x-a"]]);
        answer.end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = new Client({
        baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        apiKey: "MadeUpKey",
    });
    const headers = { "x-a": "1" };
    for (const given of [headers, new Headers(headers), new Map(Object.entries(headers)), Object.entries(headers)]) {
        await client.request("POST", "/x", {
            headers: given,
            params: given,
            json: { left: undefined, date: new Date() },
        });
    }
    assert.deepEqual(seen, Array(4).fill(["/x?x-a=1", "1"]));
    server.close();
});

test("an answer that is JSON to one parser and not to another is a bad response", async () => {
    const bodies = ["1e999", '"\\ud800"', "[1,]", "NaN", "\ufeff{}", '"\u0001"', "[".repeat(5000) + "]".repeat(5000)];
    const server = createServer(({ url }, answer) => answer.end(bodies[Number(url!.slice(1))]));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = new Client({
        baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
        apiKey: "MadeUpKey",
    });
    for (const at of bodies.keys()) {
        const answer = await client.request("GET", `/${at}`);
        try {
            answer.json();
        } catch (error) {
            assert.ok(error instanceof BadResponseError, `${bodies[at]!.slice(0, 9)}: ${error}`);
        }
    }
    server.close();
});

const WRONG: [string, (client: Client) => unknown][] = [
    ["'port' must be from 0 to 65535", () => new Emulator({ port: -1 })],
    ["'port' must be a number", () => new Emulator({ port: anyOf("x") })],
    ["'port' must be a whole number", () => new Emulator({ port: 0.5 })],
    ["'seed' must be a whole number", () => new Emulator({ seed: NaN })],
    ["'options' must be an object", () => new Emulator(anyOf(8080))],
    ["'options' must be an object", () => new Client(anyOf("MadeUpKey"))],
    ["'options' must be an object", (client) => client.keys.list(anyOf(null))],
    ["'signal' must be an AbortSignal", (client) => client.keys.list({ signal: anyOf(new EventTarget()) })],
    ["'key' must be a string", () => encode(anyOf(5))],
    ["'key' must be a string", () => AuthorizationHeader.encode(anyOf(undefined))],
    ["'value' must be a string", () => new ApiKey(anyOf(5))],
    ["'path' must be a string", (client) => client.request("/companies", anyOf(undefined))],
    ["'body' must be a string or a Uint8Array", (client) => client.request("POST", "/x", { body: anyOf({}) })],
    ["'headers': what is in it is no pair", (client) => client.request("GET", "/x", { headers: anyOf(["a: b"]) })],
    ["'params': a value in it is NaN", (client) => client.request("GET", "/x", { params: { page: NaN } })],
    ["'options' must be an object", (client) => client.keys.create("x", anyOf(null))],
    ["'options' must be an object", (client) => client.keys.delete("x", anyOf(null))],
    ["'other' must be a string", () => new ApiKey("MadeUpKey").equals(anyOf(5))],
    ["'json': an object in it", (client) => client.request("POST", "/x", { json: new Map([[1, 2]]) })],
    ["'options' has an unknown option 'baseURL': did you mean 'baseUrl'?", () => new Client(anyOf({ baseURL: "x" }))],
    ["'options' must be a plain object of options", () => new Client(anyOf(new Map([["baseUrl", "x"]])))],
    ["'options' must be a plain object of options", () => new Client(anyOf([]))],
    ["'options' has an unknown option 'api_key': did you mean 'apiKey'?", () => new Client(anyOf({ api_key: "x" }))],
    ["'options' has an unknown option 'seeds': it takes port, seed", () => new Emulator(anyOf({ seeds: 1 }))],
    ["'apiKeyCommand' has an unknown option 'timeOut': did you", () => commanded({ argv: ["x"], timeOut: 1 })],
    ["'options' has an unknown option 'time': it takes signal", (client) => client.keys.list(anyOf({ time: 1 }))],
    ["'options' has an unknown option 'time': it", (client) => client.keys.get("x", anyOf({ time: 1 }))],
    ["'options' has an unknown option 'time': it", (client) => client.keys.find("x", anyOf({ time: 1 }))],
    ["'options' has an unknown option 'adopts': it", (client) => client.keys.create("x", anyOf({ adopts: true }))],
    ["'options' has an unknown option 'force': it", (client) => client.keys.delete("x", anyOf({ force: true }))],
    ["'options' has an unknown option 'data': it", (client) => client.request("GET", "/x", anyOf({ data: {} }))],
    ["'options' has an unknown option 'pagesize': did", (client) => client.pages("/x", anyOf({ pagesize: 2 })).next()],
    ["'options' has an unknown option 'time': it", (client) => client.whoami(anyOf({ time: 1 }))],
    ["'options' has an unknown option 'time': it", (client) => client.reloadKey(anyOf({ time: 1 }))],
    ["'options' has an unknown option 'time': it", (client) => client.authorize(client.baseUrl, anyOf({ time: 1 }))],
    [
        "'options' has an unknown option 'x': it",
        (client) => client.reauthorize(client.baseUrl, "Basic eHg=", anyOf({ x: 1 })),
    ],
    ["'Sdk' must be the class of an SDK", (client) => connect(client, anyOf({ timeoutMs: 1 }))],
    ["'client' must be a Client", () => codatFetch(anyOf(undefined))],
    ["'fetch' must be a function", (client) => codatFetch(client, anyOf({ method: "GET" }))],
    ["'instance' must be an instance of axios", (client) => forAxios(client, anyOf({ baseURL: "x" }))],
    ["'client' must be a Client", () => forUndici(anyOf({}))],
    ["'client' must be a Client", () => forAxios(anyOf(null), anyOf({}))],
    ["'client' must be a Client", () => security(anyOf("MadeUpKey"))],
];

function commanded(apiKeyCommand: object): Client {
    return new Client({ apiKeyCommand: anyOf(apiKeyCommand) });
}

for (const [at, [says, wrong]] of WRONG.entries()) {
    test(`a wrong argument is named: ${says} (${at})`, () =>
        emulated([], async (_, client) => {
            await assert.rejects(
                async () => wrong(client),
                (error: Error) => error instanceof TypeError && error.message.startsWith(`argument ${says}`),
            );
        }));
}

test("a time that is none is refused, whatever is wrong with it", () =>
    emulated([], async (_, client) => {
        for (const timeout of [0, -1, NaN, -Infinity]) {
            assert.throws(() => new Client({ apiKey: "MadeUpKey", timeout }), InvalidInputError);
            await assert.rejects(client.keys.list({ timeout }), InvalidInputError);
        }
        await client.keys.list({ timeout: Infinity });
        await client.keys.create("ci", { timeout: Number.MAX_VALUE });
    }));

test("a worker has an environment of its own", () =>
    emulated([], async (emulator) => {
        const program = `
            import { Worker } from "node:worker_threads";
            const works = "import('codat-keys').then(async ({ Client }) => console.log((await new Client().keys.list()).length))";
            const env = { CODAT_API_KEY: process.env.CODAT_API_KEY, CODAT_BASE_URL: process.env.CODAT_BASE_URL };
            delete process.env.CODAT_API_KEY;
            process.env.CODAT_BASE_URL = "http://127.0.0.1:1";
            new Worker(works, { eval: true, env });
        `;
        assert.deepEqual(await ended(start(program, emulator)), { code: 0, said: "1\n", complained: "" });
    }));

test("a panic rejects", { skip: process.platform !== "linux" }, () =>
    emulated([], async (emulator) => {
        // No thread can start any more that would look a name up.
        const program = `
            import { execFileSync } from "node:child_process";
            import { readFileSync } from "node:fs";
            await client.keys.list();
            const named = new Client({ baseUrl: client.baseUrl.replace("127.0.0.1", "localhost") });
            const size = Number(/VmSize:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;
            execFileSync("prlimit", ["--pid", process.pid, "--as=" + (size + 1_000_000)]);
            console.log((await named.keys.list().catch((error) => error)).code, (await client.keys.list()).length);
        `;
        // A signal ends the process if V8 itself needs memory.
        let { code, said } = await ended(start(program, emulator));
        for (let tries = 1; tries < 4 && code === null; tries++)
            ({ code, said } = await ended(start(program, emulator)));
        assert.deepEqual({ code, said }, { code: 0, said: "internal 1\n" });
    }),
);

test("an error that is cloned says what it said, and where", () =>
    emulated([], async (_, client) => {
        const error: any = await client.keys.get("none").catch((error) => error);
        assert.ok(error instanceof NotFoundError);
        const clone = structuredClone(error);
        assert.equal(clone.message, error.message);
        assert.match(clone.stack!, /NotFoundError: .*odd-ends\.test/s);
    }));

test("an emulator without a reference runs until it is stopped", () =>
    emulated([], async (emulator) => {
        const program = `
            import { Emulator } from "codat-keys/testing";
            const make = () => new Emulator().baseUrl;
            const baseUrl = make();
            for (let round = 0; round < 20; round++) {
                globalThis.gc();
                await new Promise((resolve) => setTimeout(resolve, 5));
            }
            console.log((await fetch(baseUrl + "/_emulator/state")).status);
        `;
        const { code, said } = await ended(start(program, emulator, "--expose-gc"));
        assert.deepEqual({ code, said }, { code: 0, said: "200\n" });
    }));

test("a signal without event listeners is rejected before anything is sent", () =>
    emulated([], async (emulator, client) => {
        const signal: any = { throwIfAborted() {} };
        await assert.rejects(client.keys.create("ghost", { signal }), TypeError);
        signal.removeEventListener = () => {};
        signal.addEventListener = () => {
            throw new RangeError("of the signal's own");
        };
        await assert.rejects(client.keys.create("ghost", { signal }), RangeError);
        // What had begun all the same would have come by then.
        await setTimeout(200);
        assert.deepEqual(await emulator.journal(), []);
    }));

test("timers that a test replaces do not keep the process alive", () =>
    emulated([], async (emulator) => {
        const program = `
            globalThis.setImmediate = () => ({});
            await client.keys.list();
            console.log("done");
        `;
        assert.deepEqual(await ended(start(program, emulator)), { code: 0, said: "done\n", complained: "" });
    }));

test("clients and keys of another copy are as good", () =>
    emulated([], async (emulator) => {
        const program = `
            import { createRequire } from "node:module";
            const require = createRequire(import.meta.url);
            const path = require.resolve("codat-keys");
            const one = require("codat-keys/fetch");
            const { Emulator } = require("codat-keys/testing");
            for (const file of Object.keys(require.cache)) if (!file.endsWith(".node")) delete require.cache[file];
            const other = require("codat-keys");
            const away = new Emulator();
            const get = one.codatFetch(new other.Client());
            const refused = await get(away.baseUrl + "/companies").catch((error) => error.code);
            console.log(refused, (await get(client.baseUrl + "/companies")).status);
            const key = new other.ApiKey(process.env.CODAT_API_KEY);
            console.log((await new Client({ apiKey: key }).keys.list()).length);
        `;
        assert.deepEqual(await ended(start(program, emulator)), {
            code: 0,
            said: "invalid_input 200\n1\n",
            complained: "",
        });
    }));

test("another machine is called without TLS by an explicit word alone", () => {
    const NAME = "CODAT_ALLOW_INSECURE_HTTP";
    const build = (variable?: string, allowInsecureHttp?: boolean) => {
        delete process.env[NAME];
        if (variable !== undefined) process.env[NAME] = variable;
        try {
            return new Client({ apiKey: "MadeUpKey", baseUrl: "http://codat:4010", allowInsecureHttp }).baseUrl;
        } finally {
            delete process.env[NAME];
        }
    };
    for (const given of [[], ["false"], [undefined, false], ["true", false]] as [string?, boolean?][]) {
        assert.throws(() => build(...given), /unencrypted to http:\/\/codat:4010/);
    }
    assert.equal(build("true"), "http://codat:4010");
    assert.equal(build(undefined, true), "http://codat:4010");
});

test("an object whose constructor has failed can be printed", async () => {
    const classes: Function[] = [...Object.values(codatKeys), Emulator].filter((kind) => /^class/.test(String(kind)));
    for (const kind of [
        "ApiKeyDetails",
        "Client",
        "Creation",
        "Emulator",
        "Keys",
        "NotFoundError",
        "Page",
        "Response",
    ]) {
        assert.ok(classes.some(({ name }) => name === kind));
    }
    for (const { prototype } of classes) {
        const proxy = new Proxy(Object.create(prototype), {});
        for (const unmade of [prototype, Object.create(prototype), Object.setPrototypeOf({}, prototype), proxy]) {
            for (const options of [{}, { showHidden: true, getters: true, depth: Infinity, showProxy: true }]) {
                assert.equal(typeof inspect(unmade, options), "string");
            }
            assert.equal(typeof String(unmade), "string");
            JSON.stringify(unmade);
            if (unmade !== proxy) structuredClone(unmade);
            assert.deepEqual(unmade, unmade);
        }
    }
    await using emulator = new Emulator();
    const made = [new Client({ apiKey: "example", baseUrl: emulator.baseUrl }), new ApiKey("example"), emulator];
    for (const object of [...made, AuthorizationHeader.encode(new ApiKey("example"))]) {
        assert.match(inspect(object), /\*{4}|127\.0\.0\.1/);
    }
});
