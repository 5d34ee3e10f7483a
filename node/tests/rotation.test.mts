// Rotations: what the emulator holds afterwards, what the functions of sinks may do, and interruptions.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { once } from "node:events";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { inspect } from "node:util";

import {
    ApiKey,
    AuthorizationHeader,
    Client,
    InvalidInputError,
    type JournalStore,
    MemoryJournal,
    RotationError,
    type RotationEvent,
    type RotationOptions,
    type Sink,
    UnauthorizedError,
} from "codat-keys";
import type { Emulator } from "codat-keys/testing";
import { emulated, ended, start } from "./support.mjs";
import { temporaryFolder } from "./temporary.mjs";

const KEY = "MadeUpKeyOfBilling00000000000000000000Old";
const FOREIGN = "MadeUpKeyOfAnother00000000000000000000One";
const KEYS = [
    { id: "old", name: "billing", apiKey: KEY },
    { id: "foreign", apiKey: FOREIGN },
];

/** A sink in memory, which is an object of a class. */
class Memory implements Sink {
    deliveries = 0;

    constructor(
        public key: ApiKey | string | null = KEY,
        readonly name = "memory:billing",
        readonly timeout?: number,
    ) {}

    deliver(key: ApiKey): unknown {
        this.deliveries++;
        this.key = key;
        return Promise.resolve("ignored");
    }

    async read(): Promise<ApiKey | string | null> {
        return this.key;
    }

    get exposed(): string | null {
        return this.key instanceof ApiKey ? this.key.exposeSecret() : this.key;
    }
}

/** Runs with an emulator that has the two keys, a client with the first one, and a folder for journals. */
function withKeys(run: (emulator: Emulator, client: Client, journal: string) => Promise<void>): Promise<void> {
    return emulated([], async (emulator) => {
        await emulator.setState({ keys: KEYS });
        await using client = new Client({ baseUrl: emulator.baseUrl, apiKey: KEY });
        await run(emulator, client, temporaryFolder());
    });
}

async function ids(emulator: Emulator): Promise<string[]> {
    return ((await emulator.state()) as any).keys.map((key: any) => key.id);
}

async function failure(running: Promise<unknown>, kind: string): Promise<RotationError> {
    const error = await running.then(
        () => assert.fail("it did not fail"),
        (error) => error,
    );
    assert.ok(error instanceof RotationError && error.kind === kind, inspect(error));
    return error;
}

function files(folder: string): string[] {
    return readdirSync(folder).flatMap((name) => {
        const path = join(folder, name);
        return statSync(path).isDirectory() ? files(path) : [path];
    });
}

test("a rotation ends in its grace period, and is finished later", () =>
    withKeys(async (emulator, client, journal) => {
        const sink = new Memory();
        const events: RotationEvent[] = [];
        const rotation = client.keys.rotation({ sinks: [sink], journal, onEvent: (event) => void events.push(event) });
        const plan = await rotation.plan();
        assert.deepEqual([plan.oldKey, plan.keys, plan.sinks], ["old", 2, { "memory:billing": "old" }]);
        assert.match(plan.name, /^billing~\d{8}-\w{4}$/);
        assert.equal(await rotation.status(), null);

        const report = await rotation.start();
        const { state, oldKey, newKey, sinks, deleted, graceUntil } = report;
        assert.deepEqual([state, oldKey, sinks, deleted], ["grace", "old", { "memory:billing": "confirmed" }, []]);
        assert.equal(graceUntil, null);
        assert.deepEqual((await ids(emulator)).sort(), ["foreign", newKey!, "old"].sort());
        // The client continues with its new key.
        assert.equal((await client.whoami()).id, newKey);
        const states = events.flatMap((event) => (event.event === "state" ? event.state : []));
        assert.deepEqual(states, ["create", "probe", "deliver", "confirm", "grace"]);
        const others = events.map((event) => event.event).filter((event) => event !== "state");
        assert.deepEqual(others, ["created", "probed", "delivered", "confirmed"]);

        const status = await rotation.status();
        assert.deepEqual([status!.report, status!.holder], [report, null]);
        assert.ok(status!.started <= status!.updated);
        assert.deepEqual((await failure(rotation.start(), "in_progress")).report, report);
        const done = await rotation.finish();
        assert.deepEqual([done.state, done.deleted], ["done", ["old"]]);
        assert.equal((await client.whoami()).id, newKey);
        const nothing = await failure(rotation.resume(), "nothing_to_resume");
        assert.throws(() => Object.assign(done, { state: "aborted" }), TypeError);

        const written = files(journal).map((path) => readFileSync(path, "utf8"));
        assert.ok(written.some((text) => text.includes("memory:billing")));
        const texts = [inspect([plan, report, status, events, rotation, nothing], { depth: null }), ...written];
        for (const text of texts) assert.ok(!text.includes(sink.exposed!) && !text.includes(KEY));
    }));

