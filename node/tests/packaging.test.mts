// What bundlers make of the package, and what it says where it cannot run.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, cpSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Emulator } from "codat-keys/testing";
import { buildSync } from "esbuild";
import typescript, { type NamedImports } from "typescript-5";
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

test("a native module in the modules of a folder above is not loaded", () => {
    const above = installed();
    const project = join(above, "project");
    cpSync(join(above, "node_modules", "codat-keys"), join(project, "node_modules", "codat-keys"), { recursive: true });
    const program = [process.execPath, ["--eval", "require('codat-keys')"]] as const;
    const { stderr, status } = spawnSync(...program, { cwd: project, encoding: "utf8", timeout: LIMIT });
    assert.equal(status, 1);
    assert.match(stderr, /is not installed/);
});

/** A version of TypeScript, and its module resolution. Only the earlier version has node10, its default. */
const RESOLUTIONS: Record<string, string[]> = {
    node10: ["typescript-5", "--module", "commonjs"],
    node16: ["typescript", "--module", "node16"],
    bundler: ["typescript", "--module", "esnext", "--moduleResolution", "bundler"],
};

/** A file that uses every public name. */
const USES = join(PACKAGE, "tests/types/public-names.ts");

for (const [resolution, [version, ...options]] of Object.entries(RESOLUTIONS)) {
    test(`TypeScript checks a program that uses every public name: ${resolution}`, () => {
        const folder = installed();
        for (const name of ["undici", "@types"])
            symlinkSync(join(PACKAGE, "node_modules", name), join(folder, "node_modules", name), "junction");
        copyFileSync(USES, join(folder, "program.ts"));
        const tsc = join(PACKAGE, "node_modules", version!, "bin/tsc");
        const checks = ["--strict", "--exactOptionalPropertyTypes", "--noUnusedLocals", "--skipLibCheck"];
        const whole = [tsc, "--noEmit", ...checks, "--target", "es2022", ...options, "program.ts"];
        const { stdout, status } = spawnSync(process.execPath, whole, { cwd: folder, encoding: "utf8" });
        assert.deepEqual({ status, stdout }, { status: 0, stdout: "" });
    });
}

test("the program that uses every public name imports every export", () => {
    const options = { module: typescript.ModuleKind.NodeNext, types: ["node"], skipLibCheck: true };
    const program = typescript.createProgram([USES], options);
    const checker = program.getTypeChecker();
    const imports = program.getSourceFile(USES)!.statements.filter(typescript.isImportDeclaration);
    const ours = imports.filter(({ moduleSpecifier }) => moduleSpecifier.getText().includes("codat-keys"));
    assert.equal(ours.length, 8, "one import for each entry point");
    for (const { moduleSpecifier, importClause } of ours) {
        const exports = checker.getExportsOfModule(checker.getSymbolAtLocation(moduleSpecifier)!);
        const { elements } = importClause!.namedBindings as NamedImports;
        const imported = elements.map(({ name, propertyName = name }) => propertyName.text);
        assert.deepEqual(exports.map(({ name }) => name).sort(), imported.sort(), moduleSpecifier.getText());
    }
});

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
