// Clients that follow a key file while the command line rotates the key: no call fails, as the emulator's journal has it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { Client } from "codat-keys";
import { AT_ONCE, INTEGRATIONS, type Scene, type Send, load, staged } from "./scene.mjs";
import { LIMIT } from "./support.mjs";
import { temporaryFolder } from "./temporary.mjs";

/** The command line, which `cargo xtask test node` builds. */
const PROGRAM = fileURLToPath(new URL("../../../target/debug/codat-keys", import.meta.url));

const ROTATIONS = 10;

const WAYS: Record<string, (client: Client) => Send> = {
    client: (client) => async (call) => (await client.request("GET", "/profile", { params: { call } })).status,
    ...Object.fromEntries(Object.entries(INTEGRATIONS).filter(([name]) => !name.startsWith("@"))),
};

/** Replaces the key in the file, and deletes the old one. */
async function rotate(scene: Scene, state: string): Promise<void> {
    const { CODAT_API_KEY: _, ...environment } = { ...process.env, ...scene.emulator.environment };
    const env = { ...environment, CODAT_API_KEY_FILE: scene.file, XDG_STATE_HOME: state };
    const rotation = ["rotate", "--to", `file:${scene.file}`, "--grace", "0"];
    await promisify(execFile)(PROGRAM, rotation, { env, timeout: LIMIT });
    await scene.look();
}

test("no call fails while the key in the file is rotated ten times", (t) =>
    staged(async (scene) => {
        // The calls are under way at the same time, and leave time of the processor to the rotations.
        const delay = { method: "GET", path: "/profile", fault: "delay-before", milliseconds: 1000, count: 1_000_000 };
        await scene.emulator.setFaults([delay]);
        let [begun, ends] = [0, false];
        const underWay = new Set<number>();
        // A call is repeated once, so it must not last for two rotations.
        const callsEnd = async () => {
            const before = [...underWay];
            while (!ends && before.some((call) => underWay.has(call))) await setTimeout(20);
        };
        const callers = Object.entries(WAYS).map(async ([way, sender]) => {
            const send = sender(new Client({ baseUrl: scene.emulator.baseUrl, apiKeyFile: scene.file }));
            await load(
                async (call) => {
                    underWay.add(call);
                    assert.equal(await send(call), 200, way);
                    underWay.delete(call);
                },
                () => (ends ? undefined : begun++),
            );
        });
        const all = Promise.all(callers);
        all.catch(() => (ends = true));
        const state = temporaryFolder();
        for (let number = 0; number < ROTATIONS && !ends; number++) {
            await rotate(scene, state);
            await callsEnd();
        }
        ends = true;
        await all;
        const refused = await scene.refused(begun);
        t.diagnostic(`${begun} calls, of which ${refused} were rejected and repeated`);
        assert.ok(refused > 0 && refused <= ROTATIONS * AT_ONCE * callers.length, `${refused}`);
        const client = new Client({ baseUrl: scene.emulator.baseUrl, apiKeyFile: scene.file });
        assert.match((await client.whoami()).name!, /^followed~/);
        assert.equal((await client.keys.list()).length, 2);
    }));
