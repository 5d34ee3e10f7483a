// What a new user meets first: one error, which says what is wrong and what to do.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Emulator } from "codat-keys/testing";
import { LIMIT, ended } from "./support.mjs";

const FOLDER = fileURLToPath(new URL("../..", import.meta.url));
const SLOW = [{ path: "/companies", fault: "delay-before", milliseconds: 600_000, count: 9 }];

/** A program, the error that it ends with, and what is said to be done. */
const MISTAKES: Record<string, [string, string, string?]> = {
    "wrong key": [
        `await new Client({ apiKey: "MadeUpKeyThatIsNotInUse" }).keys.list()`,
        "UnauthorizedError: Codat does not accept the API key (HTTP 401; ",
        "the key is wrong or was deleted",
    ],
    "no key": [
        `delete process.env.CODAT_API_KEY; new Client()`,
        "NoCredentialError: no API key was given",
        "set CODAT_API_KEY",
    ],
    "wrong base URL": [
        `await new Client({ baseUrl: "api.codat.io" }).keys.list()`,
        "InvalidInputError: the base URL is not a URL",
        "write it like https://api.codat.io",
    ],
    "no server": [
        `await new Client({ baseUrl: "http://127.0.0.1:1", retry: false }).keys.list()`,
        "ConnectError: no connection to http://127.0.0.1:1 could be made: ",
        "check the base URL",
    ],
    "wrong type": [`await new Client().keys.create(5)`, "TypeError: argument 'name' must be a string, and is a number"],
    "wrong time-out": [
        `new Client({ timeout: -1 })`,
        "InvalidInputError: a time-out is not above zero",
        "give a time-out above zero",
    ],
    closed: [
        `const client = new Client(); await client.close(); await client.keys.list()`,
        "ClosedError: the client is closed",
        "create a new client",
    ],
    "no time left": [
        `await new Client({ timeout: 100 }).request("GET", "/companies")`,
        "TimeoutError: no response arrived in time",
        "try again, or allow more time",
    ],
    "a key in place of the options": [
        `new Client("MadeUpKey")`,
        "TypeError: argument 'options' must be an object, and is a string",
    ],
    "without await": [`new Client({ apiKey: "MadeUpKeyThatIsNotInUse" }).keys.list()`, "UnauthorizedError: Codat does"],
    "without new": [`Client()`, "TypeError: Class constructor Client cannot be invoked without 'new'"],
};

const IMPORTS = {
    module: 'import { Client } from "codat-keys";\n',
    commonjs: 'const { Client } = require("codat-keys");\n',
};

for (const [kind, imports] of Object.entries(IMPORTS)) {
    for (const [mistake, [program, says, hint]] of Object.entries(MISTAKES)) {
        test(`one error says it, ${kind}: ${mistake}`, async () => {
            await using emulator = new Emulator();
            await emulator.setFaults(SLOW);
            const whole = kind === "module" ? program : `(async () => { ${program} })()`;
            const child = spawn(process.execPath, [`--input-type=${kind}`, "--eval", imports + whole], {
                cwd: FOLDER,
                env: { ...process.env, ...emulator.environment },
                timeout: LIMIT,
            });
            const { code, said, complained } = await ended(child);
            assert.deepEqual([code, said], [1, ""], complained);
            assert.equal(complained.split(/^\w*Error: /m).length, 2, complained);
            assert.ok(complained.includes(`\n${says}`), complained);
            assert.ok(hint === undefined || new RegExp(`\n  hint: ['"\`]${hint}`).test(complained), complained);
            // Without an await, no stack contains the line.
            assert.ok(mistake === "without await" || /\[eval1?\]:\d/.test(complained), complained);
            for (const noise of ["panicked", "RUST_BACKTRACE", "GenericFailure", "InvalidArg", "Warning"]) {
                assert.ok(!complained.includes(noise), complained);
            }
        });
    }
}
