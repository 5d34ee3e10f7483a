// The real programs. Each is started for one test and ends with it. Tests check the keys through the emulator.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = process.env.CODAT_KEYS ?? fileURLToPath(new URL("../../../target/debug/codat-keys", import.meta.url));
export const PATH = "/developers/api-keys";

/** Starts an emulator with its page. Its first key has no name. Each of `names` is the name of a further key. */
export async function emulator(t, { names = [], seed = 1, options = [] } = {}) {
    const program = start(t, ["emulator", "--seed", `${seed}`, "--json", ...options]);
    const { baseUrl, apiKey, page } = JSON.parse(await program.line());
    const emulator = new Emulator({ baseUrl, apiKey, page, program });
    if (names.length) {
        await emulator.holds(names.map(named));
    }
    return emulator;
}

/** Starts `codat-keys portal` with the keys of an emulator, or with the example keys if `emulator` is absent. */
export async function portal(t, emulator, ...options) {
    const api = emulator ? { CODAT_BASE_URL: emulator.baseUrl, CODAT_API_KEY: emulator.apiKey } : {};
    const program = start(t, ["portal", "--no-open", ...(emulator ? [] : ["--demo"]), ...options], api);
    const link = await program.line((line) => /http:\S+/.exec(line)?.[0], /\/open\//);
    return { link, page: link.replace(/\/open\/.*/, ""), program };
}

/** Returns a key with this name for an emulator. Its value contains `place`. */
export const named = (name, place) => ({
    name,
    apiKey: `MadeUpKeyOfTheTest${place}`,
    createdDate: "2025-09-01T14:05:00Z",
});

class Emulator {
    constructor(members) {
        Object.assign(this, members);
    }

    /** Replaces all keys except the first. */
    async holds(keys, more = {}) {
        const first = { apiKey: this.apiKey, createdDate: "2024-02-12T09:30:00Z" };
        await this.control("PUT", "state", { keys: [first, ...keys], ...more });
    }

    keys = async () => (await this.control("GET", "state")).keys;
    names = async () => (await this.keys()).map((key) => key.name ?? null);
    journal = async () => (await this.control("GET", "journal")).requests;
    failsWith = (...faults) => this.control("PUT", "faults", { faults });

    /** Returns the requests with this method that have arrived. */
    requests = async (method) => (await this.journal()).filter((request) => request.method === method);

    async control(method, what, body) {
        const headers = { "Content-Type": "application/json" };
        const sent = { method, headers, body: body && JSON.stringify(body) };
        const answer = await fetch(`${this.baseUrl}/_emulator/${what}`, sent);
        if (!answer.ok) {
            throw new Error(await answer.text());
        }
        return answer.json();
    }
}

function start(t, line, more = {}) {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("CODAT_")));
    const child = spawn(PROGRAM, line, { env: { ...env, ...more }, stdio: ["ignore", "pipe", "pipe"] });
    const program = { child, said: "" };
    child.stderr.on("data", (data) => (program.said += data));
    child.stdout.on("data", (data) => (program.said += data));
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    /** Waits for the first line that matches `fits`, and returns the result of `read` for this line. */
    program.line = async (read = (line) => line, fits = /./) => {
        for (;;) {
            const { value, done } = await lines.next();
            if (done) {
                throw new Error(`the program ended: ${program.said}`);
            }
            if (fits.test(value)) {
                return read(value);
            }
        }
    };
    t.after(() => child.kill());
    return program;
}