test("a sink holds a key in any form", () =>
    withKeys(async (_, client, journal) => {
        for (const form of [
            (key: ApiKey) => key,
            (key: ApiKey) => key.exposeSecret(),
            (key: ApiKey) => AuthorizationHeader.encode(key),
        ]) {
            const stored = [form((await client.whoami()).apiKey)];
            const sink = { name: "a", deliver: (key: ApiKey) => stored.push(form(key)), read: () => stored.at(-1)! };
            const empty = new Memory(null);
            const report = await client.keys.rotate({ sinks: [sink, empty], grace: 0, journal, name: "other" });
            assert.ok(report.state === "done" && report.name!.startsWith("other~"));
            assert.deepEqual(inspect(stored.at(-1)), inspect(form(empty.key as ApiKey)));
            assert.equal((await client.keys.list()).length, 2);
        }
    }));

test("a client follows a rotation of its own key alone", () =>
    withKeys(async (emulator, client, journal) => {
        const other = new Client({ baseUrl: emulator.baseUrl, apiKey: FOREIGN });
        const asks = new Client({ baseUrl: emulator.baseUrl, apiKey: () => FOREIGN });
        for (const one of [client, other, asks]) {
            const sink = new Memory(null);
            const options = { sinks: [sink], journal, key: "foreign" };
            const { newKey } = await one.keys.rotate(options);
            const expected = one === client ? "old" : one === other ? newKey : "foreign";
            assert.equal((await one.whoami()).id, expected);
            // A rollback returns to the old key.
            assert.equal((await one.keys.rotation(options).abort()).state, "aborted");
            assert.equal((await one.whoami()).id, one === client ? "old" : "foreign");
            assert.equal(sink.exposed, FOREIGN);
        }
        assert.deepEqual(await ids(emulator), ["old", "foreign"]);
    }));

test("an aborted rotation is resumed by another client", () =>
    withKeys(async (emulator, client, journal) => {
        const sink = new Memory();
        const abort = new AbortController();
        const stop = new RangeError("enough");
        const interrupt = (event: RotationEvent) => event.event === "delivered" && abort.abort(stop);
        const { signal } = abort;
        const error = await failure(
            client.keys.rotate({ sinks: [sink], journal, signal, onEvent: (event) => void interrupt(event) }),
            "cancelled",
        );
        assert.equal(error.cause, stop);
        assert.match(error.hint, /resume/);
        assert.equal(error.report!.oldKey, "old");
        const other = new Client({ baseUrl: emulator.baseUrl, apiKey: KEY });
        const rotation = other.keys.rotation({ sinks: [sink], journal, grace: 0 });
        assert.deepEqual((await rotation.status())!.report, error.report);
        const report = await rotation.resume();
        assert.deepEqual([report.state, report.newKey], ["done", error.report!.newKey]);
        assert.equal((await other.whoami()).id, report.newKey);
        assert.equal((await ids(emulator)).length, 2);
    }));

