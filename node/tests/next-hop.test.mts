// No proxy sees the key unencrypted: judged by all that a raw socket in the place of a proxy receives.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { Agent as HttpAgent, createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, type Server, connect as connectTo, createServer } from "node:net";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { CodatPlatform } from "@codat/platform";
import axios from "axios";
import earlierAxios from "axios-1.7";
import { Client, InvalidInputError, encode } from "codat-keys";
import { codatAuth as forAxios } from "codat-keys/axios";
import { codatFetch } from "codat-keys/fetch";
import { connect, security } from "codat-keys/official";
import { codatAuth as forUndici } from "codat-keys/undici";
import { LIMIT, emulated, ended } from "./support.mjs";
import { cert, key } from "./tls.mjs";

const KEY = "MadeUpKeyForTheNextHop000000000000000000";

/** Each major version of undici, and the oldest Node that runs it. */
const UNDICI = { "undici-6": 18, "undici-7": 20, undici: 24 };

/** Accepts each connection, agrees to each tunnel, and keeps every byte. */
class Proxy {
    received = "";
    port = 0;
    readonly #server: Server;

    constructor() {
        this.#server = createServer((connection) => {
            connection.on("error", () => {});
            connection.on("data", (data) => {
                this.received += data.toString("latin1");
                connection.write("HTTP/1.1 200 OK\r\n\r\n");
                if (!data.toString("latin1").startsWith("CONNECT")) connection.end();
            });
        });
    }

    async listen(): Promise<this> {
        await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
        this.port = (this.#server.address() as AddressInfo).port;
        return this;
    }

    get url(): string {
        return `http://127.0.0.1:${this.port}`;
    }

    close(): void {
        this.#server.close();
        assert.doesNotMatch(this.received, /authorization/i);
        assert.ok(!this.received.includes(encode(KEY)) && !this.received.includes(KEY));
    }
}

type Send = (client: Client, proxy: Proxy) => Promise<unknown>;

const path = (client: Client): string => `${client.baseUrl}/apiKeys`;

const axiosProxy = (proxy: Proxy) => ({ proxy: { protocol: "http", host: "127.0.0.1", port: proxy.port } });

const GIVEN: Record<string, Send> = {
    axios: (client, proxy) => forAxios(client, axios.create(axiosProxy(proxy))).get(path(client)),
    "axios 1.7": (client, proxy) => forAxios(client, earlierAxios.create(axiosProxy(proxy))).get(path(client)),
    "axios with an agent that knows its proxy": (client, proxy) => {
        const httpAgent = Object.assign(new HttpAgent(), { proxy: new URL(proxy.url) });
        return forAxios(client, axios.create({ httpAgent })).get(path(client));
    },
};

for (const [version, oldest] of Object.entries(UNDICI)) {
    if (Number.parseInt(process.versions.node) < oldest) continue;
    const { EnvHttpProxyAgent, ProxyAgent, RetryAgent, fetch, request } = await import(version);
    for (const proxyTunnel of [true, false]) {
        const agent = (proxy: Proxy) => new ProxyAgent({ uri: proxy.url, proxyTunnel });
        const name = `${version}${proxyTunnel ? "" : " without a tunnel"}`;
        GIVEN[name] = (client, proxy) => request(path(client), { dispatcher: agent(proxy).compose(forUndici(client)) });
        GIVEN[`${name}, fetch`] = (client, proxy) =>
            codatFetch(client, fetch)(path(client), { dispatcher: agent(proxy) });
    }
    GIVEN[`${version}, EnvHttpProxyAgent`] = (client, { url }) =>
        request(path(client), { dispatcher: new EnvHttpProxyAgent({ httpProxy: url }).compose(forUndici(client)) });
    GIVEN[`${version}, RetryAgent`] = (client, { url }) =>
        request(path(client), {
            dispatcher: new RetryAgent(new ProxyAgent(url), { maxRetries: 0 }).compose(forUndici(client)),
        });
    if (version === "undici-6") {
        GIVEN["fetch of Node"] = (client, { url }) =>
            codatFetch(client)(path(client), { dispatcher: new ProxyAgent(url) } as object);
        GIVEN["@codat/platform"] = (client, { url }) => {
            const request = (input: Request) => globalThis.fetch(input, { dispatcher: new ProxyAgent(url) } as object);
            return connect(client, CodatPlatform, { httpClient: { request } } as object).companies.list({});
        };
        GIVEN["@codat/platform with security"] = (client, { url }) => {
            const request = (input: Request) => globalThis.fetch(input, { dispatcher: new ProxyAgent(url) } as object);
            const retryConfig = { strategy: "none" };
            const options = {
                authHeader: security(client),
                serverURL: client.baseUrl,
                httpClient: { request },
                retryConfig,
            };
            return new CodatPlatform(options as object).companies.list({});
        };
    }
}

