// Functions that give a key: who asks them, what they may do, and what becomes of what they throw.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { inspect } from "node:util";

import {
    ApiKey,
    AuthorizationHeader,
    Client,
    type ClientOptions,
    InvalidCredentialError,
    TimeoutError,
} from "codat-keys";
import { UnauthorizedError, encode } from "codat-keys";
import type { Emulator } from "codat-keys/testing";
import { emulated, ended, start, workersComeAndGo } from "./support.mjs";
import { temporaryFolder } from "./temporary.mjs";

const SECRET = "MadeUpKeyThatAFunctionKnows0000000000000";
const never = () => new Promise<string>(() => {});

function asks(emulator: Emulator, apiKey: any, options: ClientOptions = {}): Client {
    return new Client({ baseUrl: emulator.baseUrl, apiKey, ...options });
}

async function refused(call: Promise<unknown>): Promise<any> {
    return call.then(
        () => assert.fail("it did not fail"),
        (error) => error,
    );
}

test("a key is returned in any form, now or later", () =>
    emulated([], async (emulator) => {
        const key = emulator.apiKey;
        for (const form of [key, encode(key), new ApiKey(key), new AuthorizationHeader(encode(key))]) {
            for (const returned of [form, Promise.resolve(form), { then: (take: any) => take(form) }]) {
                assert.equal((await asks(emulator, () => returned).keys.list()).length, 1);
            }
        }
    }));

test("the error for a value that is no key names its type", () =>
    emulated([], async (emulator) => {
        const wrongs: [unknown, string][] = [
            [undefined, "it returned undefined; return the key as a string, an ApiKey or an AuthorizationHeader"],
            [null, "it returned null; return the key"],
            [Buffer.from(SECRET), "it returned an object; return the key"],
            [new String(SECRET), "it returned an object; return the key"],
            [7, "it returned a number; return the key"],
            ["", "what the function given as `apiKey` returned is empty"],
            [`${SECRET}\ud800`, "what the function given as `apiKey` returned holds a character that is not ASCII"],
        ];
        for (const [returned, says] of wrongs) {
            const error = await refused(asks(emulator, () => returned).whoami());
            assert.ok(error instanceof InvalidCredentialError && error.message.includes(says), error.message);
            assert.equal(error.cause, undefined);
            assert.ok(!inspect(error).includes(SECRET));
        }
        assert.deepEqual(await emulator.journal(), []);
    }));

test("what it throws is the cause of every call that waits, and is not quoted", () =>
    emulated([], async (emulator) => {
        const reasons = [new RangeError(`no ${SECRET}`), SECRET, undefined, AbortSignal.abort().reason];
        const says = ["RangeError", "a string", "undefined", "AbortError"];
        for (const [at, reason] of reasons.entries()) {
            for (const fails of [() => Promise.reject(reason), thrower(reason)]) {
                const client = asks(emulator, fails);
                for (const error of await Promise.all(Array.from({ length: 8 }, () => refused(client.whoami())))) {
                    assert.ok(error instanceof InvalidCredentialError);
                    assert.equal(error.cause, reason);
                    assert.equal(error.message, `the function given as \`apiKey\` gave no key: it threw ${says[at]}`);
                    assert.ok(!`${error.message}${error.stack}${error.hint}`.includes(SECRET));
                }
            }
        }
        assert.deepEqual(await emulator.journal(), []);
    }));

/** Values that throw when they are looked at. */
const HOSTILE: [what: string, returned: () => unknown, says: string][] = [
    ["a wrapper that is closed", () => ({ exposeSecret: thrower(new RangeError("closed")) }), "it threw RangeError"],
    [
        "a getter",
        () => Object.defineProperty({}, "exposeSecret", { get: thrower(new RangeError()) }),
        "it threw RangeError",
    ],
    [
        "an error whose name is a symbol",
        thrower(Object.assign(new Error(), { name: Symbol("x") })),
        "it threw an object",
    ],
    [
        "an error whose name throws",
        thrower(Object.defineProperty(new Error(), "name", { get: thrower(SECRET) })),
        "it threw an object",
    ],
    [
        "a proxy that throws",
        thrower(new Proxy({}, { getPrototypeOf: thrower(SECRET), get: thrower(SECRET) } as object)),
        "it threw an object",
    ],
];

for (const [what, returned, says] of HOSTILE) {
    test(`${what} is an error of the call`, () =>
        emulated([], async (emulator) => {
            const error = await refused(asks(emulator, returned).whoami());
            assert.equal(error.message, `the function given as \`apiKey\` gave no key: ${says}`);
        }));
}

test("values that throw when they are looked at are errors of the sink that returned them", () =>
    emulated([], async (_, client) => {
        const rotations = HOSTILE.map(async ([what, returned, says]) => {
            const sink = { name: "memory", deliver() {}, read: returned as () => string };
            const error = await refused(client.keys.rotate({ sinks: [sink], journal: temporaryFolder() }));
            assert.ok(error.message.includes(says.replace("it", "read")), `${what}: ${error.message}`);
        });
        await Promise.all(rotations);
    }));

