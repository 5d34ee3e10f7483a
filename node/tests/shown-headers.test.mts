// What other libraries show of a request and its error: `inspect`, `JSON.stringify` and stack traces hold no key.
import assert from "node:assert/strict";
import { type Server, createServer } from "node:http";
import { constants, createServer as createHttp2Server } from "node:http2";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { inspect } from "node:util";

import { CodatPlatform } from "@codat/platform";
import axios from "axios";
import earlierAxios from "axios-1.7";
import { Client, encode } from "codat-keys";
import { codatAuth as forAxios } from "codat-keys/axios";
import { codatFetch } from "codat-keys/fetch";
import { connect } from "codat-keys/official";
import { codatAuth as forUndici } from "codat-keys/undici";
import "./support.mjs";

const { CodatCommon } = createRequire(import.meta.url)("@codat/common") as typeof import("@codat/common");

const KEY = "MadeUpKeyForTheHeadersThatAreShown000000";
const ENCODED = encode(KEY).slice("Basic ".length, -2);

/** What each library returns or throws for a request. */
const LIBRARIES: Record<string, (client: Client, url: string) => Promise<unknown>> = {
    axios: (client, url) => forAxios(client, axios.create()).get(url),
    "axios with another header in its options": (client, url) =>
        forAxios(client, axios.create({ headers: { authorization: "Bearer another" } })).get(url),
    "axios with redirects off": (client, url) => forAxios(client, axios.create()).get(url, { maxRedirects: 0 }),
    "axios after a redirect": (client, url) =>
        forAxios(client, axios.create()).get(url.replace("/companies", "/redirected")),
    "axios with a stream": (client, url) => forAxios(client, axios.create()).get(url, { responseType: "stream" }),
    "axios over fetch": (client, url) => forAxios(client, axios.create({ adapter: "fetch" })).get(url),
    "axios over HTTP/2": (client, url) => forAxios(client, axios.create({ httpVersion: 2 })).get(url),
    "axios 1.7": (client, url) => forAxios(client, earlierAxios.create()).get(url),
    fetch: (client, url) => codatFetch(client)(url),
    "an SDK": (client) => connect(client, CodatPlatform, { retryConfig: { strategy: "none" } }).companies.list({}),
    "an SDK that uses axios": (client) =>
        connect(client, CodatCommon, {
            retryConfig: { strategy: "none", retryConnectionErrors: false },
        }).companies.list({}),
};

for (const [version, oldest] of Object.entries({ "undici-6": 18, "undici-7": 20, undici: 24 })) {
    if (Number.parseInt(process.versions.node) < oldest) continue;
    const { Agent, interceptors, request } = await import(version);
    // Version 6 has none that throws.
    const throwing = interceptors.responseError === undefined ? [] : [interceptors.responseError()];
    LIBRARIES[version] = (client, url) =>
        request(url, { dispatcher: new Agent().compose(...throwing, forUndici(client)) });
}

/** A server that has seen the key: it refuses, or closes the connection. */
async function server(
    drops: boolean,
    seen: string[],
    create: any = createServer,
): Promise<{ url: string; server: Server }> {
    const server = create((request: any, answer: any) => {
        seen.push(request.headers.authorization ?? "none");
        if (request.url === "/redirected") answer.writeHead(302, { location: "/companies" }).end();
        else if (drops && request.stream) request.stream.close(constants.NGHTTP2_INTERNAL_ERROR);
        else if (drops) request.socket.destroy();
        else answer.writeHead(400, { connection: "close", "content-type": "application/json" }).end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function* shown(thing: any): Generator<string> {
    const whole = { showHidden: true, getters: true, depth: Infinity };
    // Node shows the error of a program that ends without custom forms. `console.dir` and `node:assert` do the same.
    const uncaught = { customInspect: false, depth: 12 };
    for (const part of [
        thing,
        thing?.cause,
        thing?.request,
        thing?.response,
        thing?.config,
        thing?.response?.request,
    ]) {
        const views = [inspect, String, (it: any) => it?.stack, JSON.stringify];
        for (const show of [...views, ...[whole, uncaught].map((options) => (it: any) => inspect(it, options))]) {
            try {
                yield String(show(part));
            } catch {
                // Some are circular, or have no prototype.
            }
        }
    }
}

for (const [library, call] of Object.entries(LIBRARIES)) {
    for (const drops of [false, true]) {
        test(`${library}: ${drops ? "a lost connection" : "an error response"} is shown without the key`, async () => {
            const seen: string[] = [];
            const own = await server(drops, seen, library.includes("HTTP/2") ? createHttp2Server : createServer);
            const client = new Client({ baseUrl: own.url, apiKey: KEY });
            try {
                const ended: any = await call(client, `${own.url}/companies`).catch((error) => error);
                assert.ok(seen.length > 0 && seen.every((header) => header === encode(KEY)), seen.join());
                for (const text of shown(ended)) {
                    const at = text.search(new RegExp(`${KEY}|${ENCODED}`));
                    assert.ok(at < 0, text.slice(Math.max(0, at - 300), at + 20));
                }
            } finally {
                own.server.closeAllConnections?.();
                own.server.close();
            }
        });
    }
}