for (const [library, send] of Object.entries(GIVEN)) {
    test(`${library}: a given proxy gets no key`, () =>
        emulated([], async (emulator) => {
            const proxy = await new Proxy().listen();
            const client = new Client({ baseUrl: emulator.baseUrl, apiKey: KEY });
            const error: any = await send(client, proxy).then(
                () => assert.fail("it did not fail"),
                (error) => error,
            );
            proxy.close();
            const refused = [error, error.cause, error.cause?.cause].find((e) => e instanceof InvalidInputError);
            assert.equal(refused?.message, `the proxy ${proxy.url} would see the key unencrypted`, error);
            assert.deepEqual(await emulator.journal(), []);
        }));
}

/** What a program sends with proxies in its environment. */
const ENVIRONMENT: Record<string, string> = {
    fetch: `
        import { codatFetch } from "codat-keys/fetch";
        await codatFetch(client)(client.baseUrl + "/apiKeys");`,
    axios: `
        import { codatAuth } from "codat-keys/axios";
        import axios from "axios";
        await codatAuth(client, axios.create()).get(client.baseUrl + "/apiKeys");`,
    "axios with fetch": `
        import { codatAuth } from "codat-keys/axios";
        import axios from "axios";
        await codatAuth(client, axios.create({ adapter: "fetch" })).get(client.baseUrl + "/apiKeys");`,
    "axios 1.7": `
        import { codatAuth } from "codat-keys/axios";
        import axios from "axios-1.7";
        await codatAuth(client, axios.create()).get(client.baseUrl + "/apiKeys");`,
    "@codat/platform": `
        import { connect } from "codat-keys/official";
        import { CodatPlatform } from "@codat/platform";
        await connect(client, CodatPlatform).companies.list({});`,
};

for (const [library, program] of Object.entries(ENVIRONMENT)) {
    for (const noProxy of ["", "127.0.0.1"]) {
        test(`${library}: a proxy of the environment gets no key${noProxy && ", with NO_PROXY"}`, () =>
            emulated([], async (emulator) => {
                const proxy = await new Proxy().listen();
                const child = await ended(start(program, emulator.environment, proxy.url, noProxy));
                proxy.close();
                const answered = (await emulator.journal()).map(({ status }) => status);
                // Only Node 24 and later use proxies of the environment for fetch.
                if (child.code === 0) assert.deepEqual(answered, [200], child.complained);
                else assert.match(child.complained, /the proxy .* would see the key unencrypted/);
                if (noProxy || library === "axios" || library === "axios 1.7")
                    assert.equal(child.code, 0, child.complained);
            }));
    }
}

test("axios 1.7: an https request is not sent to a proxy unencrypted", async () => {
    const proxy = await new Proxy().listen();
    const client = new Client({ baseUrl: "https://codat.example", apiKey: KEY });
    const sent = forAxios(client, earlierAxios.create(axiosProxy(proxy))).get(path(client));
    await assert.rejects(sent, { message: `the proxy ${proxy.url} would see the key unencrypted` });
    proxy.close();
    assert.equal(proxy.received, "");
});

test("axios: an https request goes through a tunnel", async () => {
    const proxy = await new Proxy().listen();
    const client = new Client({ baseUrl: "https://codat.example", apiKey: KEY });
    await assert.rejects(forAxios(client, axios.create(axiosProxy(proxy))).get(path(client)));
    proxy.close();
    assert.match(proxy.received, /^CONNECT codat.example:443 /);
});

