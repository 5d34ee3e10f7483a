// One made-up key through everything that shows something: it must come out nowhere, raw or encoded.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";

import { ApiKey, AuthorizationHeader, Client, encode } from "codat-keys";
import { Emulator } from "codat-keys/testing";
import fc from "fast-check";
import { ended, start } from "./support.mjs";

const CANARY = "CanaryKeyMadeUpForThisTest00000000000Zq7";
const ENCODED = encode(CANARY).slice("Basic ".length, -2);
const visible = fc.string({
    unit: fc.integer({ min: 33, max: 126 }).map((code) => String.fromCharCode(code)),
    minLength: 1,
    maxLength: 80,
});

/** Every way in which JavaScript shows a value. */
const SURFACES: Record<string, (value: any) => unknown> = {
    inspect: (value) => inspect(value, { showHidden: true, getters: true, depth: Infinity, showProxy: true }),
    json: (value) => JSON.stringify(value),
    template: (value) => `${value}`,
    concatenated: (value) => "" + value,
    entries: (value) => inspect(Object.getOwnPropertyDescriptors(value), { depth: Infinity }),
    cloned: (value) => inspect(structuredClone(value), { showHidden: true, depth: Infinity }),
    posted: (value) => {
        const { port1, port2 } = new MessageChannel();
        port1.postMessage(value);
        const { message } = receiveMessageOnPort(port2)!;
        port1.close();
        return inspect(message, { showHidden: true, depth: Infinity });
    },
    stack: (value) => inspect([value.stack, value.message, value.cause, value.hint]),
};

function assertHidden(value: unknown, what: string): void {
    for (const [surface, show] of Object.entries(SURFACES)) {
        let shown: string;
        try {
            shown = String(show(value));
        } catch (refused) {
            shown = inspect(refused);
        }
        assert.ok(!shown.includes(CANARY) && !shown.includes(ENCODED), `${what} in ${surface}: ${shown}`);
    }
}

test("a key is shown nowhere", async () => {
    await using emulator = new Emulator();
    const keys = [
        { id: "a", name: "one", apiKey: CANARY },
        { id: "b", name: "one", apiKey: `${CANARY}2` },
    ];
    await emulator.setState({ keys });
    const client = new Client({ baseUrl: emulator.baseUrl, apiKey: CANARY });
    const asks = new Client({ baseUrl: emulator.baseUrl, apiKey: async () => CANARY });
    await asks.whoami();
    assertHidden(asks, "client with a function");
    assertHidden(client, "client");
    assertHidden(client.keys, "keys");
    assertHidden(new ApiKey(CANARY), "key");
    assertHidden(new AuthorizationHeader(encode(CANARY)), "header");
    assertHidden(client.authorizationFor(client.baseUrl), "authorizationFor");
    assertHidden(await client.keys.list(), "list");
    assertHidden(await client.whoami(), "whoami");
    assertHidden(await client.keys.create("ci"), "creation");
    // Codat's profile holds a key.
    const profile = await client.request("GET", "/profile");
    assertHidden(profile, "response");
    assertHidden(Buffer.from(profile.redacted()).toString(), "redacted");
    for await (const page of client.pages("/companies")) assertHidden(page, "page");
});

test("names and ids are shown without keys", async () => {
    await using emulator = new Emulator();
    const other = "OtherKeyMadeUpForThisTest000000000000Zq8";
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    const [header, gateway] = [base64(other), base64(`:${other}`)];
    const names = [`of ${other}`, header, gateway, other.replace("K", "%4b")];
    const keys = names.map((name, number) => ({
        id: `id-${number}`,
        name,
        apiKey: number === 0 ? CANARY : `${other}${number}`,
    }));
    await emulator.setState({ keys: [...keys, { id: other, name: "id", apiKey: other }] });
    const client = new Client({ baseUrl: emulator.baseUrl, apiKey: CANARY });
    const listed = await client.keys.list();
    for (const key of [...listed, { listed }, await client.whoami()]) {
        for (const shown of [
            inspect(key),
            JSON.stringify(key),
            `${key}`,
            inspect(key, { compact: false, colors: true }),
        ]) {
            for (const secret of [other, header.slice(0, 40), gateway.slice(8, 48), "Other%4bey"]) {
                assert.ok(!shown.includes(secret), shown);
            }
        }
    }
    assert.deepEqual(
        listed.map((key) => key.name),
        [...names, "id"],
        "a program has the names as they are",
    );
});

