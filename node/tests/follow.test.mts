// Keys that change while a program runs: no call fails, as the emulator's journal has it.
import assert from "node:assert/strict";
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { Worker } from "node:worker_threads";

import { CodatPlatform } from "@codat/platform";
import axios from "axios";
import { type ApiKeyDetails, Client } from "codat-keys";
import { codatAuth as forAxios } from "codat-keys/axios";
import { codatFetch } from "codat-keys/fetch";
import { connect } from "codat-keys/official";
import { Emulator } from "codat-keys/testing";
import { codatAuth as forUndici } from "codat-keys/undici";
import "./support.mjs";
import { temporaryFolder } from "./temporary.mjs";

const require = createRequire(import.meta.url);

/** The number of calls in a test. `CODAT_KEYS_CALLS=10000 node --test tests/built/follow.test.mjs` takes some minutes. */
const CALLS = Number(process.env["CODAT_KEYS_CALLS"] ?? 200);

/** A key in a file and in a function, and another one that stays, to replace it with. */
class Scene {
    readonly file = join(temporaryFolder(), "key");
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

    /** Checks that the last request of each call to a path succeeded, and returns how many were rejected. */
    async refused(calls: number, to = "/profile"): Promise<number> {
        await this.look();
        const statuses = new Map<string, number[]>();
        for (const { path, query, status } of [...this.seen.values()].sort((one, other) => one.seq - other.seq)) {
            if (path === to) statuses.set(query, [...(statuses.get(query) ?? []), status]);
        }
        assert.equal(statuses.size, calls);
        const seen = [...statuses.values()];
        assert.deepEqual(
            seen.map(String).filter((one) => one !== "200" && one !== "401,200"),
            [],
        );
        return seen.filter((statuses) => statuses.length === 2).length;
    }
}

async function staged(run: (scene: Scene) => Promise<void>): Promise<void> {
    await using emulator = new Emulator();
    const admin = new Client({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey });
    await run(await new Scene(emulator, admin).begin());
}

/** Calls 64 at once, as long as one is to be made. */
function load(call: (number: number) => Promise<unknown>, next: () => number | undefined): Promise<unknown> {
    const caller = async () => {
        for (let number = next(); number !== undefined; number = next()) await call(number);
    };
    return Promise.all(Array.from({ length: 64 }, caller));
}

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

/** Makes the call with this number through another library, and resolves to its status. */
type Send = (number: number) => Promise<number | undefined>;

const profile = (client: Client, call: number) => `${client.baseUrl}/profile?call=${call}`;

/** The integrations with other libraries. The calls themselves do not mention keys. */
const INTEGRATIONS: Record<string, (client: Client) => Send> = {
    fetch: (client) => {
        const get = codatFetch(client);
        return async (call) => {
            const answer = await get(profile(client, call));
            await answer.arrayBuffer();
            return answer.status;
        };
    },
    axios: (client) => {
        const instance = forAxios(client, axios.create({ baseURL: client.baseUrl }));
        return async (call) => (await instance.get("/profile", { params: { call } })).status;
    },
    "@codat/platform": (client) => {
        const codat = connect(client, CodatPlatform, { retryConfig: { strategy: "none" } });
        return async (call) => ((await codat.companies.list({ page: call + 1 })) ? 200 : undefined);
    },
    "@codat/lending": (client) => {
        const { CodatLending } = require("@codat/lending") as typeof import("@codat/lending");
        const codat = connect(client, CodatLending);
        return async (call) => (await codat.companies.list({ page: call + 1 })).statusCode;
    },
};

// The latest major version of undici that this Node runs; refresh.test.mts has them all.
const [undiciName] = Object.entries({ undici: 24, "undici-7": 20, "undici-6": 18 }).find(
    ([, oldest]) => Number.parseInt(process.versions.node) >= oldest,
)!;
const undici: typeof import("undici") = await import(undiciName);

INTEGRATIONS["undici"] = (client) => {
    const dispatcher = new undici.Agent().compose(forUndici(client));
    return async (call) => {
        const { statusCode, body } = await undici.request(profile(client, call), { dispatcher });
        await body.dump();
        return statusCode;
    };
};

INTEGRATIONS["fetch of undici"] = (client) => {
    const get = codatFetch(client, undici.fetch);
    return async (call) => {
        const answer = await get(profile(client, call));
        await answer.arrayBuffer();
        return answer.status;
    };
};

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
