// What the tests share.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { type ApiKeyDetails, Client } from "codat-keys";
import { Emulator } from "codat-keys/testing";
import { temporaryFolder } from "./temporary.mjs";

/** Longer than any test takes, even on a busy machine. */
export const LIMIT = 600_000;

// Ends a test file that hangs; the runner names the test. Node 18 has no --test-timeout.
globalThis
    .setTimeout(() => {
        console.error("a test of this file hangs: it is ended after half an hour");
        process.exit(1);
    }, 1_800_000)
    .unref();

/** Calls never end by themselves. */
export const FOREVER = [{ fault: "delay-before", milliseconds: 600_000, count: 1000 }];

/** Runs with an emulator in which this goes wrong, and a client of it. */
export async function emulated(
    faults: object[],
    run: (emulator: Emulator, client: Client) => Promise<void>,
): Promise<void> {
    await using emulator = new Emulator();
    await using client = new Client({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey });
    await emulator.setFaults(faults);
    await run(emulator, client);
}

/** Runs a program in a child, which finds the emulator by its environment. */
export function start(
    program: string,
    { environment }: Pick<Emulator, "environment">,
    ...options: string[]
): ChildProcess {
    const whole = `import { Client, OutcomeUnknownError } from "codat-keys";\nconst client = new Client();\n${program}`;
    const env = { ...process.env, ...environment };
    const cwd = fileURLToPath(new URL("../..", import.meta.url));
    return spawn(process.execPath, [...options, "--input-type=module", "--eval", whole], { cwd, env, timeout: LIMIT });
}

/** How a child ended, and all that it said. */
export async function ended(child: ChildProcess): Promise<{ code: number | null; said: string; complained: string }> {
    const code = new Promise<number | null>((resolve) => child.on("close", resolve));
    const [said, complained] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
    return { code: await code, said, complained };
}

/** Ends workers that run this amid what they do, again and again; the process goes on and ends well all the same. */
export const workersComeAndGo = (works: string): Promise<void> =>
    emulated([], async (emulator) => {
        const program = `
            import { Worker } from "node:worker_threads";
            for (let round = 0; round < 10; round++) {
                const workers = Array.from({ length: 4 }, () => new Worker(${JSON.stringify(works)}, { eval: true }));
                await new Promise((resolve) => setTimeout(resolve, 30 + 20 * round));
                await Promise.all(workers.map((worker) => worker.terminate()));
            }
            console.log((await client.keys.list()).length);
        `;
        const child = await ended(start(program, emulator));
        assert.deepEqual(child, { code: 0, said: "1\n", complained: "" });
    });

/** Waits until the journal shows it. */
export async function until(seen: (journal: any[]) => unknown, emulator: Emulator): Promise<void> {
    for (let looked = 0; looked < 2000; looked++) {
        if (seen(await emulator.journal())) {
            return;
        }
        await setTimeout(5);
    }
    throw new Error(JSON.stringify(await emulator.journal()));
}

/** The path of a file with this text, for its owner alone. */
export function kept(text: string): string {
    const path = join(temporaryFolder(), "kept");
    writeFileSync(path, text, { mode: 0o600 });
    return path;
}

/** For `JSON.parse`: an idempotency key in place of `{"minutesAgo": 5}`. */
export function withKeys(_: string, value: any): unknown {
    if (value?.minutesAgo === undefined) {
        return value;
    }
    const digits = (Date.now() - value.minutesAgo * 60_000).toString(16).padStart(12, "0");
    return `${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-000000000000`;
}

/** A key as scenarios show it. */
export function shown({ id, name, apiKey, createdDate }: ApiKeyDetails, inUse: boolean): object {
    return { id, name, created: createdDate && createdDate.toISOString(), inUse, key: apiKey.masked() };
}

/** A request as scenarios show it. */
export function journalled({ method, path, status, ended = "running", replayed }: any): string {
    return `${method} ${path} ${status ?? ended}${replayed ? " replayed" : ""}`;
}

/** Whether all that is expected is there; a `Date` holds milliseconds. */
export function holds(expected: any, actual: any): boolean {
    if (typeof expected === "string" && /^\d{4}-\d\d-\d\dT/.test(expected))
        return actual === new Date(expected).toISOString();
    if (typeof expected !== "object" || expected === null) return expected === actual;
    if (Array.isArray(expected) && expected.length !== actual?.length) return false;
    return (
        typeof actual === "object" &&
        actual !== null &&
        Object.keys(expected).every((name) => name in actual && holds(expected[name], actual[name]))
    );
}
