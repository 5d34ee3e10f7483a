// The package in other runtimes that take packages of npm, as `cargo xtask test` installs them: `node/runtimes`.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Emulator } from "codat-keys/testing";
import { installed } from "./installed.mjs";
import { LIMIT, ended } from "./support.mjs";

const RUNTIMES = fileURLToPath(new URL("../../../target/runtimes/node_modules/", import.meta.url));
const COMMANDS = {
    bun: ["bun/bin/bun.exe"],
    deno: [process.platform === "win32" ? "deno/deno.exe" : "deno/deno", "run", "--allow-all"],
};

const PROGRAM = `
import diagnostics from "node:diagnostics_channel";
import { Client, NotFoundError } from "codat-keys";
import { codatFetch } from "codat-keys/fetch";
import { Emulator } from "codat-keys/testing";

const client = new Client();
const made = await client.keys.create("made elsewhere");
console.log(made.how, (await client.keys.list()).length);
for await (const page of client.pages("/companies", { pageSize: 2 })) console.log(page.results.length);
for await (const { name } of client.pages("/companies", { pageSize: 3 }).items()) console.log(name.slice(-1));
const observe = ({ path, attempt, status }) => console.log(path, attempt, status);
diagnostics.subscribe("codat-keys:attempt:response", observe);
await client.keys.list();
diagnostics.unsubscribe("codat-keys:attempt:response", observe);
const missing = await client.keys.get("00000000-0000-4000-8000-000000000000").catch((error) => error);
console.log(missing instanceof NotFoundError, missing.code);
const asks = new Client({ apiKey: async () => process.env.CODAT_API_KEY });
const waits = new Client({ apiKey: async () => (await waits.whoami()).apiKey });
console.log((await asks.whoami()).name, (await waits.whoami().catch((error) => error)).cause.name);
console.log((await codatFetch(client)(client.baseUrl + "/companies")).status);

const slow = new Emulator();
await slow.setFaults([{ fault: "delay-before", milliseconds: 600_000, count: 1000 }]);
const waiting = new Client({ baseUrl: slow.baseUrl, apiKey: slow.apiKey });
const aborted = await waiting.keys.list({ signal: AbortSignal.timeout(100) }).catch((error) => error);
console.log(aborted.name);
console.log(made.key.apiKey, JSON.stringify(made.key), made.key.apiKey.exposeSecret().length);
`;

for (const [name, [command, ...options]] of Object.entries(COMMANDS)) {
    test(`${name} does as Node does, and ends by itself`, async () => {
        await using emulator = new Emulator();
        const folder = installed();
        writeFileSync(join(folder, "program.mjs"), PROGRAM);
        const env = { ...process.env, ...emulator.environment };
        const child = spawn(join(RUNTIMES, command!), [...options, "program.mjs"], {
            cwd: folder,
            env,
            timeout: LIMIT,
        });
        const { code, said, complained } = await ended(child);
        assert.deepEqual({ code, complained }, { code: 0, complained: "" });
        const [did, shown] = said.split(/(?<=TimeoutError\n)/);
        assert.equal(
            did,
            "created 2\n2\n2\n1\n1\n2\n3\n4\n5\n/apiKeys 1 200\ntrue not_found\nnull Error\n200\nTimeoutError\n",
        );
        assert.match(shown!, /^ApiKey\(\*{4}.{4}\) \{.*"apiKey":"ApiKey\(\*{4}.{4}\)".*\} 40\n$/);
    });
}

const PROXIED = `
import { Client } from "codat-keys";
import { codatFetch } from "codat-keys/fetch";

const client = new Client();
const get = () => codatFetch(client)(client.baseUrl + "/companies").then(({ status }) => status, ({ code }) => code);
console.log(await get());
process.env.NO_PROXY = "127.0.0.1";
console.log(await get());
`;

for (const [name, [command, ...options]] of Object.entries(COMMANDS)) {
    test(`${name} sends no key to a proxy of the environment`, async () => {
        await using emulator = new Emulator();
        let connections = 0;
        const proxy = createServer((socket) => {
            connections += 1;
            socket.destroy();
        });
        await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
        const folder = installed();
        writeFileSync(join(folder, "proxied.mjs"), PROXIED);
        const HTTP_PROXY = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
        const env = { ...process.env, ...emulator.environment, HTTP_PROXY };
        try {
            const child = spawn(join(RUNTIMES, command!), [...options, "proxied.mjs"], {
                cwd: folder,
                env,
                timeout: LIMIT,
            });
            const { said, complained } = await ended(child);
            assert.deepEqual(
                { said, complained, connections },
                {
                    said: "invalid_input\n200\n",
                    complained: "",
                    connections: 0,
                },
            );
        } finally {
            proxy.close();
        }
    });
}
