// Files that others can write, child processes, and keys in the place of a path.
import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { inspect } from "node:util";
import { test } from "node:test";

import { Client } from "codat-keys";
import { Emulator } from "codat-keys/testing";
import { ended, start } from "./support.mjs";
import { temporaryFolder } from "./temporary.mjs";

const KEY = "MadeUpKeyForTheTests0123456789abcdefGhIj";
const SHORT = "MadeUpKey.short";
const UNIX = { skip: process.platform === "win32" };

const folder = temporaryFolder();

test("files that others can write are refused", UNIX, () => {
    const file = join(folder, "file");
    writeFileSync(file, KEY);
    chmodSync(file, 0o622);
    const changed = /can be changed by other users \(mode 0622, owner /;
    assert.throws(() => new Client({ apiKeyFile: file }), { name: "InvalidCredentialError", message: changed });
    assert.throws(() => new Client({ apiKey: KEY, caFile: file }), { name: "InvalidInputError", message: changed });
    chmodSync(file, 0o600);
    chmodSync(folder, 0o777);
    assert.throws(
        () => new Client({ apiKey: KEY, caFile: file }),
        /is not trusted: the folder .* can be changed by other/,
    );
    chmodSync(folder, 0o700);
});

test("a key command is given no key", UNIX, async () => {
    const dump = join(folder, "dump");
    const names = ["CODAT_API_KEY", "CODAT_AUTH_HEADER", "CODAT_API_KEY_FILE", "CODAT_PROFILE", "VAULT_ADDR"];
    names.forEach((name) => (process.env[name] = "of this test"));
    const emulator = new Emulator();
    try {
        const argv = ["sh", "-c", `env > ${dump}; echo ${emulator.apiKey}`];
        const client = new Client({ baseUrl: emulator.baseUrl, apiKeyCommand: argv });
        await client.keys.list();
        await client.close();
    } finally {
        await emulator.stop();
        names.forEach((name) => delete process.env[name]);
    }
    const given = readFileSync(dump, "utf8").split("\n");
    assert.deepEqual(
        given.filter((line) => line.endsWith("=of this test")),
        ["VAULT_ADDR=of this test"],
    );
});

test("a misplaced key is not shown", async () => {
    const shown = (thing: unknown) => inspect(thing, { depth: 9 }) + String(thing) + JSON.stringify(thing);
    for (const key of [KEY, SHORT]) {
        const client = new Client({ baseUrl: `http://127.0.0.1:1/${key}`, apiKey: key });
        assert.ok(client.baseUrl.includes(key) && !shown(client).includes(key));
        for (const headers of [{ [`${key}\n`]: "x" }, { [key]: "x\n" }, { "Idempotency-Key": key }] as object[]) {
            await assert.rejects(client.request("POST", "/companies", { headers: headers as any }), (error: any) => {
                assert.equal(error.name, "InvalidInputError");
                return !shown(error).includes(key);
            });
        }
    }
    await using emulator = new Emulator();
    await emulator.setFaults([{ method: "POST", fault: "drop-after", count: 9 }]);
    const client = new Client({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey });
    const headers = { "Idempotency-Key": KEY };
    await assert.rejects(client.request("POST", "/companies", { json: { name: "a" }, headers }), (error: any) => {
        assert.equal(error.idempotencyKey, KEY, "a program can resume with it");
        return !shown(error).includes(KEY);
    });
    await assert.rejects(client.request("POST", "/companies", { json: { name: "a" } }), (error: any) =>
        shown(error).includes(error.idempotencyKey),
    );
});

test("a name or an id that contains a key is not enumerable", async () => {
    const listed = { id: KEY, name: `for ${KEY}`, apiKey: KEY, createdDate: "2026-01-01T00:00:00Z" };
    const server = createServer((_, answer) => answer.end(JSON.stringify({ results: [listed] })));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
        const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
        const client = new Client({ baseUrl, apiKey: "MadeUpKeyOfTheClientThatListsTheKeys0000" });
        const [key] = await client.keys.list();
        assert.deepEqual([key!.id, key!.name], [listed.id, listed.name], "a program can use them");
        // Node prints the error that ends a program in the first form.
        const views = [
            inspect(key, { customInspect: false }),
            inspect(structuredClone({ ...key, apiKey: null })),
            inspect(key),
            JSON.stringify(key),
        ];
        views.forEach((view) => assert.ok(!view.includes(KEY), view));
    } finally {
        server.close();
        server.closeAllConnections();
    }
});

