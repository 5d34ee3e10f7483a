// Codat's own SDKs, as published, against the emulator. Those based on axios are the previous generation.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

import { CodatPlatform } from "@codat/platform";
import { CodatSyncCommerce } from "@codat/sync-for-commerce";
import { Client, InvalidInputError } from "codat-keys";
import { connect, security } from "codat-keys/official";
import type { Emulator } from "codat-keys/testing";
import { emulated } from "./support.mjs";

const require = createRequire(import.meta.url);
const { CodatLending } = require("@codat/lending") as typeof import("@codat/lending");
const { CodatSyncExpenses } = require("@codat/sync-for-expenses") as typeof import("@codat/sync-for-expenses");
const { CodatAccounting } = require("@codat/accounting") as typeof import("@codat/accounting");
const { CodatCommon } = require("@codat/common") as typeof import("@codat/common");
const { CodatPlatform: CodatPlatform4 } = require("codat-platform-4") as typeof import("codat-platform-4");

/** A call of each SDK that lists companies or something similar, and its expected result. */
const SDKS: Record<string, (client: Client, options?: object) => Promise<unknown>> = {
    "@codat/platform": async (client, options) =>
        (await connect(client, CodatPlatform, options).companies.list({}))?.totalResults,
    "@codat/platform 4": async (client, options) =>
        (await connect(client, CodatPlatform4, options).companies.list({}))?.totalResults,
    "@codat/sync-for-commerce": async (client, options) =>
        (await connect(client, CodatSyncCommerce, options).advancedControls.listCompanies({})).totalResults,
    "@codat/lending": async (client, options) =>
        (await connect(client, CodatLending, options).companies.list({})).companies?.totalResults,
    "@codat/sync-for-expenses": async (client, options) =>
        (await connect(client, CodatSyncExpenses, options).companies.list({})).companies?.totalResults,
    "@codat/common": async (client, options) =>
        (await connect(client, CodatCommon, options).companies.list({})).companies?.totalResults,
};

/** An SDK that lists no companies. The emulator accepts the key, and does not know the path. */
const OTHERS: Record<string, (client: Client, options?: object) => Promise<unknown>> = {
    "@codat/accounting": (client, options) =>
        connect(client, CodatAccounting, options).accounts.list({ companyId: "none" }),
};

for (const [name, list] of Object.entries({ ...SDKS, ...OTHERS })) {
    test(`${name}: a call is made with the key in use, and again with another one`, () =>
        emulated([], async (emulator, admin) => {
            let current = (await admin.keys.create("followed")).key;
            const client = new Client({ baseUrl: emulator.baseUrl, apiKey: async () => current.apiKey });
            const call = async () => {
                await emulator.clearJournal();
                const result = await list(client).catch((error) => error);
                if (name in SDKS) assert.equal(result, 5);
                return statuses(emulator);
            };
            const done = name in SDKS ? 200 : 404;
            assert.deepEqual(await call(), [done]);
            const old = current;
            current = (await admin.keys.create("followed")).key;
            await admin.keys.delete(old.id);
            assert.deepEqual(await call(), [401, done]);
        }));

    test(`${name}: a call for another origin is refused, with nothing sent`, () =>
        emulated([], async (_, client) =>
            emulated([], async (elsewhere) => {
                const error: any = await list(client, { serverURL: elsewhere.baseUrl }).then(
                    () => assert.fail("it did not fail"),
                    (error) => error,
                );
                const causes = [error, error.cause, error.cause?.cause];
                assert.ok(
                    causes.some((cause) => cause instanceof InvalidInputError),
                    error,
                );
                assert.deepEqual(await elsewhere.journal(), []);
            }),
        ));
}

async function statuses(emulator: Emulator): Promise<number[]> {
    return (await emulator.journal()).map(({ status }) => status);
}

test("the HTTP client that an SDK is given is used", () =>
    emulated([], async (_, client) => {
        const seen: string[] = [];
        const request = async (request: Request) => {
            seen.push(new URL(request.url).pathname);
            return fetch(request);
        };
        const httpClient: any = { request };
        const codat = connect(client, CodatPlatform, { httpClient });
        assert.equal((await codat.companies.list({}))?.totalResults, 5);
        assert.deepEqual(seen, ["/companies"]);
    }));

test("an SDK without an HTTP client of its own is refused", () =>
    emulated([], async (_, client) => {
        class CodatEarly {}
        assert.throws(() => connect(client, CodatEarly), {
            name: "TypeError",
            message: "argument 'Sdk': CodatEarly takes no HTTP client; use a later version of it",
        });
    }));

test("security(client) is an authHeader, read at first use", () =>
    emulated([], async (emulator) => {
        const client = new Client({ baseUrl: emulator.baseUrl, apiKey: async () => emulator.apiKey });
        const codat = new CodatPlatform({ authHeader: security(client), serverURL: client.baseUrl });
        const keys = await codat.settings.listApiKeys();
        assert.equal(keys?.results?.[0]?.apiKey, emulator.apiKey);
        assert.equal((await codat.companies.list({}))?.totalResults, 5);
    }));

test("an SDK alone makes a second key after a lost response, as README.md says", () =>
    emulated([], async (emulator, client) => {
        const fault = { method: "POST", path: "/apiKeys", fault: "drop-after" };
        const authHeader = `Basic ${Buffer.from(emulator.apiKey).toString("base64")}`;
        const alone = new CodatPlatform({ authHeader, serverURL: emulator.baseUrl });
        await emulator.setFaults([fault]);
        await alone.settings.createApiKey({ name: "alone" });
        await emulator.setFaults([fault]);
        await client.keys.create("with codat-keys");
        const names = (await client.keys.list()).map((key) => key.name);
        const count = (name: string) => names.filter((other) => other === name).length;
        assert.deepEqual([count("alone"), count("with codat-keys")], [2, 1]);
    }));
