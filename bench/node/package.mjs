/** How many bytes the installed package takes with that of its platform, and how many others it depends on. */
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const modules = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "node_modules");
const ours = ["codat-keys", ...readdirSync(join(modules, "@codat-keys")).map((name) => join("@codat-keys", name))];

const bytesBelow = (folder) =>
    readdirSync(folder, { withFileTypes: true })
        .map((entry) => join(folder, entry.name))
        .map((path) => (statSync(path).isDirectory() ? bytesBelow(path) : statSync(path).size))
        .reduce((sum, bytes) => sum + bytes, 0);

const manifests = ours.map((name) => JSON.parse(readFileSync(join(modules, name, "package.json"), "utf8")));
const needed = manifests.flatMap(({ dependencies = {} }) => Object.keys(dependencies));
console.log(
    ours.map((name) => bytesBelow(join(modules, name))).reduce((sum, bytes) => sum + bytes),
    needed.length,
);
