// The leak scanner.
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { Worker } from "node:worker_threads";

import { ApiKey, Client, encode, InvalidCredentialError } from "codat-keys";
import { type Finding, Scanner, type Unread } from "codat-keys/scan";
import { Emulator } from "codat-keys/testing";
import { temporaryFolder } from "./temporary.mjs";

const KEY = "MadeUpKey" + "q7Zr2Lx9Tb4Wn8Vc1Ym5Hd3Kf6Pg0Js";
const OTHER = "MadeUpKey" + "B1cD2eF3gH4iJ5kL6mN7oP8qR9sT0uV";

const each = (write: (code: number) => string, separator = "") =>
    [...KEY].map((character) => write(character.charCodeAt(0))).join(separator);

const ENCODINGS: Record<string, string | Uint8Array> = {
    "plain text": KEY,
    header: encode(KEY),
    "Base64 with a colon": btoa(`${KEY}:`),
    "Base64 of the header": btoa(encode(KEY)),
    "URL-safe Base64": Buffer.from(`\u00ff${KEY}`, "latin1").toString("base64url"),
    hexadecimal: Buffer.from(KEY).toString("hex"),
    "UTF-16": Buffer.from(KEY, "utf16le"),
    "percent-encoding of the header": encodeURIComponent(encode(KEY)),
    "percent-encoding": each((code) => `%${code.toString(16)}`),
    "string escapes": each((code) => `\\x${code.toString(16)}`),
    "Unicode escapes": each((code) => `\\u{${code.toString(16)}}`),
    "String.fromCharCode": `String.fromCharCode(${each(String, ",")})`,
    "HTML references": each((code) => `&#x${code.toString(16)};`),
    JSON: JSON.stringify([...KEY]),
    "a sum of strings": `"${KEY.slice(0, 17)}" + "${KEY.slice(17)}"`,
    reversed: [...KEY].reverse().join(""),
};

function isSilent(value: unknown): void {
    for (const text of [inspect(value), JSON.stringify(value) ?? "", String(value), (value as any)?.message ?? ""]) {
        for (const key of [KEY, OTHER]) assert.ok(!text.includes(key.slice(0, -4)), "a key is shown");
    }
}

for (const [name, text] of Object.entries(ENCODINGS)) {
    test(`a key is found: ${name}`, () => {
        const findings = new Scanner([OTHER, KEY]).scanBytes(Buffer.concat([Buffer.from("a '"), Buffer.from(text)]));
        assert.ok(findings.length > 0);
        for (const { key, severity } of findings) {
            assert.deepEqual([key, severity], [1, name === "reversed" ? "low" : "high"]);
        }
        isSilent(findings);
    });
}

test("a finding names its place, and is frozen", () => {
    const [finding] = new Scanner([new ApiKey(KEY)]).scanBytes(Buffer.from(`one\ntwo ${KEY} three\n`));
    assert.deepEqual(finding, {
        kind: "finding",
        place: null,
        line: 2,
        column: 5,
        range: [8, 48],
        encoding: "plain text",
        severity: "high",
        key: 0,
        keyId: null,
        keyName: null,
        excerpt: `two …${KEY.slice(-4)} three`,
    });
    assert.ok(Object.isFrozen(finding) && Object.isFrozen(finding!.range));
});

test("a finding of a listed key has its id and its name", async () => {
    await using emulator = new Emulator();
    const client = new Client(emulator);
    const { key } = await client.keys.create("leaked");
    const [finding] = new Scanner(await client.keys.list()).scanBytes(Buffer.from(key.apiKey.exposeSecret()));
    assert.deepEqual([finding!.keyId, finding!.keyName], [key.id, "leaked"]);
});

test("every view of bytes is scanned, and only the part that it shows", () => {
    const scanner = new Scanner([KEY]);
    const shared = new Uint8Array(new SharedArrayBuffer(100));
    shared.set(Buffer.from(KEY), 50);
    assert.equal(scanner.scanBytes(shared)[0]!.column, 51);
    assert.deepEqual(scanner.scanBytes(shared.subarray(51)), []);
    assert.deepEqual(scanner.scanBytes(new Uint8Array()), []);
});

test("wrong arguments are refused, and no key is shown", () => {
    const scanner = new Scanner([KEY]);
    const wrong: [() => unknown, new (...given: any) => Error, RegExp][] = [
        [() => new Scanner([]), TypeError, /at least one key/],
        [() => new Scanner(Array(101).fill(KEY)), TypeError, /at most 100 keys/],
        [() => new Scanner(["short"]), TypeError, /at least 16 letters and digits/],
        [() => new Scanner([`Basic ${KEY}`]), InvalidCredentialError, /./],
        [() => new Scanner(KEY), TypeError, /'keys' must be an array, and is a string/],
        [() => new Scanner([5 as any]), TypeError, /'keys' must be a string/],
        [() => new Scanner(undefined as any), TypeError, /'keys' must be an array/],
        [() => scanner.scanBytes(KEY as any), TypeError, /'bytes' must be a Uint8Array, and is a string/],
        [() => scanner.scanPaths("src"), TypeError, /'paths' must be an array, and is a string/],
        [() => scanner.scanPaths([7 as any]), TypeError, /'paths' must be a string/],
        [() => scanner.scanPaths([], { Signal: null } as any), TypeError, /did you mean 'signal'/],
    ];
    for (const [call, kind, message] of wrong) {
        assert.throws(call, (error: Error) => {
            isSilent(error);
            return error instanceof kind && message.test(error.message);
        });
    }
    isSilent(scanner);
    assert.equal(inspect(scanner), "Scanner(1 key)");
});