function thrower(reason: unknown): () => never {
    return () => {
        throw reason;
    };
}

test("each call rejects with the error of its own function, however many functions throw", () =>
    emulated([], async (emulator) => {
        let thrown = 0;
        const fails = async () => {
            const number = thrown++;
            await setTimeout(number % 3);
            throw number;
        };
        const clients = Array.from({ length: 16 }, () => asks(emulator, fails));
        const caller = async (client: Client) => {
            const causes = [];
            for (let call = 0; call < 20; call++) causes.push((await refused(client.whoami())).cause);
            return causes;
        };
        const causes = (await Promise.all(clients.map(caller))).flat();
        assert.deepEqual(
            causes.sort((one, other) => one - other),
            Array.from({ length: 320 }, (_, number) => number),
        );
    }));

test("a key that cannot be read again stays in use, and the error says why", () =>
    emulated([], async (emulator) => {
        const keys = [SECRET];
        const client = asks(emulator, () => keys.pop());
        const error = await refused(client.whoami());
        assert.ok(error instanceof UnauthorizedError && error.hint.includes("it returned undefined"), error.hint);
        assert.ok(inspect(client).includes("0000"));
    }));

test("sources exclude each other", () => {
    const given = { apiKey: () => SECRET, authHeader: "Basic eA==", apiKeyFile: "key", apiKeyCommand: ["key"] };
    const sources = Object.entries(given);
    for (const [at, [one, value]] of sources.entries()) {
        for (const [other, another] of sources.slice(at + 1)) {
            const both = { [one]: value, [other]: another };
            assert.throws(() => new Client(both), new TypeError(`give ${one} or ${other}, not both`));
        }
    }
});

test("a client shows its function nowhere", () =>
    emulated([], async (emulator) => {
        const client = asks(emulator, SECRET.toString.bind(SECRET));
        const shown = inspect([client, client.keys], { showHidden: true, depth: Infinity });
        assert.ok(shown.includes("not read yet") && !shown.includes("bound"), shown);
    }));

test("a function that calls its own client gets an error", () =>
    emulated([], async (emulator) => {
        const [give, timeout] = [async () => (await direct.whoami()).apiKey, 5000];
        const direct: Client = asks(emulator, () => setTimeout(1).then(give), { timeout });
        // By way of another client, it would wait for itself, too.
        const way: Client = asks(emulator, async () => (await asks(emulator, back).whoami()).apiKey, { timeout });
        const back = async () => (await way.whoami()).apiKey;
        for (const client of [direct, way]) {
            let cause = await refused(client.whoami());
            while (cause.cause !== undefined) cause = cause.cause;
            assert.match(cause.message, /use another client there/);
        }
    }));

test("what a function has begun may call its client later", () =>
    emulated([], async (emulator) => {
        let later!: Promise<unknown>;
        const client: Client = asks(emulator, async () => {
            later = setTimeout(20).then(async () => {
                while (client.rateLimit === null) await setTimeout(5);
                return client.keys.list();
            });
            return emulator.apiKey;
        });
        await client.whoami();
        assert.equal(((await later) as unknown[]).length, 1);
    }));

test("a function may call another client, and runs in the context of the call that asks", () =>
    emulated([], async (emulator, other) => {
        const request = new AsyncLocalStorage<number>();
        const seen: unknown[] = [];
        const client = asks(emulator, async () => {
            seen.push(request.getStore());
            return (await other.whoami()).apiKey;
        });
        await request.run(7, () => client.whoami());
        await request.run(8, () => client.reloadKey());
        assert.deepEqual(seen, [7, 8]);
    }));

test("one that never returns ends with the call", () =>
    emulated([], async (emulator) => {
        const client = asks(emulator, never);
        await assert.rejects(client.whoami({ timeout: 200 }), TimeoutError);
        await assert.rejects(client.reloadKey({ timeout: 200 }), TimeoutError);
        const stop = new AbortController();
        const call = client.reloadKey(stop);
        stop.abort();
        assert.equal(await refused(call), stop.signal.reason);
        assert.deepEqual(await emulator.journal(), []);
    }));

test("who waits with a call that is aborted asks anew", () =>
    emulated([], async (emulator) => {
        let asked = 0;
        let isAsked = () => {};
        const first = new Promise<void>((resolve) => (isAsked = resolve));
        const client = asks(emulator, () => {
            isAsked();
            return asked++ === 0 ? never() : emulator.apiKey;
        });
        const stop = new AbortController();
        const calls = [client.keys.list(stop), ...Array.from({ length: 63 }, () => client.keys.list())];
        await first;
        stop.abort();
        const [aborted, ...others] = await Promise.allSettled(calls);
        assert.equal(aborted!.status === "rejected" && aborted!.reason, stop.signal.reason);
        assert.ok(others.every(({ status }) => status === "fulfilled"));
        assert.equal(asked, 2);
    }));

