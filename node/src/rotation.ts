/** The class `Rotation`, which replaces an API key, with its options and results. */
import { randomUUID } from "node:crypto";

import { knownOptions, kind, number, object, option, optional, text, yes } from "./arguments";
import type { Own } from "./calls";
import { type Key, secretOf, thrownKind } from "./key-callback";
import { type RotationData, native } from "./native";
import { type CallOptions, callOptions } from "./options";
import { type Message, type Requests, perform } from "./pending-calls";
import { callNative } from "./raise";
import {
    type RotationEvent,
    type RotationPlan,
    type RotationReport,
    type RotationStatus,
    date,
    report,
} from "./reports";
import { ApiKey } from "./secrets";

/**
 * A place from which programs read their key. A sink has a function `deliver`, and a function `read` or `confirm`. The
 * functions can return promises. The rotation calls one function of a sink at a time.
 */
export interface Sink {
    /**
     * The name of the sink, such as `store:payments`. The journal contains the name. A process that resumes the
     * rotation must use the same name. The name must be unique among the sinks of a rotation, and contain no API key.
     */
    readonly name: string;
    /**
     * Replaces the content of the sink with this API key. It must be safe to call the function several times with the
     * same key, because a function that throws is called up to four times.
     */
    deliver(key: ApiKey): unknown;
    /**
     * Returns the content of the sink: an API key, the value of an `Authorization` header, or `null` or `undefined` if
     * the sink is empty. The rotation compares the content with the key that it expects. The rotation also requests the
     * list of API keys, and authenticates this request with the content.
     */
    read?(): Key | null | undefined | PromiseLike<Key | null | undefined>;
    /**
     * Returns whether the programs that use the sink have this API key: the new one, or the old one after a rollback.
     * If the function returns `false`, the rotation calls it again, up to four times in all. Required for a sink
     * without `read`.
     */
    confirm?(key: ApiKey): boolean | PromiseLike<boolean>;
    /**
     * The time limit of one run of a function, in milliseconds. A function that takes longer is not interrupted. The
     * rotation waits until the function has ended before it calls another function of this sink. Default: 30,000.
     */
    readonly timeout?: number | undefined;
}

/**
 * A store of journals, such as a table of a database. Every function can return a promise. If a function throws, the
 * rotation ends with a `RotationError` of the kind `journal`. The rotation can be resumed as soon as the store works.
 *
 * Use one object for all rotations of a journal. A function of a sink can still run after the rotation that called it
 * has ended. The next rotation waits for this function if both rotations use the same `JournalStore` object, or the
 * same folder.
 *
 * A journal has a name, and entries that are numbered from 1. An entry contains no API key, and is never changed.
 */
export interface JournalStore {
    /** Returns the numbers of all entries, in any order. Includes entries that another process has just created. */
    list(name: string): Iterable<number> | PromiseLike<Iterable<number>>;
    /** Returns an entry, or `null` or `undefined` if there is no such entry. */
    get(
        name: string,
        seq: number,
    ): Uint8Array | string | null | undefined | PromiseLike<Uint8Array | string | null | undefined>;
    /**
     * Stores an entry durably and as a whole, and returns true. Returns false, and changes nothing, if an entry with
     * this number exists. If several processes create the same entry, exactly one of them gets true.
     */
    create(name: string, seq: number, entry: Uint8Array): boolean | PromiseLike<boolean>;
    /**
     * Locks a journal. If the process of a rotation is killed, the lock allows another process to resume the rotation
     * before the lease expires. Returns a function that releases the lock, `false` if another process has the lock, or
     * `null` or `undefined` if the store cannot lock the journal. If the returned function throws, the process emits a
     * warning. The lock must also be released when the process ends. Without `machine`, the lock has no effect on the
     * lease. Default: there is no lock.
     */
    lock?(name: string): Locked | PromiseLike<Locked>;
    /**
     * A text that is the same for all processes that compete for the lock, and different for all other processes. An
     * example is an id of this machine that changes when the machine restarts. Each entry of the journal contains the
     * text. Default: none.
     */
    readonly machine?: string | undefined;
    /** The time limit of one run of a function, in milliseconds. Default: 30,000. */
    readonly timeout?: number | undefined;
}

