// The real libraries, against two servers that share no code with ours: the key reaches the one, and never the other.
import assert from "node:assert/strict";
import { type Server, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { inspect } from "node:util";

import axios from "axios";
import earlierAxios from "axios-1.7";
import { Client, InvalidInputError, encode } from "codat-keys";
import { codatAuth as forAxios } from "codat-keys/axios";
import { codatFetch } from "codat-keys/fetch";
import { codatAuth as forUndici } from "codat-keys/undici";
import "./support.mjs";

const KEY = "MadeUpKeyForTheIntegrations0000000000000";
const HEADERS = { "x-own": "1" };

/** Each major version of undici, and the oldest Node that runs it. */
const UNDICI = { "undici-6": 18, "undici-7": 20, undici: 24 };

const LIBRARIES: Record<string, (client: Client, url: string) => Promise<unknown>> = {
    fetch: (client, url) => codatFetch(client)(url, { headers: HEADERS }),
    "fetch with a request": (client, url) => codatFetch(client)(new Request(url, { headers: HEADERS })),
    axios: (client, url) => forAxios(client, axios.create()).get(url, { headers: HEADERS }),
    "axios with an auth of its own": (client, url) =>
        forAxios(client, axios.create()).get(url, {
            headers: HEADERS,
            auth: { username: "another", password: KEY.toLowerCase() },
        }),
    "axios with a base": (client, url) =>
        forAxios(client, axios.create({ baseURL: new URL(url).origin })).get(new URL(url).pathname, {
            headers: HEADERS,
        }),
};

for (const [version, oldest] of Object.entries(UNDICI)) {
    if (Number.parseInt(process.versions.node) < oldest) continue;
    const { Agent, interceptors, request } = await import(version);
    const redirect = interceptors.redirect({ maxRedirections: 3 });
    LIBRARIES[version] = (client, url) =>
        request(url, { headers: HEADERS, dispatcher: new Agent().compose(forUndici(client), redirect) });
    LIBRARIES[`${version}, redirected within`] = (client, url) =>
        request(url, {
            headers: Object.entries(HEADERS).flat(),
            dispatcher: new Agent().compose(redirect, forUndici(client)),
        });
}

/** A path, or a redirect, that looks like a URL of the client's own. */
for (const version of Object.keys(UNDICI)) {
    test(`${version}: a path that names the client's origin does not bring the key elsewhere`, async (t) => {
        if (Number.parseInt(process.versions.node) < UNDICI[version as keyof typeof UNDICI]) return t.skip();
        const { Agent, interceptors, request } = await import(version);
        const [received, receivedByOther]: [string[], string[]] = [[], []];
        const other = await server(receivedByOther);
        const own = await server(received, () => `${other.url}//${new URL(own.url).host}`);
        const client = new Client({ baseUrl: own.url, apiKey: KEY });
        const dispatcher = new Agent().compose(forUndici(client), interceptors.redirect({ maxRedirections: 3 }));
        const { host } = new URL(own.url);
        for (const path of [`//${host}/x`, `/\\${host}/x`]) {
            await assert.rejects(request(`${other.url}${path}`, { dispatcher, headers: HEADERS }), InvalidInputError);
        }
        const refused = await new Promise((ended) =>
            dispatcher.dispatch(
                { origin: other.url, path: `${own.url}/x`, method: "GET" },
                {
                    onRequestStart() {},
                    onResponseEnd: ended,
                    onResponseError: (_: unknown, error: unknown) => ended(error),
                    onConnect() {},
                    onComplete: ended,
                    onError: ended,
                    onHeaders: () => true,
                    onData: () => true,
                },
            ),
        );
        assert.ok(refused instanceof InvalidInputError);
        await request(`${own.url}/away`, { dispatcher, headers: HEADERS });
        await request(`${own.url}//${new URL(other.url).host}/x`, { dispatcher, headers: HEADERS });
        assert.deepEqual(receivedByOther, [`//${host}/landed 1 none`]);
        assert.ok(received.length === 2 && received.every((line) => line.endsWith(encode(KEY))), received.join());
        own.server.close();
        other.server.close();
    });
}

for (const version of Object.keys(UNDICI)) {
    test(`${version}: headers that are no object are an error without their value`, async (t) => {
        if (Number.parseInt(process.versions.node) < UNDICI[version as keyof typeof UNDICI]) return t.skip();
        const { Agent, request } = await import(version);
        const received: string[] = [];
        const own = await server(received);
        t.after(() => own.server.close());
        const dispatcher = new Agent().compose(forUndici(new Client({ baseUrl: own.url, apiKey: KEY })));
        for (const headers of [KEY, `Authorization: Basic ${encode(KEY)}`, 1, true]) {
            await assert.rejects(request(`${own.url}/x`, { dispatcher, headers }), (error: Error) => {
                assert.deepEqual([error.name, error.message], ["TypeError", "headers must be an object or an array"]);
                return true;
            });
        }
        assert.deepEqual(received, []);
    });
}

test("fetch: a signal without another reference still aborts", async () => {
    const hanging = createServer(() => {});
    await new Promise<void>((resolve) => hanging.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const get = codatFetch(new Client({ baseUrl: url, apiKey: KEY }));
    const rubbish = setInterval(() => Array.from({ length: 100_000 }, (_, i) => ({ i, s: `x${i}` })), 10);
    const asked = get(`${url}/hang`, { signal: AbortSignal.timeout(1500) });
    const late = new Promise((resolve) => setTimeout(resolve, 6000, "late").unref());
    assert.equal(await Promise.race([asked.catch((error) => error.name), late]), "TimeoutError");
    clearInterval(rubbish);
    hanging.closeAllConnections();
    hanging.close();
});

/** A server that remembers what it was sent; `/away` redirects to another. */
async function server(received: string[], elsewhere = () => ""): Promise<{ url: string; server: Server }> {
    const server = createServer((request, answer) => {
        received.push(`${request.url} ${request.headers["x-own"]} ${request.headers.authorization ?? "none"}`);
        answer
            .writeHead(request.url === "/away" ? 302 : 200, { location: `${elsewhere()}/landed`, connection: "close" })
            .end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

for (const [library, get] of Object.entries(LIBRARIES)) {
    test(`${library}: the key goes to the client's own origin alone`, async () => {
        const [received, receivedByOther]: [string[], string[]] = [[], []];
        const other = await server(receivedByOther);
        const own = await server(received, () => other.url);
        const client = new Client({ baseUrl: own.url, apiKey: KEY });
        try {
            for (const url of [`${own.url}/here`, `${own.url}/away`]) await get(client, url);
            await assert.rejects(get(client, `${other.url}/direct`), InvalidInputError);
            await assert.rejects(get(client, `${own.url.replace("http:", "https:")}/direct`), InvalidInputError);
        } finally {
            own.server.close();
            other.server.close();
        }
        assert.deepEqual(received, [`/here 1 ${encode(KEY)}`, `/away 1 ${encode(KEY)}`]);
        assert.deepEqual(receivedByOther, ["/landed 1 none"]);
    });
}

for (const name of ["Authorization", "authorization", "AUTHORIZATION"]) {
    for (const [library, its] of Object.entries({ axios, "axios 1.7": earlierAxios })) {
        test(`${library}: a redirect to a subdomain goes without the key, with ${name} in the options`, async () => {
            const received: string[] = [];
            const own: { url: string; server: Server } = await server(
                received,
                () => `http://sub.localhost:${new URL(own.url).port}`,
            );
            const client = new Client({ baseUrl: own.url.replace("127.0.0.1", "localhost"), apiKey: KEY });
            const lookup = (_: string, options: any, done: any) =>
                options.all ? done(null, [{ address: "127.0.0.1", family: 4 }]) : done(null, "127.0.0.1", 4);
            await forAxios(client, its.create({ lookup, headers: { [name]: "Bearer another" } } as object) as any)
                .get(`${client.baseUrl}/away`)
                .finally(() => own.server.close());
            assert.deepEqual(received, [`/away undefined ${encode(KEY)}`, "/landed undefined none"]);
        });
    }
}

for (const [library, its] of Object.entries({ axios, "axios 1.7": earlierAxios })) {
    test(`${library}: beforeRedirect of the program sees no key, and the redirect has it`, async () => {
        const received: string[] = [];
        const own: { url: string; server: Server } = await server(received, () => own.url);
        const client = new Client({ baseUrl: own.url, apiKey: KEY });
        const seen: string[] = [];
        const beforeRedirect = (...details: unknown[]) => void seen.push(inspect(details, { depth: 9 }));
        await forAxios(client, its.create({ beforeRedirect }) as any)
            .get(`${own.url}/away`)
            .finally(() => own.server.close());
        assert.deepEqual(received, [`/away undefined ${encode(KEY)}`, `/landed undefined ${encode(KEY)}`]);
        assert.ok(seen.length === 1 && !seen.join().includes(encode(KEY).slice(6)), seen.join());
    });
}
