/** Loads the native module, which is compiled from `bindings/node/src`. */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";

import type * as types from "./native-types";
import type { Response, ResponseStream } from "./native-types";

export type {
    Call,
    Command,
    Core,
    ErrorData,
    FindingData,
    KeyData,
    Options,
    PageCursor,
    PathScan,
    PendingCalls,
    RateLimit as Quota,
    RotationCore,
    RotationData,
    RotationErrorData,
    ScanEventData,
    ScanKeyData,
    Response as NativeResponse,
    ResponseStream as NativeResponseStream,
} from "./native-types";

/** What a call can return besides JSON: an HTTP response, or a chunk of the body of an HTTP response. */
export type Attachment = Response | ResponseStream | Uint8Array;

/**
 * Loads the native module from this repository if it was built there. Otherwise, loads the native module from the npm
 * package for this platform.
 */
function load(): typeof types {
    const built = join(__dirname, "..", "codat-keys.node");
    if (existsSync(built)) {
        return require(built);
    }
    const here = `${process.platform}-${process.arch}`;
    const packages = (process.platform === "linux" ? ["-gnu", "-musl"] : [""]).map(
        (libc) => `@codat-keys/${here}${libc}`,
    );
    const broken: string[] = [];
    for (const name of packages) {
        try {
            return require(`${installed(name)}/codat-keys.node`);
        } catch (error: any) {
            // An installed package for another C library fails to load. Its error is reported if no package loads.
            if (error.code !== "MODULE_NOT_FOUND") broken.push(error.message);
        }
    }
    const why =
        broken.length > 0
            ? `does not load: ${broken.join("; ")}`
            : "is not installed. It is an optional dependency: install without --omit=optional, on the platform where it will" +
              " run, and let a bundler leave codat-keys out (external)";
    throw new Error(`codat-keys has no native module for ${here}: ${packages.join(" or ")} ${why}`);
}

/**
 * Returns the folder of the package `name`, which was installed together with this package. The caller loads the
 * package from this folder. To find a package by its name, Node would search the folders `node_modules` in all parent
 * folders, and other users may own some of these folders. If this package is not in a folder `node_modules`, this
 * function returns `name`. It also returns `name` under Yarn's Plug'n'Play, which does not search parent folders.
 */
function installed(name: string): string {
    const root = dirname(__dirname);
    const beside = dirname(root);
    if (basename(beside) !== "node_modules" || "pnp" in process.versions) return name;
    const below = join(root, "node_modules", name);
    return existsSync(below) ? below : join(beside, name);
}

export const native = load();
