/**
 * `node bundle.mjs DIST`: bundles the modules that tsc has written to the folder DIST into the file `all.js`. Node takes
 * longer to find, read and link twenty modules than to run them.
 *
 * Each entry point of the package remains a file of its own. It lists its exports, so that Node does not search `all.js`
 * for them, and it runs only the modules that it needs.
 */
import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join, resolve } from "node:path";

import { buildSync } from "esbuild";

const dist = resolve(process.argv[2]);
const { exports } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8"));
const entries = Object.values(exports).map((paths) => basename(paths.require, ".js"));

// The modules run here only to list their exports, and the native module may be missing.
const require = createRequire(import.meta.url);
const native = new Proxy({}, { get: () => class {} });
require.cache[join(dist, "native.js")] = { exports: { native } };
const names = new Map(entries.map((entry) => [entry, Object.keys(require(join(dist, `${entry}.js`)))]));

buildSync({
    stdin: {
        contents: entries.map((entry) => `exports.${entry} = () => require("./${entry}.js");`).join("\n"),
        resolveDir: dist,
    },
    outfile: join(dist, "all.js"),
    bundle: true,
    platform: "node",
    packages: "external",
    keepNames: true,
    target: "es2022",
    logLevel: "warning",
});
for (const file of readdirSync(dist)) {
    if (file.endsWith(".js") && !["all.js", "browser.js"].includes(file)) rmSync(join(dist, file));
}
for (const [entry, exported] of names) {
    writeFileSync(
        join(dist, `${entry}.js`),
        `"use strict";
const all = require("./all.js");
module.exports = all.${entry}();
// Never runs. Node finds the names of the exports here.
0 && (module.exports = { ${exported.join(", ")} });
`,
    );
}
