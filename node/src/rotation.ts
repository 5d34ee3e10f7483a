/** The class `Rotation`, which replaces an API key, with its options and results. */
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
 * A place where programs read their key, as a pair of functions. Both functions can return a promise. The rotation calls
 * them one at a time.
 */
export interface Sink {
    /**
     * The name, such as `store:payments`. The journal contains it. A process that resumes the rotation must use the same
     * name. The name must be unique among the sinks of a rotation, and contain no API key.
     */
    readonly name: string;
    /**
     * Replaces the content with this API key. If the function throws, it is called up to four times, so it must be safe
     * to call it again with the same key.
     */
    deliver(key: ApiKey): unknown;
    /**
     * Returns the content: an API key, the value of an `Authorization` header, or `null` or `undefined` if there is
     * nothing. The rotation compares the content with the API key, and authenticates with it.
     */
    read(): Key | null | undefined | PromiseLike<Key | null | undefined>;
    /**
     * The time limit of one run of a function, in milliseconds. The function is not interrupted: the rotation waits
     * until it has ended before it uses the sink again. Default: 30,000.
     */
    readonly timeout?: number | undefined;
}

/** The options of a rotation. */
export interface RotationOptions {
    /**
     * The places where programs read their key. They get the new key in this order. Each must contain the old key or
     * nothing.
     */
    sinks: Iterable<Sink>;
    /** The id of the API key to replace. Default: the API key that the client uses. */
    key?: string | undefined;
    /**
     * The folder of the journals. A folder that other users can write is rejected. Default: the folder of the command
     * line, `codat-keys/rotations` in `XDG_STATE_HOME` or `~/.local/state`; on Windows, in `LOCALAPPDATA`.
     */
    journal?: string | undefined;
    /**
     * The name of the journal: letters, digits, `.`, `_` and `-`. Only one rotation with the same journal can run at a
     * time. All rotations of the keys of one Codat client must use the same name. Default: `default`.
     */
    journalName?: string | undefined;
    /** The name of the new API key, to which a unique tag is added. Default: the name of the old API key. */
    name?: string | undefined;
    /**
     * How long the old API key works after all sinks have the new one, in milliseconds. `start` waits for this time, and
     * deletes the old API key. Default: the old API key works until `finish` is called. A rotation that is resumed has the
     * value with which it was started.
     */
    grace?: number | undefined;
    /** Whether other content of a sink is replaced. A rollback cannot restore it. Default: false. */
    overwrite?: boolean | undefined;
    /** The ids of the API keys that may be deleted if there are ten. Default: none. */
    deleteFirst?: Iterable<string> | undefined;
    /**
     * A function that receives the events of the rotation as they happen. It must return quickly. If it throws, the
     * rotation is cancelled, and the `cause` of the `RotationError` is the thrown value. Default: none.
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
    "onEvent",
];

/**
 * The replacement of an API key with a new one, as `Keys.rotation` returns it.
 *
 * A rotation creates the new API key, tries it, delivers it to the sinks, reads it back from there, and deletes the old
 * API key last. It records each step in the journal before it takes the step, so that another process can resume it. A
 * client whose API key was given as a value continues with the new API key as soon as all sinks have it, and with the
 * old one after a rollback.
 *
 * Every method can reject with `RotationError`. If its signal is aborted, the `cause` of this error is the reason of the
 * signal, and the rotation can be resumed. Requests are retried as `Keys` describes.
 */
export class Rotation {
    readonly #own: Own;
    readonly #core;
    readonly #sinks: readonly Sink[];
    readonly #onEvent: RotationOptions["onEvent"];