test("what onEvent throws cancels the rotation, which can be rolled back", () =>
    withKeys(async (emulator, client, journal) => {
        const sink = new Memory();
        const seen: string[] = [];
        const onEvent = ({ event }: RotationEvent) => {
            seen.push(event);
            if (event === "delivered") throw KEY;
        };
        const error = await failure(client.keys.rotate({ sinks: [sink], journal, onEvent }), "cancelled");
        assert.equal(error.cause, KEY);
        assert.equal(seen.at(-1), "delivered");
        assert.equal((await client.keys.rotation({ sinks: [sink], journal }).abort()).state, "aborted");
        assert.equal(sink.exposed, KEY);
        assert.deepEqual(await ids(emulator), ["old", "foreign"]);

        const last = ({ event }: RotationEvent) => {
            if (event === "deleted") throw stop;
        };
        const stop = new RangeError("enough");
        const late = await client.keys
            .rotate({ sinks: [sink], journal, grace: 0, onEvent: last })
            .catch((error) => error);
        assert.ok(late instanceof RotationError && late.cause === stop && late.kind === "cancelled");
        assert.ok(["done", "retire"].includes(late.report!.state), late.report!.state);
    }));

test("an abort does not wait for a function that still runs, and another rotation waits for it", () =>
    withKeys(async (emulator, client, journal) => {
        const sink = new Memory();
        const abort = new AbortController();
        let end!: () => void;
        const late = new Promise<void>((resolve) => (end = resolve));
        const deliver = async (key: ApiKey) => {
            abort.abort();
            await late;
            sink.key = key;
        };
        const slow = { name: sink.name, read: () => sink.read(), deliver };
        const { signal } = abort;
        const error = await failure(client.keys.rotate({ sinks: [slow], journal, signal }), "cancelled");
        assert.deepEqual(error.report!.sinks, { [sink.name]: "writing" });
        const aborted = client.keys.rotation({ sinks: [sink], journal }).abort();
        await setTimeout(300);
        assert.equal(sink.deliveries, 0);
        end();
        assert.equal((await aborted).state, "aborted");
        assert.equal(sink.exposed, KEY);
        assert.deepEqual(await ids(emulator), ["old", "foreign"]);
    }));

for (const [state, verb] of [
    ["deliver", "resume"],
    ["deliver", "abort"],
    ["confirm", "resume"],
    ["confirm", "abort"],
] as const) {
    test(`after what onEvent throws at ${state}, the same rotation can ${verb}`, () =>
        withKeys(async (emulator, client, journal) => {
            const sink = new Memory();
            let throws = true;
            const onEvent = (event: RotationEvent) => {
                if (throws && event.event === "state" && event.state === state) throw new RangeError();
            };
            const rotation = client.keys.rotation({ sinks: [sink], journal, onEvent });
            await failure(rotation.start(), "cancelled");
            throws = false;
            // No timeout ends it: that of the sink is 30 s.
            const report = await rotation[verb]({ signal: AbortSignal.timeout(20_000) });
            assert.equal(report.state, verb === "abort" ? "aborted" : "grace");
            assert.equal(sink.exposed === KEY, verb === "abort");
            assert.equal((await ids(emulator)).length, verb === "abort" ? 2 : 3);
        }));
}

test("what a function throws rolls the rotation back, and is the cause", () =>
    withKeys(async (emulator, client, journal) => {
        const thrown = new RangeError(`no ${KEY}`);
        const first = new Memory(KEY, "first");
        const second = new Memory(KEY, "second");
        second.deliver = () => {
            second.deliveries++;
            throw thrown;
        };
        const waits: number[] = [];
        const onEvent = (event: RotationEvent) => void (event.event === "retrying" && waits.push(event.wait));
        const error = await failure(client.keys.rotate({ sinks: [first, second], journal, onEvent }), "rolled_back");
        assert.equal(error.cause, thrown);
        const what = "the rotation was rolled back: second did not get the new key: deliver threw RangeError";
        assert.equal(error.message, what);
        assert.deepEqual([error.code, error.name, error.report!.state], ["rotation", "RotationError", "aborted"]);
        // Four deliveries of the new key, and one of the old key in the rollback.
        assert.deepEqual([second.deliveries, waits], [5, [1000, 2000, 4000]]);
        assert.equal(first.exposed, KEY);
        assert.deepEqual(await ids(emulator), ["old", "foreign"]);
        assert.equal((await client.whoami()).id, "old");
    }));

