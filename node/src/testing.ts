/**
 * A local stand-in for Codat's API, for tests. Its keys are made up; never give it a real one.
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

export interface EmulatorOptions {
    /** 0: a free one. */
    port?: number | undefined;
    /** Makes the same keys each time. */
    seed?: number | undefined;
}

/** Those that nobody has stopped: whoever lets go of one may still have its address. */
const running = new Set<Emulator>();

/** The emulator, in this process, on 127.0.0.1: it runs until it is stopped, and does not keep the process alive. */
export class Emulator {
    /** Where it listens. */
    readonly baseUrl: string;
    /** The one made-up key that it has in the beginning. */
    readonly apiKey: string;
    readonly #native;

    /** Throws where it cannot start. */
    constructor(options: EmulatorOptions = {}) {
        const { port = 0, seed } = knownOptions("options", options, ["port", "seed"]);
        const number = whole("port", port);
        this.#native = callNative(() => new native.Emulator(number, optional(whole, "seed", seed)));
        running.add(this);
        this.baseUrl = this.#native.baseUrl();
        this.apiKey = this.#native.apiKey();
    }

    /** The variables with which a client finds it. */
    get environment(): { CODAT_BASE_URL: string; CODAT_API_KEY: string } {
        return { CODAT_BASE_URL: this.baseUrl, CODAT_API_KEY: this.apiKey };
    }

    /** The keys (masked), companies, switches and rate limit. */
    state(): Promise<any> {
        return this.#control("GET", "state");
    }

    /** Changes any of them; what is not named stays. */
    async setState(members: object): Promise<void> {
        await this.#control("PUT", "state", members);
    }

    /** What is to go wrong; an empty script lets nothing go wrong any more. */
    async setFaults(faults: readonly object[]): Promise<void> {
        await this.#control("PUT", "faults", { faults });
    }

    /** The newest 10,000 requests, without secrets. */
    async journal(): Promise<any[]> {
        return (await this.#control("GET", "journal")).requests;
    }

    /** Forgets them. */
    async clearJournal(): Promise<void> {
        await this.#control("DELETE", "journal");
    }

    /** Puts its clock forward by milliseconds. */
    async advanceClock(time: number): Promise<void> {
        await this.#control("POST", "clock", { advanceSeconds: time / 1000 });
    }

    /** Closes its port and its connections. */
    async stop(): Promise<void> {
        running.delete(this);
        this.#native.stop();
    }

    async [Symbol.asyncDispose](): Promise<void> {
        await this.stop();
    }

    async #control(method: string, what: string, body?: object): Promise<any> {
        const { status, said } = await send(method, `${this.baseUrl}/_emulator/${what}`, body);
        if (status >= 400) {
            throw new TypeError(JSON.parse(said).error);
        }
        return said === "" ? {} : JSON.parse(said);
    }
}

/** Not with `fetch`, which tests like to replace. */
function send(method: string, url: string, body?: object): Promise<{ status: number; said: string }> {
    return new Promise((resolve, reject) => {
        const headers = { "Content-Type": "application/json" };
        const call = http.request(url, { method, headers, agent: false }, (answer) => {
            let said = "";
            answer.setEncoding("utf8").on("data", (part) => (said += part));
            answer.on("end", () => resolve({ status: answer.statusCode!, said })).on("error", reject);
        });
        call.on("error", reject).end(body && JSON.stringify(body));
    });
}