    /** @internal */
    constructor(own: Own, options: RotationOptions) {
        const given = knownOptions("options", options, ROTATION_OPTIONS);
        const { sinks, onEvent } = given;
        this.#own = own;
        this.#sinks = [...object("sinks", sinks)].map(checkedSink);
        if (onEvent !== undefined && typeof onEvent !== "function") {
            throw new TypeError(`argument 'onEvent' must be a function, and is ${kind(onEvent)}`);
        }
        this.#onEvent = onEvent;
        const data = rotationData(given, this.#sinks);
        this.#core = callNative(() => new native.RotationCore(data));
    }

    /**
     * Starts the rotation. By default, it ends in the state `grace`: all sinks have the new API key, and the old one
     * works until `finish` is called. With the option `grace`, it waits for this time, and then deletes the old API
     * key.
     */
    async start(options: Pick<CallOptions, "signal"> = {}): Promise<RotationReport> {
        return report(await this.#run("start", options));
    }

    /**
     * Resumes an interrupted rotation of this or another process, and does what `start` would have done. It needs one
     * working API key: that of the client, or one in a sink.
     */
    async resume(options: Pick<CallOptions, "signal"> = {}): Promise<RotationReport> {
        return report(await this.#run("resume", options));
    }

    /**
     * Checks all sinks once more, and deletes the old API key, whatever is left of the grace period. Resumes the
     * rotation first if it was interrupted.
     */
    async finish(options: Pick<CallOptions, "signal"> = {}): Promise<RotationReport> {
        return report(await this.#run("finish", options));
    }

    /**
     * Restores the old API key in all sinks, and deletes the new one. If the deletion of the old API key has begun,
     * completes the rotation instead: the state of the report says which.
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

    /** Passes an event on, or runs a function of a sink. */
    #handle({ sink, key, event }: Message, requests: Requests): void {
        if (sink === null) {
            this.#onEvent?.(shown(event));
        } else {
            void answer(this.#sinks[sink]!, key, requests);
        }
    }
}

/** Runs a function of a sink, and passes its result to `requests`. */
async function answer(sink: Sink, key: string | null, requests: Requests): Promise<void> {
    const name = key === null ? "read" : "deliver";
    let returned: any;
    let content: unknown;
    try {
        returned = await (key === null ? sink.read() : sink.deliver(new ApiKey(key, null)));
        if (key === null) content = secretOf(returned);
    } catch (reason) {
        return requests.fail(`${name} threw ${thrownKind(reason)}`, { reason });
    }
    if (key !== null || returned === null || returned === undefined) {
        return requests.complete(null);
    }
    if (typeof content !== "string") {
        const instead = "return the key as a string, an ApiKey or an AuthorizationHeader, or null";
        return requests.fail(`${name} returned ${kind(returned)}; ${instead}`);
    }
    requests.complete(content);
}

function checkedSink(sink: Sink): Sink {
    for (const name of ["deliver", "read"] as const) {
        if (typeof option(object("sinks", sink), name) !== "function") {
            throw new TypeError(`argument 'sinks': a sink has no function ${name}`);
        }
    }
    return sink;
}

function rotationData(options: RotationOptions, sinks: readonly Sink[]): RotationData {
    return {
        sinks: sinks.map((sink) => ({
            name: text("name", option(sink, "name")),
            timeout: optional(time(1), "timeout", option(sink, "timeout")),
        })),
        key: optional(text, "key", options.key),
        journal: optional(text, "journal", options.journal),
        journalName: text("journalName", options.journalName ?? "default"),
        name: optional(text, "name", options.name),
        grace: optional(time(0), "grace", options.grace),
        overwrite: yes("overwrite", options.overwrite ?? false),
        deleteFirst: [...object("deleteFirst", options.deleteFirst ?? [])].map((id) => text("deleteFirst", id)),
    };
}

/** Returns a function that checks a time in milliseconds. */
function time(minimum: number): (name: string, value: unknown) => number {
    return (name, value) => {
        const given = number(name, value);
        if (!(given >= minimum)) {
            throw new TypeError(`argument '${name}' must be at least ${minimum}`);
        }
        return given;
    };
}

/** Returns the event for data of the native module. */
function shown(data: any): RotationEvent {
    const { wait, until } = data;
    return Object.freeze({
        ...data,
        ...(wait !== undefined && { wait: wait * 1000 }),
        ...(until !== undefined && { until: new Date(until) }),
    });
}