test("nothing is changed for a sink that cannot be used, or a key that Codat rejects", () =>
    withKeys(async (emulator, client, journal) => {
        const wrongs: [any, string, string][] = [
            [() => 5, "sink_unavailable", "read returned a number; return the key as a string"],
            [() => FOREIGN, "sink_occupied", "memory:billing"],
            [async () => "no credential", "sink_occupied", "memory:billing"],
        ];
        const delivered: ApiKey[] = [];
        for (const [read, kind, says] of wrongs) {
            const sink = { name: "memory:billing", deliver: (key: ApiKey) => delivered.push(key), read };
            const error = await failure(client.keys.rotate({ sinks: [new Memory(KEY, "a"), sink], journal }), kind);
            assert.ok(error.message.includes(says) && !error.message.includes(FOREIGN), error.message);
        }
        const rejected = new Client({ baseUrl: emulator.baseUrl, apiKey: "MadeUpKeyThatCodatDoesNotKnow00000000000" });
        const error = await failure(rejected.keys.rotate({ sinks: [new Memory(null)], journal }), "api");
        assert.ok(error.cause instanceof UnauthorizedError && error.cause.status === 401);
        assert.deepEqual(delivered, []);
        assert.deepEqual(await ids(emulator), ["old", "foreign"]);
    }));

test("wrong options", () =>
    withKeys(async (emulator, client, journal) => {
        const sinks = [new Memory()];
        const wrongs: [any, string][] = [
            [undefined, "argument 'options'"],
            [{}, "argument 'sinks'"],
            [{ sinks: ["file:key.txt"] }, "argument 'sinks' must be an object"],
            [
                { sinks: [{ name: "a", deliver() {} }] },
                "argument 'sinks': a sink has neither a function read nor confirm",
            ],
            [{ sinks: [{ ...memory(), name: 5 }] }, "argument 'name'"],
            [{ sinks: [{ ...memory(), timeout: 0 }] }, "argument 'timeout' must be at least 1"],
            [{ sinks, grace: -1 }, "argument 'grace' must be at least 0"],
            [{ sinks, grace: Number.NaN }, "argument 'grace' must be at least 0"],
            [{ sinks, grace: "1h" }, "argument 'grace'"],
            [{ sinks: [{ name: "a", deliver() {}, confirm: 5 }] }, "argument 'sinks': a sink has no function confirm"],
            [{ sinks, lease: -1 }, "argument 'lease' must be at least 0"],
            [{ sinks, probeTimeout: "1" }, "argument 'probeTimeout'"],
            [{ sinks, journal: 5 }, "argument 'journal'"],
            [{ sinks, journal: null }, "argument 'journal'"],
            [{ sinks, journal: { list() {}, get() {} } }, "argument 'journal': a store has no function create"],
            [{ sinks, journal: { ...table(), lock: 5 } }, "argument 'journal': a store has no function lock"],
            [{ sinks, journal: { ...table(), machine: 5 } }, "argument 'machine'"],
            [{ sinks, onEvent: 5 }, "argument 'onEvent'"],
            [{ sinks, onevent() {} }, "did you mean 'onEvent'?"],
            [{ sinks, deleteFirst: [5] }, "argument 'deleteFirst'"],
        ];
        for (const [options, says] of wrongs) {
            assert.throws(
                () => client.keys.rotation(options),
                (error: any) => error instanceof TypeError && error.message.includes(says),
            );
            await assert.rejects(client.keys.rotate(options), TypeError);
        }
        assert.throws(() => client.keys.rotation({ sinks, key: "" }), InvalidInputError);
        const refused: RotationOptions[] = [
            { sinks: [] },
            { sinks: [memory(), memory()] },
            { sinks: [{ ...memory(), name: "" }] },
            { sinks: [{ ...memory(), name: `file:${KEY}` }] },
            { sinks, journalName: "../other" },
            { sinks, grace: 1e300 },
            { sinks, lease: 119_999 },
            { sinks, lease: 2 * 24 * 3_600_000 },
            { sinks: [{ ...memory(), timeout: 100_000 }], lease: 199_999 },
            { sinks, key: "unknown" },
            { sinks: [{ ...memory(), timeout: 1e300 }] },
        ];
        for (const options of refused) {
            const error = await failure(client.keys.rotate({ journal, ...options }), "invalid_input");
            assert.ok(error.hint && !error.message.includes(KEY));
        }
        assert.deepEqual(await ids(emulator), ["old", "foreign"]);
    }));

