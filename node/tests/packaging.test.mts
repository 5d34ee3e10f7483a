// What bundlers make of the package, and what it says where it cannot run.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { Emulator } from "codat-keys/testing";
import { buildSync } from "esbuild";
import { ended, start } from "./support.mjs";

const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
const HERE = `${process.platform}-${process.arch}`;

const NATIVE = join(PACKAGE, "codat-keys.node");

/** A folder with the package as it is published, and its native module, if any, in the package of this platform. */
function installed(native: string | null = NATIVE): string {
    const folder = mkdtempSync(join(tmpdir(), "codat-keys-"));
    const modules = join(folder, "node_modules");
    for (const part of ["dist", "package.json"])
        cpSync(join(PACKAGE, part), join(modules, "codat-keys", part), { recursive: true });
    if (native !== null) {
        const platform = join(modules, "@codat-keys", HERE + (process.platform === "linux" ? "-gnu" : ""));
        mkdirSync(platform, { recursive: true });
        cpSync(native, join(platform, "codat-keys.node"));
    }
    return folder;
}

function bundle(folder: string, program: string, platform: "node" | "browser"): string {
    const [entry, outfile] = [join(folder, "entry.mjs"), join(folder, "bundle.cjs")];
    writeFileSync(entry, program);
    buildSync({ entryPoints: [entry], outfile, bundle: true, platform, format: "cjs", logLevel: "silent" });
    return outfile;
}

test("the native module of this platform's package is taken, also by a bundle", async () => {
    await using emulator = new Emulator();
    const program = `import { Client } from "codat-keys"; new Client().keys.list().then((keys) => console.log(keys.length));`;
    const outfile = bundle(installed(), program, "node");
    const child = start(`await import(${JSON.stringify(outfile)})`, emulator);
    assert.deepEqual(await ended(child), { code: 0, said: "1\n", complained: "" });
});

for (const [native, why] of [
    [null, "is not installed"],
    [join(PACKAGE, "package.json"), "does not load"],
] as const) {
    test(`the error for a module that ${why} names the platform`, () => {
        const { stderr, status } = spawnSync(process.execPath, ["--eval", "require('codat-keys')"], {
            cwd: installed(native),
            encoding: "utf8",
        });
        assert.equal(status, 1);
        const packages = `@codat-keys/${HERE}.*`;
        const cause = native === null ? "\\. It is" : ": .*codat-keys\\.node";
        assert.match(stderr, new RegExp(`codat-keys has no native module for ${HERE}: ${packages} ${why}${cause}`));
    });
}

for (const entry of ["codat-keys", "codat-keys/fetch"]) {
    test(`in a browser's bundle ${entry} throws, and says why`, () => {
        const outfile = bundle(
            installed(),
            `import * as keys from ${JSON.stringify(entry)}; console.log(keys);`,
            "browser",
        );
        const { stderr } = spawnSync(process.execPath, [outfile], { encoding: "utf8" });
        assert.match(stderr, /codat-keys does not run in a browser: an API key must not be in client code/);
    });
}
