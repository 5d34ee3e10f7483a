// Malformed answers, failing proxies and unusual keys.
import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { type IncomingMessage, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import { Client, ConnectError, InvalidCredentialError } from "codat-keys";
import { kept } from "./support.mjs";

const KEY = "MadeUpKeyOfTheEdges000000000000000000000";
const LIST = '{"results":[{"id":"a","apiKey":"MadeUpKey"}],"totalResults":1}';

/** A server that gives every request this answer, including CONNECT. Returns its URL and the requests. */
async function serving(
    answer: { status?: number; body?: string | Uint8Array; headers?: Record<string, string> },
    run: (url: string, requests: IncomingMessage[]) => Promise<void>,
): Promise<void> {
    const requests: IncomingMessage[] = [];
    const { status = 200, body = "{}", headers = {} } = answer;
    const server = createServer((request, response) => {
        requests.push(request);
        response.writeHead(status, { connection: "close", ...headers }).end(body);
    });
    server.on("connect", (request, socket) => {
        requests.push(request);
        socket.end(`HTTP/1.1 ${status} Refused\r\ncontent-length: 0\r\n\r\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
        await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests);
    } finally {
        server.close();
    }
}

const client = (baseUrl: string, more: object = {}) => new Client({ baseUrl, apiKey: KEY, ...more });

test("a call without a body says so, and allows no encoding", () =>
    serving({}, async (url, requests) => {
        await client(url).request("POST", "/companies");
        assert.equal(requests[0]?.headers["content-length"], "0");
        assert.equal(requests[0]?.headers["accept-encoding"], "identity");
    }));

test("a proxy that wants a password is asked once, and named", () =>
    serving({ status: 407 }, async (url, requests) => {
        const proxy = url.replace("http://", "http://user:MadeUpPassword@");
        await assert.rejects(client("https://codat.example", { proxy }).keys.list(), (error: Error) => {
            assert.ok(error instanceof ConnectError, `${error}`);
            assert.ok(
                error.message.startsWith(`the proxy ${url} answered 407 Proxy Authentication Required`),
                error.message,
            );
            // Most errors of the kind are retryable, and this one is final.
            assert.equal(error.retryable, false);
            return !error.message.includes("MadeUpPassword");
        });
        assert.equal(requests.length, 1);
        const lost = client("http://127.0.0.1:1", { retry: false });
        await assert.rejects(lost.keys.list(), { name: "ConnectError", retryable: true });
    }));

test("an unrequested content encoding is named", () =>
    serving({ body: Uint8Array.of(0x1f, 0x8b), headers: { "content-encoding": "gzip" } }, async (url, requests) => {
        await assert.rejects(client(url).keys.list(), /^BadResponseError: the response is encoded as `gzip`, though /);
        assert.equal(requests.length, 1);
    }));

test("JSON with a byte order mark is read", () =>
    serving({ body: `\ufeff${LIST}` }, async (url) => {
        assert.equal((await client(url).keys.list())[0]?.id, "a");
        const body = (await client(url).request("GET", "/x")).json<{ results: { id: string }[] }>();
        assert.equal(body.results[0]?.id, "a");
        for await (const page of client(url).pages("/x")) {
            assert.equal(page.totalResults, 1);
            break;
        }
    }));

test("a wait beyond every number is the longest", () =>
    serving({ status: 429, headers: { "retry-after": "99999999999999999999" } }, async (url, requests) => {
        await assert.rejects(client(url).keys.list(), { retryAfter: 100 * 365 * 24 * 3600 * 1000 });
        assert.equal(requests.length, 1);
    }));

test("a key file of Windows is read, and one that holds JSON is named", () => {
    const file = kept(`\ufeff${KEY}\r\n`);
    const baseUrl = "https://codat.example";
    const key = () => new Client({ baseUrl, apiKeyFile: file }).authorizationFor(baseUrl).apiKey.exposeSecret();
    assert.equal(key(), KEY);
    writeFileSync(file, Buffer.from(`\ufeff${KEY}\r\n`, "utf16le"));
    chmodSync(file, 0o600);
    assert.equal(key(), KEY);
    writeFileSync(file, '{"apiKey":"MadeUpKey"}');
    assert.throws(key, (error: InvalidCredentialError) => error.hint.includes("jq -r .apiKey"));
});