function memory(): Sink {
    return { name: "memory:billing", deliver() {}, read: () => KEY };
}

test("functions of a sink run one at a time, also after a timeout, in the context of the caller", () =>
    withKeys(async (emulator, client, journal) => {
        const storage = new AsyncLocalStorage<string>();
        const inner = new Memory();
        let running = 0;
        const overlaps: number[] = [];
        const alone = async <T,>(run: () => Promise<T>): Promise<T> => {
            assert.equal(storage.getStore(), "of the caller");
            if (running++ > 0) overlaps.push(running);
            try {
                return await run();
            } finally {
                running--;
            }
        };
        const sink: Sink = {
            name: inner.name,
            timeout: 300,
            deliver: (key) =>
                alone(async () => {
                    if (inner.deliveries === 0) await setTimeout(1500);
                    inner.deliver(key);
                }),
            read: () => alone(() => inner.read()),
        };
        const onEvent = () => assert.equal(storage.getStore(), "of the caller");
        const report = await storage.run("of the caller", () =>
            client.keys.rotate({ sinks: [sink], grace: 0, journal, onEvent }),
        );
        assert.equal(report.state, "done");
        assert.deepEqual(overlaps, []);
        assert.equal((await ids(emulator)).length, 2);
    }));

type Row = [string, number, string];

/** A journal store, whose functions return promises, and whose entries are texts. */
function table(rows: Row[] = []): JournalStore & { rows: Row[] } {
    const at = (name: string, seq: number) => rows.find((row) => row[0] === name && row[1] === seq);
    return {
        rows,
        list: async (name) => new Set(rows.filter((row) => row[0] === name).map((row) => row[1])),
        get: async (name, seq) => at(name, seq)?.[2],
        create: async (name, seq, entry) => {
            if (at(name, seq) !== undefined) return false;
            rows.push([name, seq, Buffer.from(entry).toString()]);
            return true;
        },
    };
}

/** A journal store with a lock, which ends with the process. */
function lockedTable(rows: Row[] = [], machine = "this machine") {
    const store = {
        ...table(rows),
        machine,
        held: false,
        locked: 0,
        released: 0,
        lock(): (() => void) | false {
            if (store.held) return false;
            store.held = true;
            store.locked++;
            return () => {
                store.held = false;
                store.released++;
            };
        },
    };
    return store;
}

function atDelivery(run: () => void): (event: RotationEvent) => void {
    return ({ event }) => void (event === "delivered" && run());
}

test("a sink that cannot be read confirms the key", () =>
    withKeys(async (emulator, client, journal) => {
        for (const wait of [true, false]) {
            const { id, apiKey } = await client.whoami();
            const [delivered, asked]: ApiKey[][] = [[], []];
            const confirm = (key: ApiKey) => asked!.push(key) > 1;
            const remote: Sink = {
                name: "remote",
                deliver: (key) => void delivered!.push(key),
                confirm: wait ? async (key) => confirm(key) : confirm,
            };
            const rotation = client.keys.rotation({ sinks: [remote, new Memory(apiKey)], journal });
            assert.deepEqual((await rotation.plan()).sinks, { remote: "unreadable", "memory:billing": id });
            const report = await rotation.start();
            assert.deepEqual(report.sinks, { remote: "confirmed", "memory:billing": "confirmed" });
            assert.equal((await rotation.finish()).state, "done");
            const exposed = (await client.whoami()).apiKey.exposeSecret();
            assert.deepEqual(
                [...delivered!, ...asked!].map((key) => key.exposeSecret()),
                Array(4).fill(exposed),
            );
            assert.deepEqual((await ids(emulator)).sort(), ["foreign", report.newKey!].sort());
        }
    }));