test("an error holds no key, whatever is wrong", async () => {
    await using emulator = new Emulator();
    await emulator.setState({ keys: [{ id: "a", apiKey: CANARY }] });
    const client = new Client({ baseUrl: emulator.baseUrl, apiKey: CANARY });
    const wrongs: [string, () => unknown][] = [
        ["bearer", () => new ApiKey(`Bearer ${CANARY}`)],
        ["quoted", () => new Client({ apiKey: `"${CANARY}"` })],
        ["header for a key", () => new Client({ apiKey: encode(CANARY) })],
        ["key for a header", () => new Client({ authHeader: CANARY })],
        ["key for a URL", () => new Client({ baseUrl: CANARY, apiKey: CANARY })],
        ["key for a time", () => new Client({ timeout: CANARY as any, apiKey: CANARY })],
        ["key for a number", () => client.pages("/x", { pageSize: CANARY as any })],
        ["another origin", () => client.authorizationFor(`https://other.example/${CANARY}`)],
        ["key for an id", () => client.keys.get(CANARY)],
        ["key in an object", () => client.keys.get({ CANARY } as any)],
        ["key for a signal", () => client.keys.list({ signal: CANARY as any })],
        ["key for a method", () => client.request(`${CANARY} ${CANARY}`, "/x")],
        ["key in a header", () => client.request("GET", "/x", { headers: { "x-key": `${CANARY}\n` } })],
        ["key in a query", () => client.request("GET", "/x", { params: { key: [CANARY] as any } })],
        ["key in a surrogate", () => client.keys.find(`${CANARY}\ud800`)],
        ["a key in use", () => client.keys.delete("a")],
    ];
    for (const [what, wrong] of wrongs) {
        await assert.rejects(
            async () => wrong(),
            (error) => {
                assertHidden(error, what);
                return true;
            },
            what,
        );
    }
    const fault = { fault: "status", status: 400, body: { error: `not ${CANARY} or ${ENCODED}` } };
    for (const method of ["GET", "POST"]) {
        await emulator.setFaults([{ ...fault, method, count: 9 }]);
        await assert.rejects(client.request(method, "/x"), (error) => {
            assertHidden(error, method);
            return true;
        });
    }
    await emulator.setFaults([{ method: "POST", fault: "drop-after", count: 9 }]);
    await assert.rejects(client.keys.create("ci"), (error) => {
        assertHidden(error, "candidates");
        return true;
    });
    await emulator.setFaults([{ fault: "status", status: 200, body: CANARY }]);
    const answer = await client.request("GET", "/x");
    // A parser would quote a part of it.
    assert.throws(
        () => answer.json(),
        (error) => !inspect(error).includes(CANARY.slice(0, 8)),
    );
});

test("an uncaught error and a warning show no key", async () => {
    await using emulator = new Emulator();
    const program = `process.emitWarning(String(client.authorizationFor(client.baseUrl))); console.log(client, await client.keys.list()); await client.keys.delete((await client.whoami()).id)`;
    const { code, said, complained } = await ended(start(program, emulator));
    assert.equal(code, 1);
    assert.match(complained, /LastKeyError/);
    assert.ok(!(said + complained).includes(emulator.apiKey));
});

test("any key is taken and given back, or refused without being quoted", () => {
    fc.assert(
        fc.property(visible, (text) => {
            let key;
            try {
                key = new ApiKey(text);
            } catch (refused: any) {
                return refused.code === "invalid_credential" && (text.length < 12 || !inspect(refused).includes(text));
            }
            return key.exposeSecret() === text && new AuthorizationHeader(encode(text)).apiKey.equals(key);
        }),
    );
});

test("any text for a key is taken or refused", () => {
    fc.assert(
        fc.property(fc.string({ unit: "binary" }), (text) => {
            try {
                return encode(text) === `Basic ${Buffer.from(text).toString("base64")}`;
            } catch (refused: any) {
                return refused.code === "invalid_credential" || refused instanceof TypeError;
            }
        }),
    );
});

test("what is brought is frozen", async () => {
    await using emulator = new Emulator();
    const client = new Client({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey });
    const made = await client.keys.create("ci");
    for (const value of [made, made.key, made.key.apiKey, client.rateLimit, await client.request("GET", "/profile")]) {
        assert.ok(Object.isFrozen(value));
    }
});
