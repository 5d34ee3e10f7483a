/**
 * A local emulator of Codat's API, for tests. Its API keys are made up. Never use the emulator with a real API key.
 *
 * ```ts
 * await using emulator = new Emulator();
 * const client = new Client({ baseUrl: emulator.baseUrl, apiKey: emulator.apiKey });
 * await emulator.setFaults([{ method: "POST", path: "/apiKeys", fault: "drop-after" }]);
 * const made = await client.keys.create("ci"); // made.how is "replayed"
 * ```
 */
import * as http from "node:http";

import { knownOptions, optional, whole } from "./arguments";
import { native } from "./native";
import { callNative } from "./raise";

/** The options of an emulator. */
export interface EmulatorOptions {
    /** The TCP port. Default: 0, a free port. */
    port?: number | undefined;
    /** An integer. Emulators with the same seed have the same API keys. Default: a random seed. */
    seed?: number | undefined;
}

/**
 * The running emulators. This set prevents the garbage collection of a running emulator, because clients may still send
 * requests to it.
 */
const running = new Set<Emulator>();

/** An emulator in this process, on 127.0.0.1. It runs until `stop` is called, and does not keep the process alive. */
export class Emulator {
    /** The base URL for clients. */
    readonly baseUrl: string;
    /** The made-up API key that exists when the emulator starts. */
    readonly apiKey: string;
    readonly #native;

    /** Throws if the emulator cannot start. */
    constructor(options: EmulatorOptions = {}) {
        const { port = 0, seed } = knownOptions("options", options, ["port", "seed"]);
        const number = whole("port", port);
        this.#native = callNative(() => new native.Emulator(number, optional(whole, "seed", seed)));
        running.add(this);
        this.baseUrl = this.#native.baseUrl();
        this.apiKey = this.#native.apiKey();
    }

    /**
     * Environment variables with the base URL and the API key of the emulator. In an environment with these variables,
     * `new Client()` uses the emulator.
     */
    get environment(): { CODAT_BASE_URL: string; CODAT_API_KEY: string } {
        return { CODAT_BASE_URL: this.baseUrl, CODAT_API_KEY: this.apiKey };
    }

    /**
     * Resolves to the state of the emulator: `keys` (masked), `companies`, `lastKeyCanBeDeleted`, `enforceLimits` and
     * `rateLimit`.
     */
    state(): Promise<any> {
        return this.#control("GET", "state");
    }

    /** Changes members of the state. `members` contains the new values. */
    async setState(members: object): Promise<void> {
        await this.#control("PUT", "state", members);
    }

    /**
     * Replaces the list of faults. The emulator injects the faults into its responses, in the order of the list. An
     * empty list removes all faults. See docs/emulator.md.
     */
    async setFaults(faults: readonly object[]): Promise<void> {
        await this.#control("PUT", "faults", { faults });
    }

    /**
     * Resolves to the latest 10,000 HTTP requests that the emulator received. The oldest comes first. Secrets are
     * omitted.
     */
    async journal(): Promise<any[]> {
        return (await this.#control("GET", "journal")).requests;
    }

    /** Removes all HTTP requests from the journal. */
    async clearJournal(): Promise<void> {
        await this.#control("DELETE", "journal");
    }

    /** Advances the clock of the emulator by a time in milliseconds. */
    async advanceClock(time: number): Promise<void> {
        await this.#control("POST", "clock", { advanceSeconds: time / 1000 });
    }

    /** Stops the emulator, and closes its port and its connections. */
    async stop(): Promise<void> {
        running.delete(this);
        this.#native.stop();
    }

    async [Symbol.asyncDispose](): Promise<void> {
        await this.stop();
    }

    async #control(method: string, what: string, body?: object): Promise<any> {
        const { status, text } = await send(method, `${this.baseUrl}/_emulator/${what}`, body);
        if (status >= 400) {
            throw new TypeError(JSON.parse(text).error);
        }
        return text === "" ? {} : JSON.parse(text);
    }
}

/** Sends a request to the emulator. Does not use `fetch`, which tests may replace. */
function send(method: string, url: string, body?: object): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
        const headers = { "Content-Type": "application/json" };
        const call = http.request(url, { method, headers, agent: false }, (response) => {
            let text = "";
            response.setEncoding("utf8").on("data", (part) => (text += part));
            response.on("end", () => resolve({ status: response.statusCode!, text })).on("error", reject);
        });
        call.on("error", reject).end(body && JSON.stringify(body));
    });
}