test("a key that is not confirmed is rolled back", () =>
    withKeys(async (emulator, client, journal) => {
        for (const [confirmed, says, times] of [
            [false, "do not have the key yet", 5],
            [1, "confirm returned a number; return true if the programs have the key", 2],
        ] as [any, string, number][]) {
            const delivered: string[] = [];
            let asked = 0;
            const remote: Sink = {
                name: "remote",
                deliver: (key) => void delivered.push(key.exposeSecret()),
                confirm: (key) => (asked++, key.exposeSecret() === KEY || confirmed),
            };
            const error = await failure(client.keys.rotate({ sinks: [remote], journal }), "rolled_back");
            assert.ok(error.message.includes(says), error.message);
            // The old key is restored in the sink, and confirmed.
            assert.deepEqual([asked, delivered.length, delivered[1]], [times, 2, KEY]);
            assert.deepEqual(await ids(emulator), ["old", "foreign"]);
        }
    }));

test("the timeout of the probe and the lease are options", () =>
    withKeys(async (emulator, client) => {
        const store = table();
        const rejects = { method: "GET", path: "/apiKeys", fault: "status", status: 401, count: 1 };
        // The first list with the new key is rejected.
        await emulator.setFaults([{ ...rejects, skip: 2 }]);
        const options = { sinks: [new Memory()], journal: store };
        const error = await failure(client.keys.rotate({ ...options, probeTimeout: 0 }), "rolled_back");
        assert.match(error.message, /the new key does not work/);
        assert.deepEqual(await ids(emulator), ["old", "foreign"]);

        const { newKey } = await client.keys.rotate({ ...options, lease: 600_000 });
        const leases = store.rows
            .map(([, , entry]) => JSON.parse(entry))
            .filter((entry) => entry.rotation.new_key === newKey)
            .map(({ expires, written }) => Math.round((Date.parse(expires) - Date.parse(written)) / 10_000));
        // The last entry ends the lease.
        assert.deepEqual([...new Set(leases)], [60, 0]);
    }));

test("a journal is in a store of the program", () =>
    withKeys(async (emulator, client) => {
        for (const journal of [table(), lockedTable(), new MemoryJournal()]) {
            const sink = new Memory((await client.whoami()).apiKey);
            const [abort, stop] = [new AbortController(), new RangeError("enough")];
            const options = { sinks: [sink], journal, journalName: "payments" };
            const { signal } = abort;
            const onEvent = atDelivery(() => abort.abort(stop));
            const error = await failure(client.keys.rotate({ ...options, signal, onEvent }), "cancelled");
            assert.equal(error.cause, stop);
            const rotation = client.keys.rotation(options);
            // The cancelled rotation has released its lease, and the lock.
            const status = await rotation.status();
            assert.deepEqual([status!.report, status!.holder], [error.report, null]);
            assert.deepEqual((await failure(rotation.start(), "in_progress")).report, error.report);
            assert.equal(await client.keys.rotation({ sinks: [sink], journal }).status(), null);
            const report = await rotation.finish();
            assert.deepEqual([report.state, report.newKey], ["done", error.report!.newKey]);
            assert.equal((await ids(emulator)).length, 2);
            if ("rows" in journal) {
                const written = inspect(journal.rows, { depth: null, maxStringLength: null });
                assert.ok(!written.includes(sink.exposed!) && written.includes("memory:billing"));
                assert.deepEqual(
                    journal.rows.map((row) => row[1]),
                    journal.rows.map((_, index) => index + 1),
                );
            }
            if ("held" in journal) {
                const store = journal as ReturnType<typeof lockedTable>;
                assert.deepEqual([store.held, store.locked, store.released], [false, 3, 3]);
                store.held = true;
                assert.match((await failure(rotation.start(), "busy")).message, /another process of this machine/);
            }
        }
    }));