test("a misplaced key is not repeated", async () => {
    const places = (key: string): object[] => [
        { apiKeyFile: key },
        { apiKeyFile: `/nowhere/${key}/key` },
        { caFile: key },
        { apiKeyCommand: [key] },
        { baseUrl: key },
        { proxy: key },
        { [key]: true },
    ];
    for (const key of [KEY, SHORT]) {
        process.env["CODAT_API_KEY"] = key;
        for (const options of places(key)) {
            try {
                const client = new Client({ baseUrl: "http://127.0.0.1:1", ...options });
                await client.keys.list();
                assert.fail("it was taken");
            } catch (error) {
                assert(!(error instanceof assert.AssertionError), inspect(options));
                const shown = inspect(error, { depth: 9 }) + String(error) + JSON.stringify(error);
                // The name of an option may be one of ours, misspelled.
                assert(!shown.includes(key) || (key in options && key === SHORT), shown);
            }
        }
    }
    delete process.env["CODAT_API_KEY"];
});

/** Options that no call was given, in every object of the process. Each would change the result of a call. */
const POLLUTION = `
    const aborted = AbortSignal.abort();
    const refuses = () => { throw new Error("no call was given this function"); };
    const members = {
        authHeader: "Basic eA==", apiKeyFile: "/nowhere", apiKeyCommand: ["false"], profile: "other",
        baseUrl: "http://127.0.0.1:1", timeout: 1e-3, retry: false, caFile: "/nowhere", proxy: "http://127.0.0.1:1",
        maxResponseBytes: 1, cachedFor: -1, signal: aborted, allowKeyInUse: true, adopt: 5, idempotencyKey: "x",
        params: { x: "y" }, json: { x: 1 }, body: "x", headers: { x: "y" }, pageSize: 0, query: "x=y", orderBy: "x",
        concurrency: 0, key: "none", journal: "/nowhere/else", journalName: "../x", grace: -1, overwrite: true,
        deleteFirst: [5], onEvent: refuses, read: refuses, port: -1, seed: -1,
    };
    const given = { baseUrl: process.env.CODAT_BASE_URL, apiKey: process.env.CODAT_API_KEY };
    process.env.GIVEN = given.apiKey;
    let stored = given.apiKey;
    const sink = { name: "memory", deliver: (key) => void (stored = key), read: () => stored };
    for (const [name, value] of Object.entries(members)) {
        Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true });
    }
    const said = [];
    try {
        const other = new Client(given);
        const [{ id }] = await other.keys.list();
        said.push((await other.keys.create("made")).how, (await other.keys.find("made")).length);
        said.push(await other.keys.delete(id).catch((error) => error.code), (await other.keys.get(id)).id === id);
        said.push((await other.request("GET", "/companies")).status);
        for await (const page of other.pages("/companies")) said.push(page.results.length > 0);
        said.push((await other.stream("GET", "/companies")).status);
        said.push((await new Client({ ...given, apiKey: undefined, apiKeyCommand: { argv: ["printenv", "GIVEN"] } }).whoami()).id === id);
        said.push((await other.keys.rotate({ sinks: [sink] })).state);
        said.push((await other.keys.rotation({ sinks: [sink] }).finish()).deleted.length);
        // The getter of a class is no pollution.
        const stop = new AbortController();
        stop.abort(new RangeError("stop"));
        said.push(await other.keys.list(stop).catch((error) => error.name));
    } finally {
        for (const name of Object.keys(members)) delete Object.prototype[name];
    }
    console.log(said.join(" "));
`;

test("options are not taken from Object.prototype", UNIX, async () => {
    await using emulator = new Emulator();
    const environment = { ...emulator.environment, XDG_STATE_HOME: temporaryFolder() };
    const child = await ended(start(POLLUTION, { environment }));
    const said = "created 1 key_in_use true 200 true 200 true grace 1 RangeError\n";
    assert.deepEqual(child, { code: 0, said, complained: "" });
    const seen = ((await emulator.journal()) as any[]).filter(({ path }) => path === "/companies");
    // The query of the pages has the default size.
    assert.deepEqual(
        seen.map(({ method, query = "" }) => `${method} ${query}`),
        ["GET ", "GET page=1&pageSize=100", "GET "],
    );
});
