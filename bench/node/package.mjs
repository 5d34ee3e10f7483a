/**
 * Prints the size of the installed package with its native package, the size of the native module, both in bytes, and
 * the number of dependencies.
 */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const modules = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "node_modules");
const packages = ["codat-keys", ...readdirSync(join(modules, "@codat-keys")).map((name) => join("@codat-keys", name))];

const filesBelow = (folder) =>
    readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const path = join(folder, entry.name);
        return entry.isDirectory() ? filesBelow(path) : [path];
    });
const bytes = (files) => files.reduce((sum, file) => sum + statSync(file).size, 0);

const files = packages.flatMap((name) => filesBelow(join(modules, name)));
const manifests = packages.map((name) => JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")));
const dependencies = manifests.flatMap(({ dependencies = {} }) => Object.keys(dependencies));
console.log(bytes(files), bytes(files.filter((file) => file.endsWith(".node"))), dependencies.length);
