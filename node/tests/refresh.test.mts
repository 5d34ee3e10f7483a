// A key that is rejected while another library sends it, against servers that share no code with ours.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import axios from "axios";
import { Client, encode } from "codat-keys";
import { codatAuth as forAxios } from "codat-keys/axios";
import { codatFetch } from "codat-keys/fetch";
import { codatAuth as forUndici } from "codat-keys/undici";
import "./support.mjs";

const [OLD, NEW] = ["MadeUpKeyThatWasReplaced", "MadeUpKeyThatReplacesIt"];

interface Given {
    method?: string;
    body?: any;
    signal?: AbortSignal;
}

interface Received {
    status: number;
    said: string;
}

type Send = (client: Client, url: string, given?: Given) => Promise<Received>;

async function ofFetch(answer: any): Promise<Received> {
    return { status: answer.status, said: await answer.text() };
}

const streamed = (body: any): any => (body instanceof Readable ? { duplex: "half" } : {});

const LIBRARIES: Record<string, Send> = {
    fetch: async (client, url, given = {}) =>
        ofFetch(await codatFetch(client)(url, { ...given, ...streamed(given.body) })),
    "fetch with a request": async (client, url, given = {}) =>
        ofFetch(await codatFetch(client)(new Request(url, { ...given, ...streamed(given.body) }))),
    "fetch with a request for its options": async (client, url, given = {}) =>
        ofFetch(await codatFetch(client)(url, new Request(url, { ...given, ...streamed(given.body) }) as any)),
    axios: (client, url, given = {}) => ofAxios(client, url, { ...given, validateStatus: () => true }),
    "axios that rejects": (client, url, given = {}) =>
        ofAxios(client, url, given).catch((error) => {
            if (error.response === undefined) throw error;
            return { status: error.response.status, said: error.response.data };
        }),
    "axios on fetch": (client, url, given = {}) =>
        ofAxios(client, url, { ...given, adapter: "fetch", validateStatus: () => true }),
};

async function ofAxios(client: Client, url: string, { body, ...given }: any): Promise<Received> {
    const instance = forAxios(client, axios.create({ baseURL: new URL(url).origin }));
    const request = { url: new URL(url).pathname, data: body, transformResponse: [(data: unknown) => data], ...given };
    const { status, data } = await instance.request(request);
    return { status, said: data };
}

/** Each major version of undici, and the oldest version of Node that runs it. */
for (const [version, oldest] of Object.entries({ "undici-6": 18, "undici-7": 20, undici: 24 })) {
    if (Number.parseInt(process.versions.node) < oldest) continue;
    const undici: typeof import("undici") = await import(version);
    LIBRARIES[version] = async (client, url, given = {}) => {
        const dispatcher = new undici.Agent().compose(forUndici(client));
        const { statusCode, body } = await undici.request(url, { ...(given as object), dispatcher });
        return { status: statusCode, said: await body.text() };
    };
    LIBRARIES[`fetch of ${version}`] = async (client, url, given = {}) =>
        ofFetch(await codatFetch(client, undici.fetch)(url, { ...given, ...streamed(given.body) } as any));
}

/** A request as a server received it: its key and its body. */
type Seen = [string | undefined, string];

/** Accepts one key, and rejects every other one with a status and a text. */
async function server(run: (url: string, seen: Seen[]) => Promise<void>, answers: Answers = {}): Promise<void> {
    const seen: Seen[] = [];
    const server = createServer(async (request, answer) => {
        const { authorization } = request.headers;
        seen.push([authorization, await text(request).catch(() => "")]);
        if (answers.location !== undefined) return answer.writeHead(302, { location: answers.location }).end();
        if (authorization === encode(NEW)) return answer.end("welcome");
        answer.writeHead(answers.status ?? 401);
        if (!answers.isEndless) return answer.end(request.method === "HEAD" ? undefined : "refused");
        answer.on("close", answers.closed!);
        while (!answer.destroyed) {
            answer.write("x".repeat(65_536));
            await setTimeout(10);
        }
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
        await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen);
    } finally {
        server.closeAllConnections();
        server.close();
    }
}

interface Answers {
    status?: number;
    location?: string;
    /** Whether a rejection has an endless body; `closed` is called when its connection is closed. */
    isEndless?: boolean;
    closed?: () => void;
}

/** A client whose key function returns these keys in turn, and repeats the last one. */
function asks(baseUrl: string, ...keys: string[]): Client {
    return new Client({ baseUrl, apiKey: async () => (keys.length > 1 ? keys.shift()! : keys[0]!) });
}

