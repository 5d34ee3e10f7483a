// The plug-ins of bundlers, in real builds.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";

import * as esbuild from "esbuild";
import { rollup } from "rollup";
import webpack from "webpack";

import { Client, encode } from "codat-keys";
import { type BundlerOptions, LeakError, codatEsbuild, codatRollup, codatVite, codatWebpack } from "codat-keys/bundler";
import { Emulator } from "codat-keys/testing";
import { temporaryFolder } from "./temporary.mjs";

const KEY = "MadeUpKey" + "q7Zr2Lx9Tb4Wn8Vc1Ym5Hd3Kf6Pg0Js";

/** Sources that hold no key in any output. */
const CLEAN = {
    "src/main.js": 'import { greet } from "./greet.js";\ndocument.title = greet("you");\n',
    "src/greet.js": "export const greet = (who) => `Hello, ${who}`;\n",
};
/** A module with a key. */
const LEAKY = { ...CLEAN, "src/greet.js": `// A module.\nexport const greet = (who) => who + "${KEY}";\n` };
/** A key that minifiers remove, so that only the source map has it. */
const COMMENT = { ...CLEAN, "src/main.js": `// ${encode(KEY)}\ndocument.title = "you";\n` };
/** The key in a file that is inlined as a data URL. */
const SVG = `<svg xmlns="http://www.w3.org/2000/svg"><desc>${KEY}</desc></svg>`;
const ASSET = {
    ...CLEAN,
    "src/main.js": 'import url from "./logo.svg";\ndocument.title = url;\n',
    "src/logo.svg": SVG,
};
/** The key from the environment of the build. */
const DEFINED = { ...CLEAN, "src/main.js": "document.title = process.env.TITLE;\n" };

type Files = Record<string, string>;
type Settings = { keys?: BundlerOptions["keys"]; sourcemap?: boolean; define?: Record<string, string> };

function project(files: Files): string {
    const root = temporaryFolder();
    for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, name)), { recursive: true });
        writeFileSync(join(root, name), text);
    }
    return root;
}

const options = (settings: Settings): BundlerOptions => ({ keys: "keys" in settings ? settings.keys : [KEY] });

// Vite does not run in Node 18.
// The plug-ins are the same in each version of Node. The builds load all cores, so one version runs them.
const isRun = Number.parseInt(process.versions.node) === 20;
const vite = isRun ? await import("vite") : undefined;
const skip = !isRun && "the tests of Node 20 run the bundlers";

const BUILDS: Record<string, (root: string, settings: Settings) => Promise<unknown>> = {
    async vite(root, settings) {
        writeFileSync(join(root, "index.html"), '<script type="module" src="/src/main.js"></script>\n');
        return vite!.build({
            root,
            configFile: false,
            logLevel: "silent",
            build: { sourcemap: settings.sourcemap ?? false },
            define: settings.define ?? {},
            plugins: [codatVite(options(settings))],
        });
    },
    async rollup(root, { sourcemap = false, ...settings }) {
        const bundle = await rollup({
            input: join(root, "src/main.js"),
            plugins: [
                {
                    // What the plug-ins "replace" and "url" do.
                    name: "replace",
                    transform: (code, id) => {
                        if (id.endsWith(".svg")) return `export default "data:image/svg+xml;base64,${btoa(code)}"`;
                        const title = settings.define?.["process.env.TITLE"];
                        return title && code.replace("process.env.TITLE", title);
                    },
                },
                codatRollup(options(settings)),
            ],
        });
        return bundle.write({ dir: join(root, "dist"), sourcemap });
    },
    webpack(root, settings) {
        const compiler = webpack({
            context: root,
            mode: "production",
            entry: "./src/main.js",
            output: { path: join(root, "dist") },
            devtool: settings.sourcemap ? "source-map" : false,
            module: { rules: [{ test: /\.svg$/, type: "asset/inline" }] },
            plugins: [new webpack.DefinePlugin(settings.define ?? {}), codatWebpack(options(settings))],
        });
        return new Promise((resolve, reject) => {
            compiler.run((error, stats) => {
                compiler.close(() => (error ? reject(error) : resolve(stats!.toJson({ all: false, errors: true }))));
            });
        });
    },
    esbuild(root, settings) {
        return esbuild.build({
            absWorkingDir: root,
            entryPoints: ["src/main.js"],
            bundle: true,
            minify: true,
            outdir: "dist",
            sourcemap: settings.sourcemap ?? false,
            loader: { ".svg": "dataurl" },
            define: settings.define ?? {},
            logLevel: "silent",
            plugins: [codatEsbuild(options(settings))],
        });
    },
};

