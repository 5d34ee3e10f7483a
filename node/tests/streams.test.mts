// Responses whose body is read in chunks.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, type Socket, createServer } from "node:net";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { inspect } from "node:util";

import {
    Client,
    type ClientOptions,
    type CodatError,
    ConnectError,
    NotFoundError,
    OutcomeUnknownError,
    TimeoutError,
    TooLargeError,
} from "codat-keys";
import { FOREVER, emulated, ended, start, until, workersComeAndGo } from "./support.mjs";

const KEY = "MadeUpKeyOfTheStreams0000000000000000000";
const GET = { method: "GET", path: "/companies" };
const closed = (journal: any[]) => journal.some((request) => request.ended === "client-closed");
/** The head of a response with a body of this length. */
const head = (length: number) => `HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`;
const ENDLESS = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nmore\r\n";

/** A server that passes each connection to `answer` when a request arrives. `sockets` are its connections. */
async function serving(
    answer: string | ((socket: Socket) => void),
    run: (client: (options?: ClientOptions) => Client, sockets: Socket[], baseUrl: string) => Promise<void>,
): Promise<void> {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
        sockets.push(socket);
        socket.on("error", () => {});
        socket.on("data", () => (typeof answer === "string" ? socket.write(answer) : answer(socket)));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
        await run((options) => new Client({ baseUrl, apiKey: KEY, retry: false, ...options }), sockets, baseUrl);
    } finally {
        sockets.forEach((socket) => socket.destroy());
        server.close();
    }
}

/** Waits until the client has closed its connection. */
async function closes(socket: Socket | undefined): Promise<void> {
    if (!socket!.closed) await once(socket!, "close");
}

const whole = async (body: AsyncIterable<Uint8Array>): Promise<Buffer> => {
    const chunks = [];
    for await (const chunk of body) chunks.push(chunk);
    return Buffer.concat(chunks);
};

test("a body is read by a loop, by a pipe, as a stream of Node and by a Response", () =>
    emulated([], async (emulator, client) => {
        await emulator.setState({ invoices: 500 });
        const [company] = (await client.pages<{ id: string }>("/companies").next()).value!.results;
        const path = `/companies/${company!.id}/data/invoices`;
        const options = { params: { pageSize: 500 } };
        const expected = Buffer.from((await client.request("GET", path, options)).content);
        assert.ok(expected.length > 500_000);

        const readers: ((body: any) => Promise<Buffer>)[] = [
            whole,
            (body) => buffer(body),
            (body) => buffer(Readable.fromWeb(body)),
            async (body) => Buffer.from(await new globalThis.Response(body).arrayBuffer()),
            async (body) => {
                const { readable, writable } = new TransformStream();
                const [read] = await Promise.all([buffer(readable), body.pipeTo(writable)]);
                return read;
            },
        ];
        for (const read of readers) {
            const response = await client.stream("GET", path, options);
            assert.equal(response.status, 200);
            assert.equal(response.contentLength, expected.length);
            assert.equal(response.headers["content-type"], "application/json");
            assert.equal(response.rateLimit!.limit, 6000);
            assert.ok(expected.equals(await read(response.body)));
        }
    }));

test("a small body, an empty one and one without a length", () =>
    serving(`${head(5)}hello`, async (client) => {
        const response = await client().stream("GET", "/x");
        assert.equal(response.rateLimit, null);
        assert.equal((await whole(response.body)).toString(), "hello");
        await serving("HTTP/1.1 204 No Content\r\n\r\n", async (client) => {
            const { status, body } = await client().stream("GET", "/x");
            assert.equal(status, 204);
            assert.equal((await whole(body)).length, 0);
        });
        await serving(`${ENDLESS}0\r\n\r\n`, async (client) => {
            const { contentLength, body } = await client().stream("GET", "/x");
            assert.equal(contentLength, null);
            assert.equal((await whole(body)).toString(), "more");
        });
    }));

test("a connection is used again after a complete body", () =>
    serving(`${head(5)}hello`, async (client, sockets) => {
        const one = client();
        for (let call = 0; call < 5; call++) await whole((await one.stream("GET", "/x")).body);
        assert.equal(sockets.length, 1);
    }));

test("a request is repeated until its headers arrive, with the options of request", () =>
    emulated([{ ...GET, fault: "status", status: 503 }], async (emulator, client) => {
        const { body } = await client.stream("get", "/companies", {
            params: { pageSize: 1 },
            headers: { "x-own": "1" },
        });
        assert.equal(JSON.parse((await whole(body)).toString()).results.length, 1);
        assert.equal((await emulator.journal()).length, 2);
        await assert.rejects(client.stream("GET", "/none"), NotFoundError);
        await assert.rejects(client.stream("GET", "/x", { query: 1 } as any), /unknown option 'query'/);
        await client.close();
        await assert.rejects(client.stream("GET", "/companies"), { code: "closed" });
    }));

