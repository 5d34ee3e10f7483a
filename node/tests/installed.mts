// The package where it is installed.
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { temporaryFolder } from "./temporary.mjs";

export const PACKAGE = fileURLToPath(new URL("../..", import.meta.url));
export const HERE = `${process.platform}-${process.arch}`;

/** A project that has the package as it is published, and a native module, if any, in the package of this platform. */
export function installed(native: string | null = join(PACKAGE, "codat-keys.node")): string {
    const folder = temporaryFolder();
    const modules = join(folder, "node_modules");
    for (const part of ["dist", "package.json"])
        cpSync(join(PACKAGE, part), join(modules, "codat-keys", part), { recursive: true });
    if (native !== null) {
        const platform = join(modules, "@codat-keys", HERE + (process.platform === "linux" ? "-gnu" : ""));
        mkdirSync(platform, { recursive: true });
        cpSync(native, join(platform, "codat-keys.node"));
    }
    writeFileSync(join(folder, "package.json"), `{ "dependencies": { "codat-keys": "*" } }`);
    return folder;
}