/** Runs with a server that remembers the header `Authorization` of each request. */
async function withServer(
    create: (answer: (request: any, response: any) => void) => Server,
    run: (url: string, received: unknown[]) => Promise<void>,
): Promise<void> {
    const received: unknown[] = [];
    const server: any = create(({ headers }, response) => {
        received.push(headers.authorization);
        response.end("{}");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
        const scheme = create === withTls ? "https" : "http";
        await run(`${scheme}://127.0.0.1:${server.address().port}`, received);
    } finally {
        server.closeAllConnections();
        server.close();
    }
}

const withTls = (answer: any) => createHttpsServer({ cert, key }, answer);
const withoutTls = (answer: any) => createHttpServer(answer);
const withTunnels = (answer: any) =>
    createHttpServer(answer).on("connect", ({ url }, client) => {
        const { hostname, port } = new URL(`http://${url}`);
        const server = connectTo(Number(port), hostname, () => client.write("HTTP/1.1 200 OK\r\n\r\n"));
        server.pipe(client).pipe(server);
        for (const one of [server, client]) one.on("error", () => one.destroy());
    });

for (const [version, oldest] of Object.entries(UNDICI)) {
    if (Number.parseInt(process.versions.node) < oldest) continue;
    const undici = await import(version);
    const { Agent, ProxyAgent, fetch, request } = undici;
    const options = { connect: { ca: cert } };
    for (const kind of ["Client", "Pool", "BalancedPool"]) {
        for (const create of [withTls, withoutTls]) {
            test(`${version}: a ${kind} of another server ${create === withTls ? "with TLS " : ""}gets no key`, () =>
                withServer(create, (other, received) =>
                    withServer(withTls, async (baseUrl) => {
                        const client = new Client({ baseUrl, apiKey: KEY });
                        const dispatcher = () => new undici[kind](other, options);
                        const sent = request(path(client), { dispatcher: dispatcher().compose(forUndici(client)) });
                        await assert.rejects(sent, InvalidInputError);
                        const fetched = codatFetch(client, fetch)(path(client), { dispatcher: dispatcher() });
                        await assert.rejects(fetched, InvalidInputError);
                        assert.deepEqual(received, []);
                    }),
                ));
        }
    }

    test(`${version}: an https request goes through a tunnel`, () =>
        withServer(withTls, (baseUrl, received) =>
            withServer(withTunnels, async (proxy) => {
                const client = new Client({ baseUrl, apiKey: KEY });
                const dispatcher = new ProxyAgent({ uri: proxy, requestTls: { ca: cert } });
                assert.equal((await codatFetch(client, fetch)(path(client), { dispatcher })).status, 200);
                const composed = dispatcher.compose(forUndici(client));
                assert.equal((await request(path(client), { dispatcher: composed })).statusCode, 200);
                assert.deepEqual(received, Array(2).fill(encode(KEY)));
                await dispatcher.close();
            }),
        ));

    test(`${version}: clients with the same key send https requests beside http requests`, () =>
        withServer(withoutTls, (plainUrl) =>
            withServer(withTls, async (baseUrl, received) => {
                const plain = new Client({ baseUrl: plainUrl, apiKey: KEY });
                const client = new Client({ baseUrl, apiKey: KEY });
                const dispatcher = new Agent(options);
                // This watch lasts as long as the process.
                await security(plain)();
                assert.equal((await codatFetch(client, fetch)(path(client), { dispatcher })).status, 200);
                const composed = dispatcher.compose(forUndici(client));
                assert.equal((await request(path(client), { dispatcher: composed })).statusCode, 200);
                const headers = { authorization: encode(KEY) };
                assert.equal((await fetch(path(client), { dispatcher, headers })).status, 200);
                assert.deepEqual(received, Array(3).fill(encode(KEY)));
            }),
        ));
}

test("axios: a key in the place of an agent is not in the error", async () => {
    const client = new Client({ baseUrl: "http://127.0.0.1:1", apiKey: KEY });
    for (const httpAgent of [KEY, encode(KEY), 1, {}]) {
        await assert.rejects(forAxios(client, axios.create()).get(path(client), { httpAgent }), (error: Error) => {
            assert.match(String(error), /httpAgent is not an agent/);
            return !String(error.stack).includes(KEY.slice(0, 8));
        });
    }
});

/** Runs a program in a child with this proxy for everything. */
function start(program: string, environment: object, proxy: string, noProxy: string): ChildProcess {
    const env = {
        ...process.env,
        ...environment,
        HTTP_PROXY: proxy,
        http_proxy: proxy,
        ALL_PROXY: proxy,
        NO_PROXY: noProxy,
        no_proxy: noProxy,
        NODE_USE_ENV_PROXY: "1",
    };
    const whole = `import { Client } from "codat-keys";\nconst client = new Client();\n${program}`;
    const cwd = fileURLToPath(new URL("../..", import.meta.url));
    return spawn(process.execPath, ["--input-type=module", "--eval", whole], { cwd, env, timeout: LIMIT });
}