for (const [library, send] of Object.entries(LIBRARIES)) {
    // The body of a `Request` given as options is a stream.
    const body = library === "fetch with a request for its options" ? undefined : "the body";

    for (const status of [401, 403]) {
        test(`${library}: a request that is refused with ${status} is sent once more, whole, with another key`, () =>
            server(
                async (url, seen) => {
                    const client = asks(url, OLD, NEW);
                    const received = await send(client, `${url}/x`, { method: "POST", body });
                    assert.deepEqual(received, { status: 200, said: "welcome" });
                    assert.deepEqual(seen, [
                        [encode(OLD), body ?? ""],
                        [encode(NEW), body ?? ""],
                    ]);
                    await send(client, `${url}/x`);
                    assert.equal(seen.length, 3);
                },
                { status },
            ));
    }

    test(`${library}: no other status than 401 and 403 is tried again`, () =>
        server(
            async (url, seen) => {
                assert.equal((await send(asks(url, OLD, NEW), `${url}/x`)).status, 402);
                assert.deepEqual(seen, [[encode(OLD), ""]]);
            },
            { status: 402 },
        ));

    test(`${library}: an unchanged key is not sent twice, and the error response is returned`, () =>
        server(async (url, seen) => {
            assert.deepEqual(await send(asks(url, OLD), `${url}/x`), { status: 401, said: "refused" });
            assert.deepEqual(await send(asks(url, OLD), `${url}/x`, { method: "HEAD" }), { status: 401, said: "" });
            assert.deepEqual(seen, [
                [encode(OLD), ""],
                [encode(OLD), ""],
            ]);
        }));

    test(`${library}: a source that fails leaves the error response unchanged`, () =>
        server(async (url, seen) => {
            assert.deepEqual(await send(asks(url, OLD, ""), `${url}/x`), { status: 401, said: "refused" });
            assert.deepEqual(seen, [[encode(OLD), ""]]);
        }));

    if (!library.startsWith("fetch with a request")) {
        test(`${library}: a stream is not sent again, and the next request has the new key`, () =>
            server(async (url, seen) => {
                const client = asks(url, OLD, NEW);
                const body = Readable.from([Buffer.from("streamed")]);
                assert.equal((await send(client, `${url}/x`, { method: "POST", body })).status, 401);
                assert.equal((await send(client, `${url}/x`)).status, 200);
                assert.deepEqual(seen, [
                    [encode(OLD), "streamed"],
                    [encode(NEW), ""],
                ]);
            }));
    }

    for (const [when, keys] of Object.entries({ "for the first time": [], again: [OLD] })) {
        test(`${library}: an abort ends the call while the key is read ${when}`, () =>
            server(async (url, seen) => {
                const stop = new AbortController();
                const keyless = async () =>
                    keys.pop() ?? new Promise<string>(() => setTimeout(50).then(() => stop.abort()));
                const client = new Client({ baseUrl: url, apiKey: keyless });
                const expected = keys.map((key) => [encode(key), ""]);
                const error: any = await send(client, `${url}/x`, { signal: stop.signal }).then(
                    (received) => assert.fail(JSON.stringify(received)),
                    (error) => error,
                );
                assert.ok(["AbortError", "CanceledError"].includes(error.name), error);
                assert.deepEqual(seen, expected);
            }));
    }

    test(`${library}: a 401 from another origin, after a redirect, does not refresh the key`, () =>
        server((elsewhere, overheard) =>
            server(
                async (url, seen) => {
                    let asked = 0;
                    const client = new Client({ baseUrl: url, apiKey: () => (asked++, OLD) });
                    const { status } = await send(client, `${url}/away`);
                    // undici follows redirects only with its redirect interceptor.
                    assert.equal(status, library.startsWith("undici") ? 302 : 401);
                    assert.deepEqual(seen, [[encode(OLD), ""]]);
                    assert.deepEqual(overheard, library.startsWith("undici") ? [] : [[undefined, ""]]);
                    assert.ok(asked === 1 || library === "axios on fetch", `${asked}`);
                },
                { location: elsewhere },
            ),
        ));

    // axios reads the whole answer.
    if (!library.startsWith("axios")) {
        test(`${library}: the endless body of an error response does not block the call`, () => isNotHeldUp(send));
    }
}

test("axios: the endless stream of an error response does not block the call", () =>
    isNotHeldUp(async (client, url) => {
        const instance = forAxios(client, axios.create());
        const { status, data } = await instance.get(url, { responseType: "stream" });
        return { status, said: await text(data) };
    }));

async function isNotHeldUp(send: Send): Promise<void> {
    let closed!: () => void;
    const isClosed = new Promise<void>((resolve) => (closed = resolve));
    await server(
        async (url, seen) => {
            const received = await send(asks(url, OLD, NEW), `${url}/x`);
            assert.deepEqual(received, { status: 200, said: "welcome" });
            assert.equal(seen.length, 2);
            await Promise.race([isClosed, setTimeout(10_000).then(() => assert.fail("its connection stays open"))]);
        },
        { isEndless: true, closed },
    );
}