type Locked = (() => unknown) | false | null | undefined;

/** Journals in the memory of this process, for tests. */
export class MemoryJournal implements JournalStore {
    readonly #journals = new Map<string, Map<number, Uint8Array>>();

    /** Returns the numbers of all entries. */
    list(name: string): Iterable<number> {
        return this.#journals.get(name)?.keys() ?? [];
    }

    /** Returns an entry, or `undefined` if there is no such entry. */
    get(name: string, seq: number): Uint8Array | undefined {
        return this.#journals.get(name)?.get(seq);
    }

    /** Stores an entry, and returns true. Returns false if an entry with this number exists. */
    create(name: string, seq: number, entry: Uint8Array): boolean {
        const entries = this.#journals.get(name) ?? new Map<number, Uint8Array>();
        const isNew = !entries.has(seq);
        if (isNew) this.#journals.set(name, entries.set(seq, entry));
        return isNew;
    }
}

/** The options of a rotation. */
export interface RotationOptions {
    /**
     * The places where programs read their key. The sinks get the new key in this order. Each sink must contain the old
     * key or nothing. The content of a sink that cannot be read is not checked.
     */
    sinks: Iterable<Sink>;
    /** The id of the API key to replace. Default: the API key that the client uses. */
    key?: string | undefined;
    /**
     * The folder of the journals, or a store. A folder that other users can write is rejected. Default: the folder that
     * the command line uses. On Windows, this is `codat-keys/rotations` in the folder `LOCALAPPDATA`. Elsewhere, it is
     * `codat-keys/rotations` in the folder `XDG_STATE_HOME`, or in `~/.local/state` if that variable is not set.
     */
    journal?: string | JournalStore | undefined;
    /**
     * The name of the journal: letters, digits, `.`, `_` and `-`. Only one rotation with the same journal can run at a
     * time. All rotations of the keys of one Codat client must use the same name. Default: `default`.
     */
    journalName?: string | undefined;
    /** The name of the new API key, to which a unique tag is added. Default: the name of the old API key. */
    name?: string | undefined;
    /**
     * How long the old API key works after all sinks have the new one, in milliseconds. `start` waits for this time,
     * and deletes the old API key. Default: the old API key works until `finish` is called. A resumed rotation uses the
     * value with which it was started.
     */
    grace?: number | undefined;
    /**
     * Whether the rotation replaces the content of a sink that contains something other than the old API key. A rollback
     * cannot restore such content. Default: false.
     */
    overwrite?: boolean | undefined;
    /** The ids of the API keys that may be deleted if ten API keys exist already. Default: none. */
    deleteFirst?: Iterable<string> | undefined;
    /**
     * The duration of the lease, in milliseconds. It must be at least 2 minutes, at least twice the `timeout` of each
     * sink, and at most 24 hours. Each entry of the journal starts a new lease. Until the lease ends, no other process
     * can resume the rotation. If this process is killed, other processes wait for the end of the lease. If the journal
     * has a lock, a process of the same machine does not wait. Default: 300,000, or twice the longest `timeout`.
     */
    lease?: number | undefined;
    /**
     * The time within which Codat must accept the new API key, in milliseconds. If Codat still rejects the API key
     * after this time, the rotation is rolled back. Default: 120,000.
     */
    probeTimeout?: number | undefined;
    /**
     * A function that receives the events of the rotation as they happen. The function must return quickly. If it
     * throws, the rotation is cancelled, and the `cause` of the `RotationError` is the thrown value. Default: none.
     */
    onEvent?: ((event: RotationEvent) => void) | undefined;
}

/** The options of `Keys.rotate`. */
export interface RotateOptions extends RotationOptions, Pick<CallOptions, "signal"> {}

