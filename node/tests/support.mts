// What the tests share.
import { type ChildProcess, spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { Emulator } from "codat-keys/testing";

/** Calls never end by themselves. */
export const FOREVER = [{ fault: "delay-before", milliseconds: 600_000, count: 1000 }];

/** Runs a program in a child, which finds the emulator by its environment. */
export function start(program: string, emulator: Emulator, ...options: string[]): ChildProcess {
    const whole = `import { Client, OutcomeUnknownError } from "codat-keys";\nconst client = new Client();\n${program}`;
    const env = { ...process.env, ...emulator.environment };
    const cwd = fileURLToPath(new URL("../..", import.meta.url));
    return spawn(process.execPath, [...options, "--input-type=module", "--eval", whole], { cwd, env, timeout: 60_000 });
}

/** How a child ended, and all that it said. */
export async function ended(child: ChildProcess): Promise<{ code: number | null; said: string; complained: string }> {
    const code = new Promise<number | null>((resolve) => child.on("close", resolve));
    const [said, complained] = await Promise.all([text(child.stdout!), text(child.stderr!)]);
    return { code: await code, said, complained };
}

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
