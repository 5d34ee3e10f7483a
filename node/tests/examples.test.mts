// What README.md shows is run as it stands there.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Emulator } from "codat-keys/testing";
import { ended } from "./support.mjs";

const FOLDER = fileURLToPath(new URL("../..", import.meta.url));
const BUILT = fileURLToPath(new URL("examples/", import.meta.url));
const COMPILE = [
    "node_modules/typescript/bin/tsc",
    "--ignoreConfig",
    "--strict",
    "--module",
    "nodenext",
    "--target",
    "es2022",
    "--lib",
    "es2023,esnext.disposable",
    "--types",
    "node",
];
const PRINTS = [
    /^created ApiKey\(••••.{4}\)\n\[ 'Example Company 00001', 'Example Company 00002' \]\n/,
    /^created\n$/,
    /^200\n$/,
    /^replayed 2\n$/,
];

const blocks = [...readFileSync(`${FOLDER}/README.md`, "utf8").matchAll(/^```(\w+)\n(.*?)^```$/gms)];
mkdirSync(BUILT, { recursive: true });

for (const [at, [, language, program]] of blocks.entries()) {
    test(`block ${at + 1} of README.md, ${language}`, async () => {
        await using emulator = new Emulator();
        const name = `${BUILT}block-${at + 1}`;
        const end = program!.includes("require(") ? "cjs" : "mjs";
        writeFileSync(language === "ts" ? `${name}.mts` : `${name}.${end}`, program!);
        if (language === "ts") {
            execFileSync(process.execPath, [...COMPILE, `${name}.mts`], { cwd: FOLDER, stdio: "inherit" });
        }
        const child = spawn(process.execPath, [`${name}.${end}`], { env: { ...process.env, ...emulator.environment } });
        const { code, said, complained } = await ended(child);
        assert.deepEqual({ code, complained }, { code: 0, complained: "" });
        assert.match(said, PRINTS[at]!);
        assert.ok(!said.includes(emulator.apiKey));
    });
}

test("every block is one of these", () => assert.equal(blocks.length, PRINTS.length));