/** The names of the options of a rotation. @internal */
export const ROTATION_OPTIONS = [
    "sinks",
    "key",
    "journal",
    "journalName",
    "name",
    "grace",
    "overwrite",
    "deleteFirst",
    "lease",
    "probeTimeout",
    "onEvent",
];

/**
 * A replacement of an API key with a new one. Returned by `Keys.rotation`.
 *
 * A rotation creates the new API key, tries it, delivers it to the sinks, reads it back from there, and deletes the old
 * API key last. It records each step in the journal before it takes the step, so that another process can resume the
 * rotation. A client whose API key was given as a value continues with the new API key as soon as all sinks have it,
 * and with the old one after a rollback.
 *
 * Every method can reject with `RotationError`. If the signal of a method is aborted, the `cause` of this error is the
 * reason of the signal, and the rotation can be resumed. Requests are retried as `Keys` describes.
 */
export class Rotation {
    readonly #own: Own;
    readonly #core;
    readonly #sinks: readonly Sink[];
    readonly #store: JournalStore | undefined;
    readonly #onEvent: RotationOptions["onEvent"];

    /** @internal */
    constructor(own: Own, options: RotationOptions) {
        const given = knownOptions("options", options, ROTATION_OPTIONS);
        const { sinks, journal, onEvent } = given;
        this.#own = own;
        this.#sinks = [...object("sinks", sinks)].map(checkedSink);
        if (onEvent !== undefined && typeof onEvent !== "function") {
            throw new TypeError(`argument 'onEvent' must be a function, and is ${kind(onEvent)}`);
        }
        this.#onEvent = onEvent;
        this.#store = typeof journal === "object" ? checkedStore(journal) : undefined;
        const data = rotationData(given, this.#sinks, this.#store);
        this.#core = callNative(() => new native.RotationCore(data));
    }

    /**
     * Starts the rotation. By default, the run ends in the state `grace`: all sinks have the new API key, and the old
     * one works until `finish` is called. If the option `grace` is given, the method then waits for the time `grace`,
     * and deletes the old API key.
     */
    async start(options: Pick<CallOptions, "signal"> = {}): Promise<RotationReport> {
        return report(await this.#run("start", options));
    }

    /**
     * Resumes an interrupted rotation of this or another process, and does what `start` would have done. The rotation
     * needs one working API key: the key of the client, or a key in a sink.
     */
    async resume(options: Pick<CallOptions, "signal"> = {}): Promise<RotationReport> {
        return report(await this.#run("resume", options));
    }

    /**
     * Checks all sinks once more, and deletes the old API key without waiting for the end of the grace period. Resumes
     * the rotation first if it was interrupted.
     */
    async finish(options: Pick<CallOptions, "signal"> = {}): Promise<RotationReport> {
        return report(await this.#run("finish", options));
    }

    /**
     * Restores the old API key in all sinks, and deletes the new one. If the deletion of the old API key has begun,
     * completes the rotation instead. The `state` of the report shows whether the rotation was rolled back or
     * completed.
     */
    async abort(options: Pick<CallOptions, "signal"> = {}): Promise<RotationReport> {
        return report(await this.#run("abort", options));
    }

    /**
     * Rebuilds a lost journal from the names of the API keys and from the sinks, and resumes the rotation. The option
     * `key` is needed if several API keys can be the old one.
     */
    async recover(options: Pick<CallOptions, "signal"> = {}): Promise<RotationReport> {
        return report(await this.#run("recover", options));
    }

    /**
     * Returns the latest rotation of the journal, or `null` if there is none. Sends nothing, and calls no function of a
     * sink. Rejects with `RotationError` if the journal cannot be read.
     */
    async status(options: Pick<CallOptions, "signal"> = {}): Promise<RotationStatus | null> {
        const data = await this.#run("status", options);
        return (
            data &&
            Object.freeze({
                report: report(data.report),
                started: new Date(data.started),
                updated: new Date(data.updated),
                holder: data.holder,
                heldUntil: date(data.heldUntil),
            })
        );
    }

    /** Returns what `start` would do. Lists the API keys and reads the sinks, and changes nothing. */
    async plan(options: Pick<CallOptions, "signal"> = {}): Promise<RotationPlan> {
        const data = await this.#run("plan", options);
        const content = ({ sink, content }: any): [string, string] => [
            sink,
            typeof content === "string" ? content : (content.key ?? "other"),
        ];
        return Object.freeze({ ...data, sinks: Object.fromEntries(data.sinks.map(content)) });
    }

    async #run(verb: string, options: Pick<CallOptions, "signal">): Promise<any> {
        const { signal } = callOptions(knownOptions("options", options, ["signal"]));
        const { core, provide } = this.#own;
        const run = (message: Message, requests: Requests) => this.#handle(message, requests);
        const completion = await perform(
            (calls, number, observed) => calls.rotate(number, observed, core, this.#core, verb),
            provide,
            signal,
            run,
        );
        return completion.value;
    }

    /** Passes an event to `onEvent`, or runs a function of a sink or of the journal store. */
    #handle(message: Message, requests: Requests): void {
        if (message.event === null) {
            const owner = message.sink === null ? this.#store : this.#sinks[message.sink];
            void run(owner, message.function as Name, message.arguments, requests);
        } else {
            this.#onEvent?.(shown(message.event));
        }
    }
}

/** The name of a function of a sink or of a journal store. */
type Name = "read" | "deliver" | "confirm" | "list" | "get" | "create" | "lock";

/** Runs a function, and passes its result to `requests`. */
async function run(owner: any, name: Name, given: unknown[], requests: Requests): Promise<void> {
    const [text, instead] = RESULTS[name];
    let returned: unknown;
    let content: string | null | undefined;
    try {
        returned = await owner[name](...given.map(ARGUMENTS[name]));
        content = text(returned);
    } catch (reason) {
        return requests.fail(`${name} threw ${thrownKind(reason)}`, { reason });
    }
    if (name === "lock" && typeof returned === "function") {
        return requests.locked(returned as () => unknown);
    }
    if (content === undefined) {
        return requests.fail(`${name} returned ${kind(returned)}; return ${instead}`);
    }
    requests.complete(content);
}

const toKey = (key: any) => new ApiKey(key, null);
const same = (value: unknown) => value;

/** Converts the arguments of each function. */
const ARGUMENTS: Record<Name, (argument: any, index: number) => unknown> = {
    read: same,
    deliver: toKey,
    confirm: toKey,
    list: same,
    get: same,
    create: (argument, index) => (index === 2 ? Buffer.from(argument) : argument),
    lock: same,
};

/**
 * Two values for each function of a sink or of a journal store. The first value is a converter: its argument is the
 * value that the function returned, and its result is a text for the native module. The text of an API key or an entry
 * is passed unchanged, and any other value is passed as JSON. The converter returns `null` if there is no text to pass,
 * and `undefined` if the function returned a value of a wrong type. The second value says what the function must
 * return.
 */
const RESULTS: Record<Name, [(returned: any) => string | null | undefined, string]> = {
    read: [keyText, "the key as a string, an ApiKey or an AuthorizationHeader, or null"],
    deliver: [() => null, "anything"],
    confirm: [booleanText, "true if the programs have the key, or false"],
    list: [numbersText, "the numbers of the entries"],
    get: [entryText, "the entry as a Uint8Array or a string, or null"],
    create: [booleanText, "true if the entry was created, or false if it exists"],
    lock: [lockText, "a function that releases the lock, false if another process has the lock, or null"],
};

function keyText(returned: any): string | null | undefined {
    if (returned === null || returned === undefined) return null;
    const content = secretOf(returned);
    return typeof content === "string" ? content : undefined;
}

function booleanText(returned: unknown): string | undefined {
    return typeof returned === "boolean" ? String(returned) : undefined;
}

function numbersText(returned: any): string | undefined {
    const numbers: unknown[] = [...returned];
    const areNumbers = numbers.every((seq) => Number.isSafeInteger(seq) && (seq as number) >= 0);
    return areNumbers ? JSON.stringify(numbers) : undefined;
}

function entryText(returned: unknown): string | null | undefined {
    if (returned === null || returned === undefined) return null;
    if (returned instanceof Uint8Array) return Buffer.from(returned).toString();
    return typeof returned === "string" ? returned : undefined;
}

function lockText(returned: unknown): string | null | undefined {
    if (returned === null || returned === undefined) return null;
    return returned === false ? "false" : undefined;
}

function checkedSink(sink: Sink): Sink {
    checkFunction("sinks", object("sinks", sink), "deliver", "a sink");
    if (confirms(sink) && option(sink, "confirm") === undefined) {
        throw new TypeError("argument 'sinks': a sink has neither a function read nor confirm");
    }
    checkFunction("sinks", sink, confirms(sink) ? "confirm" : "read", "a sink");
    return sink;
}

/** Whether a sink has no function `read`. In this case, the rotation calls the function `confirm` of the sink. */
function confirms(sink: object): boolean {
    return option(sink, "read") === undefined;
}

function checkedStore(store: JournalStore): JournalStore {
    for (const name of ["list", "get", "create"]) {
        checkFunction("journal", object("journal", store), name, "a store");
    }
    if (option(store, "lock") !== undefined) {
        checkFunction("journal", store, "lock", "a store");
    }
    return store;
}

function checkFunction(argument: string, owner: object, name: string, what: string): void {
    if (typeof option(owner, name) !== "function") {
        throw new TypeError(`argument '${argument}': ${what} has no function ${name}`);
    }
}

function rotationData(options: RotationOptions, sinks: readonly Sink[], store: JournalStore | undefined): RotationData {
    return {
        sinks: sinks.map((sink) => ({
            name: text("name", option(sink, "name")),
            confirms: confirms(sink),
            timeout: timeout(sink),
        })),
        key: optional(text, "key", options.key),
        journal: store === undefined ? optional(text, "journal", options.journal) : undefined,
        store: store && {
            id: idOf(store),
            locks: option(store, "lock") !== undefined,
            machine: optional(text, "machine", option(store, "machine")),
            timeout: timeout(store),
        },
        journalName: text("journalName", options.journalName ?? "default"),
        name: optional(text, "name", options.name),
        grace: optional(time(0), "grace", options.grace),
        overwrite: yes("overwrite", options.overwrite ?? false),
        deleteFirst: [...object("deleteFirst", options.deleteFirst ?? [])].map((id) => text("deleteFirst", id)),
        lease: optional(time(0), "lease", options.lease),
        probeTimeout: optional(time(0), "probeTimeout", options.probeTimeout),
    };
}

const storeIds = new WeakMap<JournalStore, string>();

/** Returns the id of a store. No other store has this id, even in other worker threads. */
function idOf(store: JournalStore): string {
    const id = storeIds.get(store) ?? randomUUID();
    storeIds.set(store, id);
    return id;
}

/** Returns the time limit of the functions of a sink or of a journal store. */
function timeout(owner: object): number | undefined {
    return optional(time(1), "timeout", option(owner, "timeout"));
}

/** Returns a function that checks whether a time in milliseconds is at least `minimum`. */
function time(minimum: number): (name: string, value: unknown) => number {
    return (name, value) => {
        const given = number(name, value);
        if (!(given >= minimum)) {
            throw new TypeError(`argument '${name}' must be at least ${minimum}`);
        }
        return given;
    };
}

/** Returns the event that contains the given data of the native module. */
function shown(data: any): RotationEvent {
    const { wait, until } = data;
    return Object.freeze({
        ...data,
        ...(wait !== undefined && { wait: wait * 1000 }),
        ...(until !== undefined && { until: new Date(until) }),
    });
}