/** The error of a build that must fail. Nothing was written, and nothing shows the key. */
async function failed(bundler: string, root: string, settings: Settings = {}): Promise<Error> {
    const error = await BUILDS[bundler]!(root, settings).then(
        () => assert.fail("the build has not failed"),
        (error) => error,
    );
    const written = existsSync(join(root, "dist")) ? readdirSync(join(root, "dist"), { recursive: true }) : [];
    assert.deepEqual(written, []);
    for (const text of [inspect(error, { depth: 9 }), error.message, error.stack]) {
        assert.ok(!text.includes(KEY.slice(0, -4)) && !text.includes(encode(KEY).slice(6, -8)), "a key is shown");
    }
    return error;
}

for (const bundler of Object.keys(BUILDS)) {
    const named = (name: string, run: () => Promise<void>) => test(`${bundler}: ${name}`, { skip }, run);

    named("a clean build passes", async () => {
        const root = project(CLEAN);
        await BUILDS[bundler]!(root, { sourcemap: true, define: { "process.env.TITLE": '"a title"' } });
        const files = readdirSync(join(root, "dist"), { recursive: true }).map(String);
        assert.ok(
            files.some((file) => file.endsWith(".js")) && files.some((file) => file.endsWith(".js.map")),
            `${files}`,
        );
    });

    named("a key in a module fails the build, and the error names chunk, line and module", async () => {
        const { message } = await failed(bundler, project(LEAKY));
        assert.match(message, /the build contains an API key of Codat:\n {2}\S+\.js:\d+:\d+, from .*greet\.js/);
        assert.match(message, /\(plain text\)\n.*…g0Js/);
        assert.match(message, /codat-keys rotate/);
    });

    named("a key in sourcesContent of a source map fails the build", async () => {
        const { message } = await failed(bundler, project(COMMENT), { sourcemap: true });
        assert.match(message, /\.js\.map › .*main\.js:1:10 \(Base64\)/);
    });

    named("a key in an inlined asset fails the build", async () => {
        const { message } = await failed(bundler, project(ASSET));
        assert.match(message, /\.js:\d+:\d+, from .*logo\.svg/);
    });

    named("a key in a constant of the build fails the build", async () => {
        const define = { "process.env.TITLE": JSON.stringify(encode(KEY)) };
        const { message } = await failed(bundler, project(DEFINED), { define });
        assert.match(message, /\.js:\d+:\d+.*\(Base64\)/);
    });

    named("the key of the environment is searched for", async () => {
        process.env.CODAT_API_KEY = KEY;
        await failed(bundler, project(LEAKY), { keys: undefined });
        await BUILDS[bundler]!(project(CLEAN), { keys: undefined });
        delete process.env.CODAT_API_KEY;
    });

    named("a build without a key to search for fails", async () => {
        const { message } = await failed(bundler, project(CLEAN), { keys: undefined });
        assert.match(message, /CODAT_API_KEY/);
        assert.match((await failed(bundler, project(CLEAN), { keys: [] })).message, /at least one key/);
    });

    named("a function gives the keys, and the error names the key", async () => {
        await using emulator = new Emulator();
        const client = new Client(emulator);
        const { key } = await client.keys.create("browser");
        const leak = { ...CLEAN, "src/greet.js": `export const greet = () => "${key.apiKey.exposeSecret()}";\n` };
        const { message } = await failed(bundler, project(leak), { keys: () => client.keys.list() });
        assert.match(message, /\(plain text, the key browser\)/);
    });
}

test("vite: a key in import.meta.env fails the build", { skip }, async () => {
    const files = {
        ...CLEAN,
        ".env": `VITE_CODAT_KEY=${KEY}\n`,
        "src/main.js": "document.title = import.meta.env.VITE_CODAT_KEY;\n",
    };
    const { message } = await failed("vite", project(files));
    assert.match(message, /assets\/index-.*\.js:\d+:\d+, from .*main\.js/);
});