test("a killed process is waited for, unless the journal has a lock", () =>
    withKeys(async (emulator, client) => {
        const sink = new Memory();
        const store = lockedTable();
        let killed: Row[] = [];
        const onEvent = atDelivery(() => {
            killed = [...store.rows];
            throw new RangeError("as if the process had been killed");
        });
        await failure(client.keys.rotate({ sinks: [sink], journal: store, onEvent }), "cancelled");
        for (const journal of [table([...killed]), lockedTable([...killed], "another")]) {
            const error = await failure(client.keys.rotation({ sinks: [sink], journal }).resume(), "busy");
            assert.ok(error.message.includes(`the process ${process.pid}-`), error.message);
        }
        const journal = lockedTable([...killed]);
        assert.equal((await client.keys.rotation({ sinks: [sink], journal, grace: 0 }).resume()).state, "done");
        assert.equal((await ids(emulator)).length, 2);
    }));

test("what a function of a store throws is the cause, and the rotation can be resumed", () =>
    withKeys(async (emulator, client) => {
        for (const name of ["list", "create", "lock"] as const) {
            const store: any = lockedTable();
            const sink = new Memory((await client.whoami()).apiKey);
            const thrown = new RangeError(`no ${KEY}`);
            let isBroken = true;
            const whole = store[name];
            store[name] = (...given: unknown[]) => {
                if (isBroken && (name !== "create" || store.rows.length === 5)) {
                    isBroken = false;
                    throw thrown;
                }
                return whole(...given);
            };
            const rotation = client.keys.rotation({ sinks: [sink], journal: store, grace: 0 });
            const error = await failure(rotation.start(), "journal");
            assert.equal(error.message, `the journal \`default\` cannot be used: ${name} threw RangeError`);
            assert.equal(error.cause, thrown);
            assert.equal(store.held, false);
            const report = await (name === "create" ? rotation.resume() : rotation.start());
            assert.equal(report.state, "done");
            assert.equal((await ids(emulator)).length, 2);
        }
    }));

test("a store that returns another value, or never", () =>
    withKeys(async (emulator, client) => {
        const never = () => new Promise<never>(() => {});
        for (const [members, says] of [
            [{ list: () => ["1"] }, "list returned an object; return the numbers of the entries"],
            [{ list: () => [1], get: () => 5 }, "get returned a number; return the entry as a Uint8Array or a string"],
            [{ create: () => undefined }, "create returned undefined; return true if the entry was created"],
            [{ lock: () => true }, "lock returned a boolean; return a function that releases the lock"],
            [{ list: () => [1], get: () => Buffer.from("no entry") }, "is not an entry of a rotation"],
            [{ list: () => [1] }, "is missing"],
            [{ list: never, timeout: 300 }, "no result of list arrived within the timeout"],
            [{ create: never, timeout: 300 }, "no result of create arrived within the timeout"],
        ] as [object, string][]) {
            const journal = { ...lockedTable(), ...members };
            const error = await failure(client.keys.rotate({ sinks: [new Memory()], journal }), "journal");
            assert.ok(error.message.includes(says), error.message);
        }
        assert.deepEqual(await ids(emulator), ["old", "foreign"]);
    }));

test("a lock that arrives after its timeout is released", () =>
    withKeys(async (_, client) => {
        let isReleased = false;
        const release = () => void (isReleased = true);
        const journal = { ...table(), timeout: 100, lock: () => setTimeout(300, release) };
        await failure(client.keys.rotate({ sinks: [new Memory()], journal }), "journal");
        // A lock that arrives late does not keep the process alive.
        for (let looked = 0; looked < 600 && !isReleased; looked++) await setTimeout(50);
        assert.ok(isReleased);
    }));

test("a lock that cannot be released is a warning", async () => {
    const thrown = () => {
        throw new Error("no connection");
    };
    for (const release of [thrown, () => Promise.reject(new Error("no connection"))]) {
        await withKeys(async (_, client) => {
            const warned = once(process, "warning");
            const journal = { ...table(), lock: () => release };
            assert.equal((await client.keys.rotate({ sinks: [new Memory()], journal })).state, "grace");
            const [warning] = await warned;
            assert.match(warning.message, /^the lock of a journal was not released: its function threw /);
            assert.ok(!inspect(warning).includes("no connection"));
        });
    }
});

