/** Loads the native module, which is compiled from `bindings/node/src`, and declares its types. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import type { ErrorData } from "./error";

/** The functions and classes of the native module. */
export interface Native {
    Core: new (options: Options, variable: (name: string) => string | undefined) => Core;
    PendingCalls: new (
        settle: (events: string, attachments: Attachment[], errors: ErrorData[]) => void,
    ) => PendingCalls;
    Emulator: new (port: number, seed?: number) => Emulator;
    checkKey(text: string): void;
    checkVerbatim(text: string): void;
    headerOf(key: string): string;
    keyOf(header: string): string;
    masked(key: string): string;
    same(key: string, other: string): boolean;
}

/** The options of a client. Times are in milliseconds. */
export interface Options {
    apiKey?: string | undefined;
    authHeader?: string | undefined;
    apiKeyFile?: string | undefined;
    apiKeyCommand?: Command | undefined;
    profile?: string | undefined;
    /** Whether the API key comes from a key callback, which is a JavaScript function. */
    hasCallback: boolean;
    baseUrl?: string | undefined;
    timeout?: number | undefined;
    retry?: boolean | undefined;
    caFile?: string | undefined;
    proxy?: string | undefined;
    allowInsecureHttp?: boolean | undefined;
    maxResponseBytes?: number | undefined;
}

export interface Command {
    argv: string[];
    timeout?: number | undefined;
    cachedFor?: number | undefined;
}

export interface Core {
    pages(
        path: string,
        pageSize?: number,
        query?: string,
        orderBy?: string,
        concurrency?: number,
        maxResponseBytes?: number,
    ): PageCursor;
    rateLimit(): Quota | null;
    authorizationFor(url: string): string;
    cachedAuthorization(url: string): string | null;
    checkNextHop(url: string): void;
    baseUrl(): string;
    close(): void;
    shown(): string;
}

export interface PendingCalls {
    start(number: number, observed: boolean, core: Core, timeout: number | undefined, call: Call): void;
    next(number: number, observed: boolean, core: Core, timeout: number | undefined, cursor: PageCursor): void;
    read(number: number, core: Core, response: NativeResponseStream): void;
    stop(number: number): void;
    complete(request: number, text: string): void;
    fail(request: number, why: string): void;
    hold(held: boolean): void;
}

export type Call =
    | { call: "list" }
    | { call: "whoami" }
    | { call: "reloadKey" }
    | { call: "authorize"; url: string }
    | { call: "reauthorize"; url: string; rejected: string }
    | { call: "get"; id: string }
    | { call: "find"; name: string }
    | { call: "create"; name: string; adopt: boolean; idempotencyKey?: string | undefined }
    | { call: "delete"; id: string; allowKeyInUse: boolean }
    | {
          call: "request";
          /** Whether the call ends when the headers of the response have arrived. The body is then read in chunks. */
          streamed: boolean;
          method: string;
          path: string;
          params: [string, string][];
          headers: [string, string][];
          body?: Uint8Array | undefined;
          maxResponseBytes?: number | undefined;
      };

/** The cursor of a paginated list, such as the list of companies. It stores which page is requested next. */
export interface PageCursor {
    totalChanged(): boolean;
}

/** What a call returns besides JSON: an HTTP response, or a chunk of its body. */
export type Attachment = NativeResponse | NativeResponseStream | Uint8Array;

export interface NativeResponse {
    status(): number;
    headers(): [string, string][];
    content(): Uint8Array;
    redacted(): Uint8Array;
    text(): string;
    checkJson(): void;
    correlationId(): string | null;
    rateLimit(): Quota | null;
}

export interface NativeResponseStream {
    status(): number;
    headers(): [string, string][];
    contentLength(): number | null;
    rateLimit(): Quota | null;
    close(): void;
}

export interface Quota {
    limit?: number;
    remaining?: number;
    reset?: number;
}

export interface Emulator {
    baseUrl(): string;
    apiKey(): string;
    stop(): void;
}

/**
 * Loads the native module from this repository if it was built there. Otherwise, loads the native module from the npm
 * package for this platform.
 */
function load(): Native {
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
            return require(`${name}/codat-keys.node`);
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

export const native = load();