test("a body that is cut off is one clear error, and never a silent end", async () => {
    const cut = (answer: string) => (socket: Socket) => socket.end(answer);
    for (const answer of [`${head(100)}half`, ENDLESS]) {
        await serving(cut(answer), async (client) => {
            const { body } = await client().stream("GET", "/x");
            const reader = body.getReader();
            assert.equal((await reader.read()).value!.length, 4);
            const error = await reader.read().catch((error) => error);
            assert.ok(error instanceof ConnectError, `${error}`);
            assert.equal(error.status, 200);
            await assert.rejects(reader.read(), error);
            await assert.rejects(reader.closed, error);

            const { body: changing } = await client().stream("POST", "/x", { headers: { "Idempotency-Key": "mine" } });
            await assert.rejects(
                whole(changing),
                (error) => error instanceof OutcomeUnknownError && error.idempotencyKey === "mine",
            );
        });
    }
    await emulated([{ ...GET, fault: "truncated" }], async (_, client) => {
        await assert.rejects(whole((await client.stream("GET", "/companies")).body), ConnectError);
    });
});

const leaving: Record<string, (body: any) => Promise<void>> = {
    async "break of a loop"(body) {
        for await (const _ of body) break;
    },
    async "cancel before a read"(body) {
        await body.cancel();
    },
    async "cancel during a read"(body) {
        const reader = body.getReader();
        await reader.read();
        const pending = reader.read();
        await reader.cancel();
        assert.deepEqual(await pending, { done: true, value: undefined });
    },
    async "end of a stream of Node"(body) {
        for await (const _ of Readable.fromWeb(body)) break;
    },
    async "error of a pipe"(body) {
        const full = () => Promise.reject(new RangeError("full"));
        await assert.rejects(body.pipeTo(new WritableStream({ write: full })), RangeError);
    },
};
for (const [name, leave] of Object.entries(leaving)) {
    test(`an endless body that is left closes its connection: ${name}`, () =>
        serving(ENDLESS, async (client, sockets) => {
            await leave((await client().stream("GET", "/x")).body);
            await closes(sockets[0]);
        }));
}

test("nothing is read in advance, and a slow reader is no time-out", async () => {
    const chunk = randomBytes(1024 * 1024);
    let sent = 0;
    const flood = (socket: Socket) => {
        socket.write(head(200 * chunk.length));
        const more = () => {
            while (sent < 200) {
                sent += 1;
                if (!socket.write(chunk)) return void socket.once("drain", more);
            }
        };
        more();
    };
    await serving(flood, async (client) => {
        const { body } = await client({ timeout: 300 }).stream("GET", "/x");
        const reader = body.getReader();
        let received = (await reader.read()).value!.length;
        // Waits for longer than the timeout. What the server can send meanwhile is in the buffers of the system.
        await setTimeout(900);
        assert.ok(sent < 50, `${sent} MiB`);
        for (let read; !(read = await reader.read()).done;) received += read.value.length;
        assert.equal(received, 200 * chunk.length);
    });
});

test("a body that stalls is a time-out", () =>
    serving(`${head(100)}half`, async (client, sockets) => {
        const { body } = await client().stream("GET", "/x", { timeout: 300 });
        await assert.rejects(whole(body), TimeoutError);
        await closes(sockets[0]);
    }));

test("a body above the limit is an error that names it", async () => {
    const tooLarge = (error: CodatError) => error instanceof TooLargeError && error.message.includes("1000 bytes");
    const options = { maxResponseBytes: 1000 };
    await serving(`${head(1001)}half`, async (client) => {
        await assert.rejects(client().stream("GET", "/x", options), tooLarge);
        // The limit of the client is for `request`.
        await client(options).stream("GET", "/x");
        await assert.rejects(client(options).request("GET", "/x"), tooLarge);
    });
    await emulated([{ ...GET, fault: "endless" }], async (_, client) => {
        await assert.rejects(whole((await client.stream("GET", "/companies", options)).body), tooLarge);
        await assert.rejects(client.stream("GET", "/x", { maxResponseBytes: 0 }), { code: "invalid_input" });
    });
});

test("a signal closes the connection at any time, and its reason is the error", async () => {
    const reason = new Error("mine");
    await emulated(FOREVER, async (emulator, client) => {
        const stop = new AbortController();
        const response = client.stream("GET", "/companies", stop);
        await until((journal) => journal.length === 1, emulator);
        stop.abort(reason);
        await assert.rejects(response, reason);
        await until(closed, emulator);
        await assert.rejects(client.stream("GET", "/companies", stop), reason);
    });
    await serving(ENDLESS, async (client, sockets) => {
        const stop = new AbortController();
        // One stream is waited for, one has a chunk that is not read, and one ended before.
        const bodies = await Promise.all([1, 2, 3].map(async () => (await client().stream("GET", "/x", stop)).body));
        const [waits, idles, leaves] = bodies.map((body) => body.getReader());
        await waits!.read();
        const pending = waits!.read();
        await leaves!.cancel();
        stop.abort(reason);
        await assert.rejects(pending, reason);
        await assert.rejects(idles!.closed, reason);
        await assert.rejects(idles!.read(), reason);
        await leaves!.closed;
        await Promise.all(sockets.map(closes));
    });
});

