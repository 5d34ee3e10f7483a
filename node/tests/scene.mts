// Replaces keys while a program runs, and checks its requests in the emulator's journal.
import assert from "node:assert/strict";
import { renameSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { CodatPlatform } from "@codat/platform";
import axios from "axios";
import { type ApiKeyDetails, Client } from "codat-keys";
import { codatAuth as forAxios } from "codat-keys/axios";
import { codatFetch } from "codat-keys/fetch";
import { connect } from "codat-keys/official";
import { Emulator } from "codat-keys/testing";
import { codatAuth as forUndici } from "codat-keys/undici";
import { temporaryFolder } from "./temporary.mjs";

const require = createRequire(import.meta.url);

/** A key in a file and in a function, and another one that stays, to replace it with. */
export class Scene {
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

export async function staged(run: (scene: Scene) => Promise<void>): Promise<void> {
    await using emulator = new Emulator();
    const admin = new Client({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey });
    await run(await new Scene(emulator, admin).begin());
}

/** The number of calls at the same time. */
export const AT_ONCE = 64;

/** Calls `AT_ONCE` at once, as long as one is to be made. */
export function load(call: (number: number) => Promise<unknown>, next: () => number | undefined): Promise<unknown> {
    const caller = async () => {
        for (let number = next(); number !== undefined; number = next()) await call(number);
    };
    return Promise.all(Array.from({ length: AT_ONCE }, caller));
}

/** Makes the call with this number through another library, and resolves to its status. */
export type Send = (number: number) => Promise<number | undefined>;

const profile = (client: Client, call: number) => `${client.baseUrl}/profile?call=${call}`;

/** The integrations with other libraries. The calls themselves do not mention keys. */
export const INTEGRATIONS: Record<string, (client: Client) => Send> = {
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
