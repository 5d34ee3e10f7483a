// What the pages show is run as it stands there.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Emulator } from "codat-keys/testing";
import { LIMIT, ended } from "./support.mjs";
import { temporaryFolder } from "./temporary.mjs";

const FOLDER = fileURLToPath(new URL("../..", import.meta.url));
// The suites of several versions of Node run at the same time.
const BUILT = fileURLToPath(new URL(`examples/${process.version}/`, import.meta.url));
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

/** The pages with blocks of JavaScript or TypeScript, and what each of these prints. */
const PAGES = {
    "README.md": [
        /^created ApiKey\(\*{4}.{4}\)\n\[ 'Example Company 00001', 'Example Company 00002' \]\n/,
        /^created\n$/,
        /^the companies of Emulated client, by the key [-\da-f]{36}:\nExample Company 00001\n/,
        /^\d+ bytes\n$/,
        /^state\ncreated\n.*\ngrace { 'store:codat': 'confirmed' }\n$/s,
        /^the next one\n$/,
        /^5 companies\n$/,
        /^200\n$/,
        /^5\n$/,
        /^5\n$/,
        /^replayed 2\n$/,
        /^leaks and unread files: 0\n$/,
        /^$/,
        /^GET \/apiKeys, attempt 1: 200\n$/,
    ],
    "../README.md": [/^this is the key [-\da-f]{36}\n\{\n  id: '.*name: 'Example Company 00001',/s],
    "../docs/integrations.md": [/^5 companies\n$/, /^5 companies\n$/, /^5 companies\n$/, /^5 companies\n$/],
    "../docs/bulk-reads.md": [/^complete: true\n$/],
};

/** For each block of docs/integrations.md: whether the library repeats a request after a 503, as this page says. */
const REPEATS = [false, true, false, true];
mkdirSync(BUILT, { recursive: true });

/** Builds it where needed, and returns the path of what runs. */
function built(name: string, language: string, program: string): string {
    if (language === "js") {
        const path = `${name}.${program.includes("require(") ? "cjs" : "mjs"}`;
        writeFileSync(path, program);
        return path;
    }
    writeFileSync(`${name}.mts`, program);
    execFileSync(process.execPath, [...COMPILE, `${name}.mts`], { cwd: FOLDER, stdio: "inherit", timeout: LIMIT });
    return `${name}.mjs`;
}

for (const [page, prints] of Object.entries(PAGES)) {
    const text = readFileSync(`${FOLDER}/${page}`, "utf8");
    const blocks = [...text.matchAll(/^```(js|ts)\n(.*?)^```$/gms)];

    for (const [at, [, language, program]] of blocks.entries()) {
        // The current version of undici does not run in earlier versions of Node.
        const skip = program!.includes('"undici"') && Number.parseInt(process.versions.node) < 24;
        test(`block ${at + 1} of ${page}, ${language}`, { skip }, async () => {
            await using emulator = new Emulator();
            // The journals of rotations.
            const XDG_STATE_HOME = temporaryFolder();
            const path = built(`${BUILT}${page.split("/").length}-${at + 1}`, language!, program!);
            const child = spawn(process.execPath, [path], {
                cwd: temporaryFolder(),
                env: { ...process.env, ...emulator.environment, XDG_STATE_HOME },
                timeout: LIMIT,
            });
            const { code, said, complained } = await ended(child);
            assert.deepEqual({ code, complained }, { code: 0, complained: "" });
            assert.match(said, prints[at]!);
            assert.ok(!said.includes(emulator.apiKey));
            if (page !== "../docs/integrations.md") return;
            await emulator.setFaults([{ fault: "status", status: 503 }]);
            const env = { ...process.env, ...emulator.environment };
            const again = await ended(spawn(process.execPath, [path], { env, timeout: LIMIT }));
            assert.equal(again.code === 0, REPEATS[at], again.complained);
        });
    }

    test(`every block of ${page} is one of these`, () => assert.equal(blocks.length, prints.length));
}

test("every file of examples is shown, but for the line that says what it is", () => {
    const page = Object.keys(PAGES)
        .map((name) => readFileSync(`${FOLDER}/${name}`, "utf8"))
        .join("");
    const files = readdirSync(`${FOLDER}/examples`).filter((name) => name !== "tsconfig.json");
    for (const name of files) {
        const [heading, program] = readFileSync(`${FOLDER}/examples/${name}`, "utf8").split(/\n\n(.*)/s);
        const fence = name.endsWith(".mts") ? "```ts" : "```js";
        assert.ok(heading!.startsWith("// ") && page.includes(`${fence}\n${program}\`\`\`\n`), name);
    }
});
