/**
 * Searches files and texts for leaked API keys, in every common encoding.
 *
 * A scanner searches for the API keys that it is given, and for nothing else. It finds an API key in its plain form, in
 * the Base64 of the `Authorization` header, and in other encodings, such as hexadecimal, escape sequences and UTF-16,
 * also if the text is wrapped, quoted or split into parts. It sends nothing.
 *
 * ```ts
 * const scanner = new Scanner(await client.keys.list());
 * for await (const item of scanner.scanPaths(["dist"])) {
 *     console.log(item.place, item.kind === "finding" ? item.excerpt : item.reason);
 * }
 * ```
 *
 * The command `codat-keys scan` also opens archives and git repositories.
 */
import { inspect } from "node:util";
import { fileURLToPath } from "node:url";

import { onAbort } from "./abort";
import { kind, knownOptions, text } from "./arguments";
import type { ApiKeyDetails } from "./key-types";
import { type FindingData, type PathScan, type ScanEventData, type ScanKeyData, native } from "./native";
import { callNative } from "./raise";
import { type ApiKey, raw } from "./secrets";

/**
 * An API key to search for. If it is an `ApiKeyDetails`, each finding of the key contains the id and the name of the
 * key.
 */
export type KeyToFind = ApiKeyDetails | ApiKey | string;

/** An occurrence of an API key. It is frozen, and no member contains the API key. */
export interface Finding {
    readonly kind: "finding";
    /**
     * The file. `null` for `scanBytes`. An API key in the name of the file is masked, and control characters are
     * escaped.
     */
    readonly place: string | null;
    /** The line, counted from 1. Lines end with a line feed. */
    readonly line: number;
    /** The column in bytes, counted from 1. */
    readonly column: number;
    /**
     * The positions in bytes of the start and of the end, from the start of the file. In a text that contains encoded
     * text, these are the positions of the encoded API key.
     */
    readonly range: readonly [start: number, end: number];
    /** The encoding, outermost first, such as `plain text`, `Base64` or `Base64 › hexadecimal`. */
    readonly encoding: string;
    /**
     * `low` if the API key is reversed or encoded with ROT13: it was concealed on purpose, or occurs by chance. `high`
     * for every other encoding.
     */
    readonly severity: "high" | "low";
    /** The index of the API key among the API keys of the scanner. */
    readonly key: number;
    /** The id of the API key. `null` if the scanner was given only the value of the API key. */
    readonly keyId: string | null;
    /**
     * The name of the API key. `null` if the API key has no name, or if the scanner was given only the value of the API
     * key.
     */
    readonly keyName: string | null;
    /** The part of the line around the API key, for a terminal. Every API key of the scanner is masked. */
    readonly excerpt: string;
}

/** A file or a folder that was not read, or not to its end. It is frozen. */
export interface Unread {
    readonly kind: "unread";
    /** The file or the folder. An API key in its name is masked, and control characters are escaped. */
    readonly place: string;
    /** The reason. */
    readonly reason: string;
}

/** The options of `scanPaths`. */
export interface ScanOptions {
    /** Stops the scan when it is aborted. The iterator then throws the reason of the signal. */
    signal?: AbortSignal | undefined;
}

/** Searches for API keys. `inspect` and `JSON.stringify` show only the number of API keys. */
export class Scanner {
    readonly #core;

    /**
     * Creates a scanner for 1 to 100 API keys.
     *
     * Throws `InvalidCredentialError` if a string cannot be an API key. Throws `TypeError` without an API key, with more
     * than 100 API keys, and for an API key with fewer than 16 letters and digits, which could occur in a file by
     * chance.
     */
    constructor(keys: Iterable<KeyToFind>) {
        const data = items("keys", keys).map(keyData);
        this.#core = callNative(() => new native.ScannerCore(data));
    }

    /** Returns the findings in a text, in the order of their start. Blocks the event loop. */
    scanBytes(bytes: Uint8Array): Finding[] {
        if (!(bytes instanceof Uint8Array)) {
            throw new TypeError(`argument 'bytes' must be a Uint8Array, and is ${kind(bytes)}`);
        }
        // Another thread can change shared memory during the scan.
        const own = bytes.buffer instanceof ArrayBuffer ? bytes : Uint8Array.from(bytes);
        return this.#core.scanBytes(own).map(finding);
    }

    /**
     * Returns an iterator of the findings in files, and in all files below folders. The order can differ from scan to
     * scan.
     *
     * A file or a folder that cannot be read does not end the scan. The iterator yields it as an `Unread`. So all files
     * were read and contain no API key only if the iterator yields nothing.
     *
     * Hidden files, and files that git ignores, are scanned too. Symbolic links are not followed, except for `paths`.
     * Archives are scanned as they are, and not opened.
     *
     * The scan starts with the first item, and runs in threads of its own. It waits while 256 items have not been
     * received, and it stops when a loop over the iterator ends early. While the iterator waits for an item, it occupies
     * a thread of Node's thread pool.
     */
    scanPaths(paths: Iterable<string | URL>, options: ScanOptions = {}): AsyncGenerator<Finding | Unread, void, void> {
        const { signal } = knownOptions("options", options, ["signal"]);
        const given = items("paths", paths).map((path) =>
            text("paths", path instanceof URL ? fileURLToPath(path) : path),
        );
        return events(() => callNative(() => this.#core.scanPaths(given)), signal);
    }

    toString(): string {
        const number = this.#core.numberOfKeys();
        return `Scanner(${number} key${number === 1 ? "" : "s"})`;
    }

    toJSON(): string {
        return this.toString();
    }

    [inspect.custom](): string {
        return this.toString();
    }
}

/** Returns the items of an iterable. A string is an error, because its items are characters. */
function items<T>(name: string, values: Iterable<T>): T[] {
    if (typeof values === "string" || typeof (values as any)?.[Symbol.iterator] !== "function") {
        throw new TypeError(`argument '${name}' must be an array, and is ${kind(values)}`);
    }
    return [...values];
}

function keyData(key: any): ScanKeyData {
    if (key?.apiKey === undefined) {
        const value = raw("keys", key);
        if (typeof key === "string") callNative(() => native.checkKey(value));
        return { key: value };
    }
    // The masked id and the masked name.
    const { id, name } = key.toJSON();
    return { key: raw("keys", key.apiKey), id, name: name ?? undefined };
}

async function* events(
    start: () => PathScan,
    signal: AbortSignal | undefined,
): AsyncGenerator<Finding | Unread, void, void> {
    signal?.throwIfAborted();
    const scan = start();
    const removeAction = signal === undefined ? () => {} : onAbort(signal, () => scan.stop());
    try {
        for (;;) {
            const found = await scan.next();
            signal?.throwIfAborted();
            if (found.length === 0) return;
            yield* found.map(event);
        }
    } finally {
        removeAction();
        scan.stop();
    }
}

function event({ finding: found, place, reason }: ScanEventData): Finding | Unread {
    return found === null ? Object.freeze({ kind: "unread", place, reason: reason! }) : finding(found);
}

function finding({ place, start, end, ...rest }: FindingData): Finding {
    const range = Object.freeze([start, end] as const);
    const { line, column, encoding, severity, key, keyId, keyName, excerpt } = rest;
    return Object.freeze({
        kind: "finding",
        place: place === "" ? null : place,
        line,
        column,
        range,
        encoding,
        severity: severity as Finding["severity"],
        key,
        keyId,
        keyName,
        excerpt,
    });
}