test("calls that need it at once share what it returns", () =>
    emulated([], async (emulator) => {
        let asked = 0;
        const client = asks(emulator, async () => {
            asked++;
            await setTimeout(20);
            return emulator.apiKey;
        });
        await Promise.all(Array.from({ length: 64 }, () => client.keys.list()));
        assert.equal(asked, 1);
    }));

test("a function that is asked holds no process that has ended its calls", () =>
    emulated([], async (emulator) => {
        const program = `
            const asks = new Client({ apiKey: () => new Promise(() => {}), timeout: 200 });
            await asks.whoami().catch((error) => console.log(error.name));
        `;
        const child = await ended(start(program, emulator));
        assert.deepEqual(child, { code: 0, said: "TimeoutError\n", complained: "" });
    }));

test("workers that are ended while they ask do not end the process", () =>
    workersComeAndGo(
        "import('codat-keys').then(({ Client }) => { const c = () => new Client({ apiKey: () => new Promise((r) => setTimeout(r, 1)) }).whoami().catch(c); for (let i = 0; i < 8; i++) c(); })",
    ));

test("workers that are ended while another library waits for their key do not end the process", () =>
    workersComeAndGo(
        "Promise.all([import('codat-keys'), import('codat-keys/fetch')]).then(([{ Client }, { codatFetch }]) => { const client = new Client({ apiKey: () => new Promise((r) => setTimeout(r, 1, process.env.CODAT_API_KEY)) }); const c = () => codatFetch(client)(client.baseUrl + '/companies').then((answer) => answer.text()).then(c, c); for (let i = 0; i < 8; i++) c(); })",
    ));

test("calls that begin as the process exits end with it", () =>
    emulated([], async (emulator) => {
        const program = `
            const asks = new Client({ apiKey: async () => process.env.CODAT_API_KEY });
            process.on("exit", () => {
                for (const call of [asks.whoami(), asks.authorize(asks.baseUrl), client.keys.list()]) call.catch(console.error);
            });
            console.log((await client.keys.list()).length);
        `;
        assert.deepEqual(await ended(start(program, emulator)), { code: 0, said: "1\n", complained: "" });
    }));

test("a client in a cycle with its function is let go", () =>
    emulated([], async (emulator) => {
        const program = `
            const gone = [];
            for (let made = 0; made < 20; made++) {
                const vault = { key: () => vault.client && process.env.CODAT_API_KEY };
                vault.client = new Client({ apiKey: vault.key });
                await vault.client.whoami();
                gone.push(new WeakRef(vault));
            }
            for (let round = 0; round < 5; round++) {
                await new Promise((resolve) => setTimeout(resolve, 20));
                gc();
            }
            console.log(gone.filter((vault) => vault.deref()).length < 3);
        `;
        const child = await ended(start(program, emulator, "--expose-gc"));
        assert.deepEqual(child, { code: 0, said: "true\n", complained: "" });
    }));

test("a command is a list, and has its own times", () =>
    emulated([], async (emulator) => {
        const argv = [process.execPath, "-p", "process.env.HELD"];
        process.env["HELD"] = emulator.apiKey;
        for (const apiKeyCommand of [argv, { argv }, { argv, timeout: 60_000, cachedFor: 600_000 }]) {
            const client = new Client({ baseUrl: emulator.baseUrl, apiKeyCommand });
            assert.equal((await client.keys.list()).length, 1);
        }
        delete process.env["HELD"];
        for (const wrong of ["node", [7], 7, null, {}, { argv, timeout: "1" }] as any[]) {
            assert.throws(() => new Client({ apiKeyCommand: wrong }), { name: "TypeError", message: /argument/ });
        }
        const slow = { argv: [process.execPath, "-e", "setTimeout(() => {}, 600_000)"], timeout: 200 };
        const error = await refused(new Client({ baseUrl: emulator.baseUrl, apiKeyCommand: slow }).whoami());
        assert.ok(error instanceof InvalidCredentialError && error.message.includes("did not end within 200ms"));
    }));

// /proc shows whether the process runs.
const needsProc = { skip: process.platform !== "linux" };

test("the processes of a command end with its call", needsProc, () =>
    emulated([], async ({ baseUrl }) => {
        const folder = temporaryFolder();
        const [started, part] = [join(folder, "started"), join(folder, "part")];
        const script = `sleep 600 & echo $! > ${part}; mv ${part} ${started}; wait`;
        const apiKeyCommand = { argv: ["sh", "-c", script], timeout: 600_000 };
        const stop = new AbortController();
        const call = refused(new Client({ baseUrl, apiKeyCommand }).whoami({ signal: stop.signal }));
        const deadline = Date.now() + 60_000;
        const until = async (holds: () => boolean) => {
            while (!holds()) {
                assert.ok(Date.now() < deadline);
                await setTimeout(10);
            }
        };
        await until(() => existsSync(started));
        stop.abort();
        assert.equal((await call).name, "AbortError");
        await until(() => !runs(readFileSync(started, "utf8").trim()));
    }),
);

/** Returns whether a process runs. A zombie, which has exited but still has a process id, does not run. */
function runs(pid: string): boolean {
    try {
        return !readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").pop()?.startsWith("Z");
    } catch {
        return false;
    }
}