test("vite: a key in the public folder fails the build", { skip }, async () => {
    const { message } = await failed("vite", project({ ...CLEAN, "public/config.json": `{\n"key": "${KEY}"}` }));
    assert.match(message, /public.config\.json:2:9/);
});

test("vite: a server build is not scanned", { skip }, async () => {
    const root = project(LEAKY);
    const plugins = [codatVite({ keys: [KEY] })];
    await vite!.build({ root, configFile: false, logLevel: "silent", build: { ssr: "src/main.js" }, plugins });
    assert.ok(readdirSync(join(root, "dist")).length > 0);
});

test("rollup and webpack: the error has the findings", async () => {
    for (const bundler of ["rollup", "webpack"]) {
        const error = await failed(bundler, project(LEAKY));
        assert.ok(error instanceof LeakError);
        assert.equal(error.name, "LeakError");
        const [{ output, finding }] = error.leaks as [LeakError["leaks"][number]];
        assert.equal(output, "main.js");
        assert.deepEqual([finding.kind, finding.key, finding.severity], ["finding", 0, "high"]);
    }
});

test("rollup: an inline source map is scanned", async () => {
    const bundle = await rollup({
        input: join(project(COMMENT), "src/main.js"),
        plugins: [codatRollup({ keys: [KEY] })],
    });
    await assert.rejects(bundle.generate({ sourcemap: "inline" }), /main\.js:1:10/);
});

test("webpack: a watched build that is corrected passes", async () => {
    const root = project(LEAKY);
    const compiler = webpack({
        context: root,
        mode: "development",
        entry: "./src/main.js",
        output: { path: join(root, "dist") },
        plugins: [codatWebpack({ keys: [KEY] })],
    });
    const run = () => new Promise<unknown>((resolve) => compiler.run((error) => resolve(error)));
    assert.ok((await run()) instanceof LeakError);
    assert.ok(!existsSync(join(root, "dist")));
    writeFileSync(join(root, "src/greet.js"), CLEAN["src/greet.js"]);
    assert.equal(await run(), null);
    assert.ok(existsSync(join(root, "dist/main.js")));
    await new Promise((resolve) => compiler.close(resolve));
});

test("esbuild: the plug-in writes what esbuild would write", async () => {
    const files = { ...CLEAN, "src/program.js": "#!/usr/bin/env node\nconsole.log(1);\n" };
    const roots = [project(files), project(files)];
    const [plain, checked] = await Promise.all(
        roots.map((absWorkingDir, at) =>
            esbuild.build({
                absWorkingDir,
                entryPoints: ["src/main.js", "src/program.js"],
                outdir: "a/deep/folder",
                sourcemap: true,
                plugins: at === 0 ? [] : [codatEsbuild({ keys: [KEY] })],
            }),
        ),
    );
    assert.equal(checked!.outputFiles, plain!.outputFiles);
    const [by, ours] = roots.map((root) =>
        readdirSync(join(root, "a/deep/folder")).map((name) => [
            name,
            statSync(join(root, "a/deep/folder", name)).mode,
            statSync(join(root, "a/deep/folder", name)).size,
        ]),
    );
    assert.deepEqual(ours, by);
    const absWorkingDir = project(CLEAN);
    const plugins = [codatEsbuild({ keys: [KEY] })];
    const kept = await esbuild.build({
        absWorkingDir,
        entryPoints: ["src/main.js"],
        outdir: "dist",
        write: false,
        plugins,
    });
    assert.equal(kept.outputFiles.length, 1);
    assert.ok(!existsSync(join(absWorkingDir, "dist")));
});

test("esbuild: a build that fails for another reason reports its own error", async () => {
    const root = project({ ...CLEAN, "src/main.js": "import './missing.js'" });
    const { message } = await failed("esbuild", root);
    assert.match(message, /missing\.js/);
});

test("only the option keys is known", () => {
    for (const plugin of [codatVite, codatRollup, codatWebpack, codatEsbuild]) {
        assert.throws(() => plugin({ key: [KEY] } as any), /unknown option 'key'/);
    }
});
