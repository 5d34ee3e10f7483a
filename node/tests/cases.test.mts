// The files of `tests/encode` and `tests/scenario`, through the package as ESM and as CommonJS.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as esm from "codat-keys";
import { Emulator } from "codat-keys/testing";
import { holds, journalled, kept, shown, withKeys } from "./support.mjs";

const CASES = fileURLToPath(new URL("../../../tests", import.meta.url));
const PACKAGES: Record<string, typeof esm> = { esm, cjs: createRequire(import.meta.url)("codat-keys") };
const read = (...path: string[]) => JSON.parse(readFileSync(join(CASES, ...path), "utf8"), withKeys);
const SCENARIOS = readdirSync(join(CASES, "scenario"));
const TIMED = SCENARIOS.filter((file) => read("scenario", file).steps.some((step: any) => step.timeout));
const OTHERS = SCENARIOS.filter((file) => !TIMED.includes(file));

function headerOf({ as, given }: any, { AuthorizationHeader, Client, encode }: typeof esm): string {
    if (as === "key") return encode(given);
    if (as === "header") return new AuthorizationHeader(given).exposeSecret();
    process.env.CODAT_API_KEY_FILE = kept(given);
    const client = new Client();
    return client.authorizationFor(client.baseUrl).exposeSecret();
}

type Verb = (client: esm.Client, step: any, show: (key: esm.ApiKeyDetails) => object) => Promise<unknown>;

const VERBS: Record<string, Verb> = {
    list: async ({ keys }, _, show) => ({ keys: (await keys.list()).map(show) }),
    find: async ({ keys }, { name }, show) => ({ keys: (await keys.find(name)).map(show) }),
    get: async ({ keys }, { id }, show) => ({ key: show(await keys.get(id)) }),
    whoami: async (client, _, show) => ({ key: show(await client.whoami()) }),
    create: async ({ keys }, { call, name, ...options }, show) => {
        const { key, how, extras } = await keys.create(name, options);
        return { key: show(key), how, extras: extras && extras.map((extra) => extra.id) };
    },
    delete: async ({ keys }, { call, id, ...options }) => (await keys.delete(id, options)) ?? {},
    request: async (client, { method, path, body, headers }) => {
        const answer = await client.request(method, path, { json: body, headers });
        return { status: answer.status, json: answer.content.length > 0 ? answer.json() : null };
    },
    pages: async (client, { call, method, path, ...options }) => {
        const results = [];
        for await (const page of client.pages(path, options)) results.push(...page.results);
        return { results };
    },
};

async function scenario({ emulator: state, faults = [], ...rest }: any, { Client }: typeof esm): Promise<void> {
    await using emulator = new Emulator();
    await emulator.setState(state);
    await emulator.setFaults(faults);
    for (const { timeout, key, expect, ...step } of rest.steps) {
        const apiKey = key ?? rest.key ?? state.keys[0].apiKey;
        const client = new Client({ baseUrl: emulator.baseUrl, apiKey, timeout: timeout && timeout * 1000 });
        const show = (key: esm.ApiKeyDetails) => shown(key, key.apiKey.equals(new esm.ApiKey(apiKey)));
        const outcome = await VERBS[step.call]!(client, step, show).catch((error) => {
            const { code, candidates: keys, attempts, elapsed } = error;
            assert.equal(attempts === 0, elapsed === 0);
            return { error: code, candidates: keys?.map((key: any) => key.name) ?? null, attempts };
        });
        assert.ok(holds(expect, outcome), JSON.stringify(outcome));
    }
    const lines = (await emulator.journal()).map(journalled);
    const names = (await emulator.state()).keys.map((key: any) => key.name ?? null);
    const saw: string[] = rest.saw.filter((line: string) => !line.startsWith("cli: "));
    const inTime = saw.map((line) => line.replace(/^in time: /, ""));
    const late = saw.filter((line) => !line.startsWith("in time: "));
    assert.deepEqual([lines, names], [lines.length < saw.length ? late : inTime, rest.namesAtEnd]);
}

function refuses(given: any, module: typeof esm): void {
    assert.throws(
        () => headerOf(given, module),
        ({ code, message, hint }: any) => code === "invalid_credential" && message.endsWith(given.refused) && !!hint,
    );
}

for (const [kind, module] of Object.entries(PACKAGES)) {
    describe(kind, { concurrency: 16 }, () => {
        for (const given of read("encode", "accepted.json").cases)
            test(given.name, () => assert.equal(headerOf(given, module), given.header));
        for (const given of read("encode", "refused.json").cases) test(given.name, () => refuses(given, module));
        for (const file of OTHERS) test(file, () => scenario(read("scenario", file), module));
    });
    // These scenarios run after the other ones, which would slow them down.
    describe(`${kind}, with a timeout`, { concurrency: 16 }, () => {
        for (const file of TIMED) test(file, () => scenario(read("scenario", file), module));
    });
}