/** A folder with leaks in a hidden file, in an ignored file, and in a folder of a folder. */
function tree(): string {
    const root = temporaryFolder();
    const files = {
        ".env": `CODAT_API_KEY=${KEY}\n`,
        ".gitignore": "dist\n",
        "dist/app.js": `const a = 1;\nfetch(u, { headers: { Authorization: "${encode(KEY)}" } });\n`,
        "src/deep/er/config.js": `Buffer.from("${Buffer.from(OTHER).toString("hex")}", "hex")\n`,
        "src/clean.js": "console.log()\n",
    };
    for (const [name, text] of Object.entries(files)) {
        mkdirSync(dirname(join(root, name)), { recursive: true });
        writeFileSync(join(root, name), text);
    }
    return root;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
    const found: T[] = [];
    for await (const item of items) found.push(item);
    return found;
}

const places = (items: (Finding | Unread)[]) =>
    items.map((item) => (item.kind === "finding" ? `${basename(item.place!)}:${item.line} ${item.key}` : "")).sort();
const EXPECTED = [".env:1 1", "app.js:2 1", "config.js:1 0"];

test("folders and files are scanned", async () => {
    const root = tree();
    const scanner = new Scanner([OTHER, KEY]);
    assert.deepEqual(places(await all(scanner.scanPaths([root]))), EXPECTED);
    const two = [pathToFileURL(join(root, ".env")), join(root, "src")];
    const items = await all(scanner.scanPaths(new Set(two)));
    assert.deepEqual(places(items), [EXPECTED[0], EXPECTED[2]]);
    assert.ok(items.every((item) => item.place!.startsWith(root) && Object.isFrozen(item)));
    assert.deepEqual(await all(scanner.scanPaths([join(root, "src/clean.js")])), []);
});

test("a path that is missing is yielded, and does not end the scan", async () => {
    const root = tree();
    const missing = join(root, "missing");
    const items = await all(new Scanner([OTHER, KEY]).scanPaths([missing, root]));
    const unread = items.filter((item) => item.kind === "unread");
    assert.deepEqual(
        unread.map(({ place }) => place),
        [missing],
    );
    assert.ok(unread[0]!.reason !== "" && Object.isFrozen(unread[0]));
    assert.deepEqual(places(items.filter((item) => item.kind === "finding")), EXPECTED);
});

test("a key in the name of a file is masked", async () => {
    const root = temporaryFolder();
    writeFileSync(join(root, `${KEY}.txt`), `a ${KEY}\n`);
    const items = await all(new Scanner([KEY]).scanPaths([root, join(root, `missing-${KEY}`)]));
    assert.ok(items.some((item) => item.kind === "finding" && item.column === 3));
    assert.ok(items.some((item) => item.kind === "unread"));
    isSilent(items);
});

const LEAKS = 5000;

function manyLeaks(): string {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, `${KEY}\n`.repeat(LEAKS));
    return file;
}

function isRunning(): boolean {
    return readdirSync("/proc/self/task").some((thread) => {
        try {
            return readFileSync(`/proc/self/task/${thread}/comm`, "utf8") === "codat-keys-scan\n";
        } catch {
            return false; // It has ended since.
        }
    });
}

async function isEnded(): Promise<void> {
    while (isRunning()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const skip = process.platform !== "linux" && "counts the threads in /proc";

test("all items come, and other code runs meanwhile", async () => {
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    const file = manyLeaks();
    const scans = Array.from({ length: 6 }, () => all(new Scanner([KEY]).scanPaths([file])));
    for (const items of await Promise.all(scans)) assert.equal(items.length, LEAKS);
    clearInterval(timer);
    assert.ok(turns > 0);
});

test("a loop that ends early stops the scan", { skip }, async () => {
    for await (const item of new Scanner([KEY]).scanPaths([manyLeaks()])) {
        assert.equal(item.kind, "finding");
        assert.ok(isRunning());
        break;
    }
    await isEnded();
});

test("a signal stops the scan", { skip }, async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    let items = 0;
    const loop = async () => {
        for await (const item of new Scanner([KEY]).scanPaths([manyLeaks()], { signal: controller.signal })) {
            assert.equal(item.kind, "finding");
            if (++items === 300) controller.abort(reason);
        }
    };
    await assert.rejects(loop, reason);
    assert.ok(items < LEAKS);
    await isEnded();
    const { signal } = controller;
    await assert.rejects(all(new Scanner([KEY]).scanPaths([manyLeaks()], { signal })), reason);
    assert.ok(!isRunning());
});

test("a worker that is terminated ends its scan", { skip }, async () => {
    const program = `
        const { Scanner } = require("codat-keys/scan");
        const { parentPort, workerData } = require("node:worker_threads");
        (async () => {
            for await (const item of new Scanner([workerData.key]).scanPaths([workerData.file])) {
                parentPort.postMessage(item);
                await new Promise(() => setInterval(() => {}, 1000));
            }
        })();`;
    const worker = new Worker(program, { eval: true, workerData: { key: KEY, file: manyLeaks() } });
    const item = await new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    isSilent(item);
    await worker.terminate();
    await isEnded();
});
