// What bundlers make of the package, and what it says where it cannot run.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Emulator } from "codat-keys/testing";
import { buildSync } from "esbuild";
import { HERE, PACKAGE, installed } from "./installed.mjs";
import { LIMIT, ended, start } from "./support.mjs";

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
            timeout: LIMIT,
        });
        assert.equal(status, 1);
        const packages = `@codat-keys/${HERE}.*`;
        const cause = native === null ? "\\. It is" : ": .*codat-keys\\.node";
        assert.match(stderr, new RegExp(`codat-keys has no native module for ${HERE}: ${packages} ${why}${cause}`));
    });
}

/** A version of TypeScript, and its module resolution. Only the earlier version has node10, its default. */
const RESOLUTIONS: Record<string, string[]> = {
    node10: ["typescript-5", "--module", "commonjs"],
    node16: ["typescript", "--module", "node16"],
    bundler: ["typescript", "--module", "esnext", "--moduleResolution", "bundler"],
};

for (const [resolution, [version, ...options]] of Object.entries(RESOLUTIONS)) {
    test(`TypeScript finds every entry point: ${resolution}`, () => {
        const folder = installed();
        for (const name of ["undici", "@types"])
            symlinkSync(join(PACKAGE, "node_modules", name), join(folder, "node_modules", name), "junction");
        const entries = [
            "codat-keys",
            ...["testing", "fetch", "undici", "axios", "official"].map((name) => `codat-keys/${name}`),
        ];
        const program = entries.map((entry, at) => `import * as entry${at} from "${entry}";\nentry${at};\n`).join("");
        writeFileSync(join(folder, "program.ts"), program);
        const tsc = join(PACKAGE, "node_modules", version!, "bin/tsc");
        const whole = [tsc, "--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", ...options, "program.ts"];
        const { stdout, status } = spawnSync(process.execPath, whole, { cwd: folder, encoding: "utf8" });
        assert.deepEqual({ status, stdout }, { status: 0, stdout: "" });
    });
}

for (const entry of ["codat-keys", "codat-keys/fetch"]) {
    test(`in a browser's bundle ${entry} throws, and says why`, () => {
        const outfile = bundle(
            installed(),
            `import * as keys from ${JSON.stringify(entry)}; console.log(keys);`,
            "browser",
        );
        const { stderr } = spawnSync(process.execPath, [outfile], { encoding: "utf8", timeout: LIMIT });
        assert.match(stderr, /codat-keys does not run in a browser: an API key must not be in client code/);
    });
}
