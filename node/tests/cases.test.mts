// The files of `tests/encode` and `tests/scenario`, through the package as ESM and as CommonJS.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import * as esm from "codat-keys";
import { Emulator } from "codat-keys/testing";

const CASES = fileURLToPath(new URL("../../../tests", import.meta.url));
const PACKAGES: Record<string, typeof esm> = { esm, cjs: createRequire(import.meta.url)("codat-keys") };
const read = (...path: string[]) => JSON.parse(readFileSync(join(CASES, ...path), "utf8"));

function headerOf({ as, given }: any, { AuthorizationHeader, Client, encode }: typeof esm): string {
    if (as !== "either") {
        return as === "key" ? encode(given) : new AuthorizationHeader(given).exposeSecret();
    }
    process.env.CODAT_API_KEY_FILE = join(mkdtempSync(join(tmpdir(), "codat-keys-")), "key");
    writeFileSync(process.env.CODAT_API_KEY_FILE, given);
    const client = new Client();
    return client.authorizationFor(client.baseUrl).exposeSecret();
}

async function perform(client: esm.Client, step: any): Promise<unknown> {
    const { keys } = client, own = client.authorizationFor(client.baseUrl).apiKey;
    const show = ({ id, name, apiKey, createdDate }: esm.ApiKeyDetails) =>
        ({ id, name, created: createdDate?.toISOString() ?? null, inUse: apiKey.equals(own), key: apiKey.masked() });
    switch (step.call) {
        case "list": return { keys: (await keys.list()).map(show) };
        case "find": return { keys: (await keys.find(step.name)).map(show) };
        case "get": return { key: show(await keys.get(step.id)) };
        case "whoami": return { key: show(await client.whoami()) };
        case "create": {
            const { key, how, extras } = await keys.create(step.name, step);
            return { key: show(key), how, extras: extras && extras.map((extra) => extra.id) };
        }
        case "delete": return (await keys.delete(step.id, step)) ?? {};
        case "request": {
            const answer = await client.request(step.method, step.path, { json: step.body });
            return { status: answer.status, json: answer.content.length > 0 ? answer.json() : null };
        }
        default: {
            const results = [];
            for await (const page of client.pages(step.path, step)) results.push(...page.results);
            return { results };
        }
    }
}

async function scenario({ emulator: state, faults = [], steps, key: first, saw, namesAtEnd }: any, { Client }: typeof esm): Promise<void> {
    await using emulator = new Emulator();
    await emulator.setState(state);
    await emulator.setFaults(faults);
    for (const { timeout, key, expect, ...step } of steps) {
        const { minutesAgo } = step.idempotencyKey ?? {};
        if (minutesAgo !== undefined) step.idempotencyKey = uuid7(minutesAgo);
        const apiKey = key ?? first ?? state.keys[0].apiKey;
        const client = new Client({ baseUrl: emulator.baseUrl, apiKey, timeout: timeout && timeout * 1000 });
        const refused = ({ code, candidates }: any) => ({ error: code, candidates: candidates?.map((key: any) => key.name) ?? null });
        const outcome = await perform(client, step).catch(refused);
        assert.ok(holds(expect, outcome), JSON.stringify(outcome));
    }
    const lines = (await emulator.journal()).map(({ method, path, status, ended = "running", replayed }) =>
        `${method} ${path} ${status ?? ended}${replayed ? " replayed" : ""}`);
    assert.deepEqual(lines.filter((line, at) => line !== lines[at - 1]), saw);
    assert.deepEqual((await emulator.state()).keys.map((key: any) => key.name ?? null), namesAtEnd);
}

function uuid7(minutesAgo: number): string {
    const digits = (Date.now() - minutesAgo * 60_000).toString(16).padStart(12, "0");
    return `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-000000000000`;
}

function holds(expected: any, actual: any): boolean {
    if (typeof expected === "string" && /^\d{4}-\d\d-\d\dT/.test(expected)) return actual === new Date(expected).toISOString();
    if (typeof expected !== "object" || expected === null) return expected === actual;
    if (Array.isArray(expected) && expected.length !== actual?.length) return false;
    return typeof actual === "object" && actual !== null && Object.keys(expected).every((name) => name in actual && holds(expected[name], actual[name]));
}

for (const [kind, module] of Object.entries(PACKAGES)) {
    describe(kind, { concurrency: 16 }, () => {
        for (const given of read("encode", "accepted.json").cases) {
            test(given.name, () => assert.equal(headerOf(given, module), given.header));
        }
        for (const given of read("encode", "refused.json").cases) {
            test(given.name, () => assert.throws(() => headerOf(given, module), (error: any) =>
                error instanceof esm.InvalidCredentialError && error.message.endsWith(given.refused) && error.hint !== ""));
        }
        for (const file of readdirSync(join(CASES, "scenario"))) test(file, () => scenario(read("scenario", file), module));
    });
}
