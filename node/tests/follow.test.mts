// Keys that change while a program runs: no call fails, as the emulator's journal has it.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";

import { type ApiKeyDetails, Client } from "codat-keys";
import { Emulator } from "codat-keys/testing";
import "./support.mjs";

/** A key in a file and in a function, and another one that stays, to replace it with. */
class Scene {
    readonly file = join(mkdtempSync(join(tmpdir(), "codat-keys-")), "key");
    readonly seen = new Map<number, any>();
    current!: ApiKeyDetails;

    constructor(
        readonly emulator: Emulator,
        readonly admin: Client,
    ) {}

    async begin(): Promise<this> {
        this.current = (await this.admin.keys.create("followed")).key;
        this.write();
        return this;
    }

    /** Atomically, and for the owner alone. */
    write(): void {
        writeFileSync(`${this.file}.new`, this.current.apiKey.exposeSecret(), { mode: 0o600 });
        renameSync(`${this.file}.new`, this.file);
    }

    /** A new key, the sources, the end of the old key: in this order there is always one that works. */
    async rotate(): Promise<void> {
        const old = this.current;
        await this.begin();
        await this.admin.keys.delete(old.id);
        await this.look();
    }

    /** Before the journal forgets. */
    async look(): Promise<void> {
        for (const request of await this.emulator.journal()) this.seen.set((request as any).seq, request);
    }

    /** How many requests were, of so many calls, each of which has succeeded with its last one. */
    async refused(calls: number): Promise<number> {
        await this.look();
        const statuses = new Map<string, number[]>();
        for (const { path, query, status } of [...this.seen.values()].sort((one, other) => one.seq - other.seq)) {
            if (path === "/profile") statuses.set(query, [...(statuses.get(query) ?? []), status]);
        }
        assert.equal(statuses.size, calls);
        const told = [...statuses.values()];
        assert.deepEqual([...new Set(told.map(String))].sort(), ["200", "401,200"]);
        return told.filter((statuses) => statuses.length === 2).length;
    }
}

async function staged(run: (scene: Scene) => Promise<void>): Promise<void> {
    await using emulator = new Emulator();
    const admin = new Client({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey });
    await run(await new Scene(emulator, admin).begin());
}

/** Calls 64 at once, as long as one is to be made. */
function load(client: Client, next: () => number | undefined): Promise<unknown> {
    const caller = async () => {
        for (let call = next(); call !== undefined; call = next()) {
            await client.request("GET", "/profile", { query: { call } });
        }
    };
    return Promise.all(Array.from({ length: 64 }, caller));
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
    test(`ten thousand calls do not notice that their key is replaced ten times: ${name}`, () =>
        staged(async (scene) => {
            let begun = 0;
            let failed = false;
            const client = new Client({ baseUrl: scene.emulator.baseUrl, ...source(scene) });
            const all = load(client, () => (begun < 10_000 ? begun++ : undefined));
            all.catch(() => (failed = true));
            for (let number = 1; number <= 10; number++) {
                // Who fails stops calling: nobody waits for calls that are never made.
                while (begun < number * 900 && !failed) await setTimeout(1);
                await scene.rotate();
            }
            await all;
            assert.deepEqual(await client.whoami(), scene.current);
            const refused = await scene.refused(10_000);
            assert.ok(refused > 0 && refused <= 10 * 64, `${refused}`);
        }));
}

test("a swap of Kubernetes is seen under load", { skip: process.platform === "win32" }, (t) =>
    staged(async (scene) => {
        const mounted = join(mkdtempSync(join(tmpdir(), "codat-keys-")), "mounted");
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
        const all = load(client, () => (ends ? undefined : begun++));
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
        const heard = () => new Promise((resolve) => worker.once("message", resolve));
        const first = await heard();
        await scene.admin.keys.delete(first as string);
        worker.postMessage("again");
        const second = await heard();
        assert.notEqual(first, second);
        await worker.terminate();
    }));

async function twoKeys(scene: Scene): Promise<string[]> {
    const made = [await scene.admin.keys.create("one"), await scene.admin.keys.create("another")];
    return made.map(({ key }) => key.apiKey.exposeSecret());
}
