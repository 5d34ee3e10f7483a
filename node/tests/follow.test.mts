// Keys that change while a program runs: no call fails, as the emulator's journal has it.
import assert from "node:assert/strict";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";

import { type ApiKeyDetails, Client } from "codat-keys";
import { INTEGRATIONS, type Scene, load, staged } from "./scene.mjs";
import "./support.mjs";
import { temporaryFolder } from "./temporary.mjs";

/** The number of calls in a test. `CODAT_KEYS_CALLS=10000 node --test tests/built/follow.test.mjs` takes some minutes. */
const CALLS = Number(process.env["CODAT_KEYS_CALLS"] ?? 200);

/**
 * Makes this many calls, and replaces the key ten times meanwhile. No call sees two replacements, and a share of the calls
 * begins after each of them.
 */
async function replaced(scene: Scene, calls: number, call: (number: number) => Promise<unknown>): Promise<void> {
    const share = calls * 0.09;
    let [numbers, begun, replacements, failed] = [0, 0, 0, false];
    const inFlight = new Set<number>();
    // Calls that may have begun with the old key; undefined until a call is known to have had the new key.
    let withOldKey: number[] | undefined = [];
    const made = async (number: number) => {
        while (replacements < 10 && number >= (replacements + 2) * share && !failed) await setTimeout(1);
        const before = replacements;
        begun++;
        inFlight.add(number);
        await call(number);
        inFlight.delete(number);
        if (before === replacements) withOldKey ??= [...inFlight];
    };
    const isDue = () =>
        begun >= (replacements + 1) * share && withOldKey && !withOldKey.some((one) => inFlight.has(one));
    const all = load(made, () => (numbers < calls ? numbers++ : undefined));
    all.catch(() => (failed = true));
    while (replacements < 10) {
        // A caller that fails stops, so that no wait depends on calls that are never made.
        while (!isDue() && !failed) await setTimeout(1);
        await scene.rotate();
        withOldKey = undefined;
        replacements++;
    }
    await all;
}

const SOURCES = {
    "an async function": (scene: Scene) => ({ apiKey: async () => scene.current.apiKey }),
    "a function": (scene: Scene) => ({ apiKey: () => scene.current.apiKey.exposeSecret() }),
    "a file": (scene: Scene) => ({ apiKeyFile: scene.file }),
    "a command": (scene: Scene) => ({
        apiKeyCommand: [process.execPath, "-p", `fs.readFileSync("${scene.file}", "utf8")`],
    }),
};

for (const [name, source] of Object.entries(SOURCES)) {
    test(`no call of a client fails while its key is replaced ten times: ${name}`, () =>
        staged(async (scene) => {
            const client = new Client({ baseUrl: scene.emulator.baseUrl, ...source(scene) });
            const calls = Math.min(CALLS * 20, 10_000);
            await replaced(scene, calls, (call) => client.request("GET", "/profile", { params: { call } }));
            assert.deepEqual(await client.whoami(), scene.current);
            const refused = await scene.refused(calls);
            assert.ok(refused > 0 && refused <= 10 * 64, `${refused}`);
        }));
}

for (const [integration, sender] of Object.entries(INTEGRATIONS)) {
    for (const [name, source] of Object.entries(SOURCES)) {
        if (name === "an async function") continue;
        test(`no call through ${integration} fails while its key is replaced ten times: ${name}`, () =>
            staged(async (scene) => {
                const client = new Client({ baseUrl: scene.emulator.baseUrl, ...source(scene) });
                const send = sender(client);
                await replaced(scene, CALLS, async (call) => assert.equal(await send(call), 200));
                const refused = await scene.refused(CALLS, integration.startsWith("@") ? "/companies" : "/profile");
                // A changed file may be seen before its old key is refused.
                assert.ok((refused > 0 || name === "a file") && refused <= 10 * 64, `${refused}`);
            }));
    }
}

test("a swap of Kubernetes is seen under load", { skip: process.platform === "win32" }, (t) =>
    staged(async (scene) => {
        const mounted = join(temporaryFolder(), "mounted");
        const swap = (version: string, key: ApiKeyDetails) => {
            mkdirSync(join(mounted, version), { recursive: true });
            writeFileSync(join(mounted, version, "key"), key.apiKey.exposeSecret());
            symlinkSync(version, join(mounted, "..new"));
            renameSync(join(mounted, "..new"), join(mounted, "..data"));
        };
        swap("..1", scene.current);
        symlinkSync("..data/key", join(mounted, "key"));
        const client = new Client({ baseUrl: scene.emulator.baseUrl, apiKeyFile: join(mounted, "key") });
        let [begun, ends] = [0, false];
        const call = (call: number) => client.request("GET", "/profile", { params: { call } });
        const all = load(call, () => (ends ? undefined : begun++));
        all.catch(() => (ends = true));
        await setTimeout(100);
        const { key } = await scene.admin.keys.create("followed");
        swap("..2", key);
        const swapped = Date.now();
        while (!client.authorizationFor(client.baseUrl).apiKey.equals(key.apiKey) && !ends) {
            assert.ok(Date.now() - swapped < 60_000, "the old key is still in use");
            await setTimeout(5);
            await scene.look();
        }
        t.diagnostic(`the new key was in use after ${Date.now() - swapped} ms`);
        await scene.admin.keys.delete(scene.current.id);
        ends = true;
        await all;
        await scene.look();
        const calls = [...scene.seen.values()].filter(({ path }) => path === "/profile");
        const succeeded = new Set(calls.filter(({ status }) => status === 200).map(({ query }) => query));
        assert.equal(succeeded.size, begun);
    }),
);

test("a worker follows a key of its own", () =>
    staged(async (scene) => {
        const worker = new Worker(
            `
            const { parentPort, workerData } = require("node:worker_threads");
            import("codat-keys").then(async ({ Client }) => {
                const [baseUrl, ...keys] = workerData;
                const client = new Client({ baseUrl, apiKey: async () => keys.shift() });
                for (;;) {
                    parentPort.postMessage((await client.whoami()).id);
                    await new Promise((resolve) => parentPort.once("message", resolve));
                }
            });
            `,
            { eval: true, workerData: [scene.emulator.baseUrl, ...(await twoKeys(scene))] },
        );
        const received = () => new Promise((resolve) => worker.once("message", resolve));
        const first = await received();
        await scene.admin.keys.delete(first as string);
        worker.postMessage("again");
        const second = await received();
        assert.notEqual(first, second);
        await worker.terminate();
    }));

async function twoKeys(scene: Scene): Promise<string[]> {
    const made = [await scene.admin.keys.create("one"), await scene.admin.keys.create("another")];
    return made.map(({ key }) => key.apiKey.exposeSecret());
}