test("many streams share a signal without a warning", () =>
    serving(ENDLESS, async (_client, sockets, baseUrl) => {
        const program = `
            const stop = new AbortController();
            const one = new Client({ baseUrl: "${baseUrl}" });
            const streams = await Promise.all(Array.from({ length: 50 }, () => one.stream("GET", "/x", stop)));
            const reads = streams.map(async ({ body }) => { for await (const _ of body); });
            setTimeout(() => stop.abort(new Error("mine")), 100);
            const ends = await Promise.allSettled(reads);
            console.log(ends.filter(({ reason }) => reason?.message === "mine").length);
        `;
        await emulated([], async (emulator) => {
            assert.deepEqual(await ended(start(program, emulator)), { code: 0, said: "50\n", complained: "" });
            await Promise.all(sockets.map(closes));
        });
    }));

test("a process does not stay for a stream that is not read, but for one that is", () =>
    emulated([], async (emulator) => {
        await serving(ENDLESS, async (_client, sockets, baseUrl) => {
            const one = `const { body } = await new Client({ baseUrl: "${baseUrl}" }).stream("GET", "/x");`;
            const unread = await ended(start(`${one} globalThis.kept = body;`, emulator));
            assert.deepEqual(unread, { code: 0, said: "", complained: "" });
            await closes(sockets[0]);
        });
        const slow = (socket: Socket) => {
            socket.write(`${head(8)}half`);
            void setTimeout(500).then(() => socket.write("half"));
        };
        await serving(slow, async (_client, _sockets, baseUrl) => {
            const one = `const { body } = await new Client({ baseUrl: "${baseUrl}" }).stream("GET", "/x");`;
            const read = "let bytes = 0; for await (const chunk of body) bytes += chunk.length; console.log(bytes);";
            assert.deepEqual(await ended(start(one + read, emulator)), { code: 0, said: "8\n", complained: "" });
        });
    }));

test("streams without a reference close their connections, also with a signal that remains", () =>
    emulated([], async (emulator) => {
        await serving(ENDLESS, async (_client, sockets, baseUrl) => {
            const program = `
                const one = new Client({ baseUrl: "${baseUrl}" });
                const { signal } = globalThis.stop = new AbortController();
                const leave = async () => {
                    const { body } = await one.stream("GET", "/x", { signal });
                    const reader = body.getReader();
                    await reader.read();
                };
                for (let call = 0; call < 20; call++) await leave();
                setInterval(gc, 20);
            `;
            const child = start(program, emulator, "--expose-gc");
            const exit = ended(child);
            for (let looked = 0; looked < 2000 && sockets.length < 20; looked++) await setTimeout(5);
            await Promise.all(sockets.map(closes));
            child.kill();
            assert.equal((await exit).complained, "");
            assert.equal(sockets.length, 20);
        });
    }));

test("memory stays flat while a large body is read", () =>
    emulated([], async (emulator) => {
        const chunk = randomBytes(1024 * 1024);
        const flood = (socket: Socket) => {
            let sent = 0;
            socket.write(head(1000 * chunk.length));
            const more = () => {
                while (sent++ < 1000) if (!socket.write(chunk)) return void socket.once("drain", more);
            };
            more();
        };
        await serving(flood, async (_client, _sockets, baseUrl) => {
            const program = `
                const { body } = await new Client({ baseUrl: "${baseUrl}" }).stream("GET", "/x");
                let [bytes, most] = [0, 0];
                for await (const chunk of body) {
                    bytes += chunk.length;
                    most = Math.max(most, process.memoryUsage.rss());
                }
                console.log(bytes / 1024 / 1024, Math.round(most / 1e6));
            `;
            const { code, said } = await ended(start(program, emulator));
            const [read, most] = said.split(" ").map(Number);
            assert.deepEqual([code, read], [0, 1000]);
            assert.ok(most! < 250, `${most} MB`);
        });
    }));

test("workers come and go while they read", () =>
    workersComeAndGo(`
        import("codat-keys").then(({ Client }) => {
            const client = new Client();
            const read = async () => {
                for (;;) for await (const _ of (await client.stream("GET", "/companies")).body);
            };
            for (let reader = 0; reader < 8; reader++) read();
        });
    `));

test("no key of a body is in what is shown of a response", () =>
    emulated([], async (_, client) => {
        const response = await client.stream("GET", "/profile");
        const shown = inspect(response, { depth: 9, showHidden: true }) + JSON.stringify(response);
        const { apiKey } = JSON.parse((await whole(response.body)).toString());
        assert.ok(apiKey.length > 10 && !shown.includes(apiKey));
    }));