test("a function can make calls with the same client", () =>
    withKeys(async (emulator, _, journal) => {
        const client = new Client({ baseUrl: emulator.baseUrl, apiKey: async () => KEY });
        const inner = new Memory();
        const seen: number[] = [];
        const deliver = async (key: ApiKey) => {
            seen.push((await client.keys.list()).length);
            inner.deliver(key);
        };
        await client.keys.rotate({ sinks: [{ name: inner.name, deliver, read: () => inner.key }], journal });
        assert.deepEqual(seen, [3]);
    }));

test("a program ends after a rotation, and its journal is where the command line has it", () =>
    emulated([], async (emulator) => {
        const state = temporaryFolder();
        const program = `
            let stored;
            const sink = { name: "memory", deliver: (key) => void (stored = key), read: () => stored };
            console.log((await client.keys.rotate({ sinks: [sink] })).state);
        `;
        const environment = { ...emulator.environment, XDG_STATE_HOME: state };
        const child = await ended(start(program, { environment }));
        assert.deepEqual(child, { code: 0, said: "grace\n", complained: "" });
        if (process.platform !== "win32") {
            assert.ok(readdirSync(join(state, "codat-keys", "rotations", "default")).length > 3);
        }
    }));

test("a rotation does not wait for a function of a rotation with another store", () =>
    withKeys(async (emulator, client, folder) => {
        for (const [first, second] of [
            [join(folder, "a"), join(folder, "b")],
            [new MemoryJournal(), new MemoryJournal()],
        ] as const) {
            await emulator.setState({ keys: KEYS });
            await using own = new Client({ baseUrl: emulator.baseUrl, apiKey: KEY });
            await using other = new Client({ baseUrl: emulator.baseUrl, apiKey: FOREIGN });
            const [slow, quick] = [new Memory(KEY, "store"), new Memory(FOREIGN, "store", 2000)];
            let delivers!: () => void;
            let end!: () => void;
            const delivering = new Promise<void>((resolve) => (delivers = resolve));
            const late = new Promise<void>((resolve) => (end = resolve));
            const deliver = async (key: ApiKey) => {
                delivers();
                await late;
                slow.key = key;
            };
            const sink = { name: slow.name, read: () => slow.read(), deliver };
            const running = own.keys.rotate({ sinks: [sink], journal: first });
            await delivering;
            const report = await other.keys.rotate({ sinks: [quick], journal: second, grace: 0 });
            assert.deepEqual([report.state, slow.key], ["done", KEY]);
            end();
            assert.equal((await running).state, "grace");
        }
    }));

test("an abort does not wait for a store that does not answer, and a late lock is released", () =>
    withKeys(async (emulator, client) => {
        for (const hanging of ["lock", "list"] as const) {
            const store = lockedTable();
            const [abort, stop] = [new AbortController(), new RangeError("enough")];
            let end!: () => void;
            const late = new Promise<void>((resolve) => (end = resolve));
            const journal: JournalStore = {
                ...store,
                [hanging]: async (name: string) => {
                    abort.abort(stop);
                    await late;
                    return hanging === "lock" ? store.lock() : store.list(name);
                },
            };
            const { signal } = abort;
            // The time limit of the function is 30 s.
            const aborted = client.keys.rotate({ sinks: [new Memory()], journal, signal });
            const error = await Promise.race([
                failure(aborted, "cancelled"),
                setTimeout(15_000, undefined, { ref: false }),
            ]);
            end();
            assert.ok(error, "the abort has waited");
            assert.deepEqual([error.cause, error.report], [stop, null]);
            while (store.locked !== 1 || store.held) await setTimeout(10);
            assert.equal(store.released, 1);
            assert.deepEqual(await ids(emulator), ["old", "foreign"]);
        }
    }));
