/** The reports, plans and events of rotations. */

/** The state of a rotation. */
export type RotationState =
    | "preflight"
    | "recover"
    | "delete_first"
    | "create"
    | "probe"
    | "deliver"
    | "confirm"
    | "grace"
    | "retire"
    | "rollback"
    | "done"
    | "aborted";

/** How far the delivery to a sink has come. `restored` and `left_alone` occur only after a rollback. */
export type SinkProgress = "pending" | "writing" | "written" | "confirmed" | "restored" | "left_alone";

/** What a rotation did, and the current state of the rotation. A report contains no API key. */
export interface RotationReport {
    /**
     * `grace`: both API keys work. `done`: the new API key has replaced the old one. `aborted`: the old API key works
     * as before. Any other state: the rotation was interrupted.
     */
    readonly state: RotationState;
    /** The id of the old API key. `null` if the rotation ended before the id was known. */
    readonly oldKey: string | null;
    /** The id of the new API key. `null` if the id is not known, or if a rollback has deleted the API key. */
    readonly newKey: string | null;
    /** The name of the new API key. */
    readonly name: string | null;
    /**
     * For each name of a sink, how far the delivery to this sink has come. This is the latest step that the rotation has
     * recorded. An error message says if another program has changed the sink since.
     */
    readonly sinks: Readonly<Record<string, SinkProgress>>;
    /** The ids of the API keys that the rotation has deleted. */
    readonly deleted: readonly string[];
    /** Why the rotation was rolled back or aborted. */
    readonly reason: string | null;
    /** The time at which the old API key is deleted. `null` if the rotation waits for `finish`. */
    readonly graceUntil: Date | null;
    /**
     * Whether a new API key of this rotation can still appear in Codat's list. This can happen if the outcome of a
     * creation is unknown. It can also happen if the list did not contain the new API key when the rotation tried to
     * delete it.
     */
    readonly mayAppearLater: boolean;
}

/** The latest rotation of a journal. */
export interface RotationStatus {
    /** What the rotation did so far. */
    readonly report: RotationReport;
    /** The time at which the rotation started. */
    readonly started: Date;
    /** The time at which the latest journal entry of the rotation was written. */
    readonly updated: Date;
    /** The process that runs the rotation. `null` if no process runs it. */
    readonly holder: string | null;
    /** The time until which no other process can resume the rotation. */
    readonly heldUntil: Date | null;
}

/** What a rotation would do. */
export interface RotationPlan {
    /** The id of the API key to replace. */
    readonly oldKey: string;
    /** The name of the new API key. The random part at the end of the name changes with each call of `plan`. */
    readonly name: string;
    /** The number of API keys that exist. */
    readonly keys: number;
    /**
     * The ids of the API keys that would be deleted before the new API key is created. Empty if fewer than ten API keys
     * exist.
     */
    readonly deleteFirst: readonly string[];
    /**
     * For each name of a sink, what this sink contains. The value is the id of an API key, or one of four words.
     * `nothing`: the sink is empty. `unknown_credential`: an API key that Codat does not list. `other`: any other
     * content. `unreadable`: the sink has the function `confirm` and cannot be read.
     */
    readonly sinks: Readonly<Record<string, string>>;
}

/** An event of a rotation. An event contains no API key. Times are in milliseconds. */
export type RotationEvent =
    /** The rotation has entered a state, and has recorded the state in the journal. */
    | { readonly event: "state"; readonly state: RotationState }
    /** The new API key exists. */
    | { readonly event: "created"; readonly id: string; readonly name: string }
    /** The new API key authenticates. */
    | { readonly event: "probed" }
    /**
     * `delivered`: the sink has the new API key. `confirmed`: the value in the sink was read back, and authenticates.
     * `restored`: the sink has the old API key again. `left_alone`: another program has changed the sink.
     */
    | { readonly event: "delivered" | "confirmed" | "restored" | "left_alone"; readonly sink: string }
    /** The API key with this id was deleted. */
    | { readonly event: "deleted"; readonly id: string }
    /** A step failed, and is repeated after the time `wait`. */
    | { readonly event: "retrying"; readonly error: string; readonly wait: number }
    /** The old API key is deleted at the time `until`. */
    | { readonly event: "waiting"; readonly until: Date };

/** Returns the report that contains the given data of the native module. */
export function report(data: any): RotationReport {
    const { sinks, oldKey, graceUntil } = data;
    return Object.freeze({
        ...data,
        oldKey: oldKey || null,
        sinks: Object.freeze(Object.fromEntries(sinks.map(({ sink, progress }: any) => [sink, progress]))),
        graceUntil: date(graceUntil),
    });
}

/** Converts a date of the native module. */
export function date(text: string | null): Date | null {
    return text === null ? null : new Date(text);
}
