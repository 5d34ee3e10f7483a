// The cases of profiles that every language runs, in `tests/profile`.
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";

import { Client, type ClientOptions, CodatError } from "codat-keys";
import { Emulator } from "codat-keys/testing";
import { temporaryFolder } from "./temporary.mjs";

interface Case {
    name: string;
    files?: Record<string, { text: string; mode: string }>;
    environment?: Record<string, string>;
    options?: Pick<ClientOptions, "profile" | "baseUrl"> & { apiKey?: string };
    expect: { key: string | null } | { error: string; message: string; hint: string };
}

const FILE = new URL("../../../tests/profile/cases.json", import.meta.url);
const CASES = JSON.parse(readFileSync(FILE, "utf8")) as Case[];

for (const { name, files = {}, environment = {}, options = {}, expect } of CASES) {
    test(name, { skip: process.platform === "win32" }, async () => {
        await using emulator = new Emulator();
        await using admin = new Client({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey });
        const key = (await admin.keys.create("profile")).key.apiKey.exposeSecret();
        const folder = temporaryFolder();
        const filled = (text: string) =>
            text
                .replaceAll("$FOLDER", folder)
                .replaceAll("$BASE_URL", emulator.baseUrl)
                .replaceAll("$PROFILE_KEY", key)
                .replaceAll("$OTHER_KEY", emulator.apiKey);
        for (const [file, { text, mode }] of Object.entries(files)) {
            const path = join(folder, file);
            mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
            writeFileSync(path, filled(text));
            chmodSync(path, parseInt(mode, 8));
        }
        const given = Object.fromEntries(Object.entries(options).map(([option, value]) => [option, filled(value)]));
        const run = async () => {
            await using client = new Client(given);
            return (await client.whoami()).name;
        };
        const variables = Object.entries({ XDG_CONFIG_HOME: "$FOLDER", ...environment });
        const before = variables.map(([variable]) => [variable, process.env[variable]] as const);
        variables.forEach(([variable, value]) => (process.env[variable] = filled(value)));
        try {
            if ("key" in expect) {
                assert.equal((await run()) ?? null, expect.key);
                return;
            }
            const refused = await run().then(
                () => assert.fail("no error"),
                (error: unknown) => error,
            );
            assert.ok(refused instanceof CodatError, String(refused));
            assert.equal(refused.code, expect.error);
            assert.ok(refused.message.includes(filled(expect.message)), refused.message);
            assert.ok(refused.hint.includes(filled(expect.hint)), refused.hint);
            assert.ok(!`${refused.stack}${refused.hint}`.includes(key));
        } finally {
            for (const [variable, value] of before) {
                if (value === undefined) {
                    delete process.env[variable];
                } else {
                    process.env[variable] = value;
                }
            }
        }
    });
}

test("a profile and a key are not both given", () => {
    assert.throws(
        () => new Client({ apiKey: "MadeUpKey", profile: "work" }),
        /^TypeError: give apiKey or profile, not both/,
    );
});
