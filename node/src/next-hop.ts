/**
 * Checks that an HTTP library sends the API key only to the server in the URL of the HTTP request. An unencrypted HTTP
 * request must not go through a proxy. The next hop of an HTTP request is the server to which the HTTP library opens a
 * connection: the proxy, or the server in the URL.
 */
import { subscribe } from "node:diagnostics_channel";
import { lookup } from "node:dns/promises";
import { Agent } from "node:http";

import type { Client } from "./client";

/** An agent like the default agent of Node, but without the proxies of `NODE_USE_ENV_PROXY`. */
const DIRECT = new Agent({ keepAlive: true, scheduling: "lifo", timeout: 5000 });

/** A connection of undici. `encrypted` is true for TLS. */
interface Connection {
    remoteAddress?: string;
    remotePort?: number;
    encrypted?: boolean;
    destroy(error: unknown): void;
}

/**
 * A watched `Authorization` header. When undici, or the `fetch` of Node, is about to send the header, the connection is
 * checked first.
 */
interface Watch {
    authorization: string;
    hop: NextHop;
    /**
     * Whether the watch continues after the watched request has ended. Until a watch ends, it applies to all requests
     * that contain the header, even to requests of other code.
     */
    lasting: boolean;
}

const watches = new Set<Watch>();

/**
 * For each connection of undici, the origin of the server to which it leads. If the connection is a tunnel through a
 * proxy, this is the server behind the proxy.
 */
const origins = new WeakMap<object, string>();

// A `Pool` or a `Client` of undici connects to its own URL, whatever the URL of the request is. This message names its
// URL. undici publishes it once for each connection, also if no request is watched yet.
subscribe("undici:client:connected", (message) => {
    const { connectParams, socket } = message as { connectParams: { protocol: string; host: string }; socket: object };
    origins.set(socket, new URL(`${connectParams.protocol}//${connectParams.host}`).origin);
});

/** Whether a URL begins with `http:`. Requests to such a URL are not encrypted. */
export function isPlain(url: string): boolean {
    return /^http:/i.test(url);
}

/**
 * Returns a copy of the Node agent `given`. The copy checks each unencrypted request before it sends the API key: the
 * next hop must have the origin of the client's base URL. If `given` is `undefined`, or uses a proxy from the
 * environment, the function copies an agent without a proxy instead.
 */
export function directAgent(client: Client, given: any): any {
    // Ignores a proxy of the environment for unencrypted requests, as the core does.
    const agent = (given ?? false) === false || given.options?.proxyEnv ? DIRECT : given;
    // The message of Node would contain the value, which can be a key.
    if (typeof agent.addRequest !== "function") {
        throw new TypeError("httpAgent is not an agent: give an Agent of node:http");
    }
    const addRequest = (request: any, options: any, ...rest: unknown[]) => {
        if (request.hasHeader("authorization") && !options.socketPath) {
            client.checkNextHop(
                agent.proxy ? String(agent.proxy.href ?? agent.proxy) : hop(options.host, options.port),
            );
        }
        return agent.addRequest(request, options, ...rest);
    };
    return Object.create(agent, { addRequest: { value: addRequest } });
}

/**
 * Checks that undici sends an HTTP request to the server in the URL of the request. Stores the IP addresses of this
 * server if the request is not encrypted.
 */
export class NextHop {
    readonly #client: Client;
    readonly #url: URL;
    readonly #addresses: Set<string> | undefined;

    /**
     * Creates a `NextHop` for requests to `url`. Rejects if `fetch` of this JavaScript runtime would send unencrypted
     * requests through a proxy of the environment. Does not reject for an `https` URL, because a proxy cannot read
     * encrypted requests.
     */
    static async of(client: Client, url: string): Promise<NextHop> {
        const parsed = new URL(url);
        listen();
        if (!isPlain(url)) return new NextHop(client, parsed, undefined);
        const { hostname } = parsed;
        const proxy = environmentProxy(hostname);
        if (proxy !== undefined) client.checkNextHop(proxy);
        // If the host name has no address, undici does not connect.
        const found = await lookup(hostname.replace(/^\[|\]$/g, ""), { all: true }).catch(() => []);
        return new NextHop(client, parsed, new Set(found.map(({ address }) => address)));
    }

    private constructor(client: Client, url: URL, addresses: Set<string> | undefined) {
        this.#client = client;
        this.#url = url;
        this.#addresses = addresses;
    }

    /**
     * Watches an `Authorization` header. Closes the connection when undici is about to send the header to a server
     * other than the one in the URL of the request. The returned function ends the watch.
     */
    watch(authorization: string): () => void {
        return this.#add({ authorization, hop: this, lasting: false });
    }

    /**
     * Watches the `Authorization` header of an SDK. The watch lasts until this process ends. Closes the connection when
     * undici is about to send the header unencrypted to a server other than the one in the URL of this `NextHop`. Does
     * nothing if this URL begins with `https:`.
     */
    watchSdk(authorization: string): void {
        this.#add({ authorization, hop: this, lasting: true });
    }

    #add(watch: Watch): () => void {
        watches.add(watch);
        return () => watches.delete(watch);
    }

    /**
     * Calls `send`, and watches the `Authorization` header until the response arrives. Closes the connection when
     * undici is about to send the header to a server other than the one in the URL of the request.
     */
    async during<T>(authorization: string, send: () => Promise<T>): Promise<T> {
        const end = this.watch(authorization);
        try {
            return await send();
        } catch (error) {
            // `fetch` wraps the error with which `listen` closed the connection.
            throw (error as any)?.cause?.code === "invalid_input" ? (error as any).cause : error;
        } finally {
            end();
        }
    }

    /** Whether the URL begins with `http:`. */
    get isPlain(): boolean {
        return this.#addresses !== undefined;
    }

    /**
     * Returns an error if the `Authorization` header must not be sent over `connection`, and `undefined` otherwise. An
     * encrypted connection that was opened before this module was loaded is not checked.
     */
    errorOf(connection: Connection): unknown {
        try {
            if (this.#addresses === undefined) this.#checkOrigin(origins.get(connection));
            else this.#checkAddress(this.#addresses, connection);
            return undefined;
        } catch (error) {
            return error;
        }
    }

    #checkOrigin(origin: string | undefined): void {
        if (origin !== undefined && origin !== this.#url.origin) this.#client.authorizationFor(origin);
    }

    #checkAddress(addresses: Set<string>, { remoteAddress, remotePort }: Connection): void {
        const address = remoteAddress?.replace(/^::ffff:/, "");
        const isNamed = remotePort === Number(this.#url.port || 80) && addresses.has(address!);
        if (address !== undefined && !isNamed) this.#client.checkNextHop(hop(address, remotePort));
    }
}

/**
 * Returns the proxy that `fetch` of Bun and Deno uses for an `http` URL with this host. Bun and Deno do not tell this
 * module to which server a connection leads, so this function determines the proxy before a request. Bun and Deno
 * interpret `NO_PROXY` differently, so this function considers only the entries `*` and the host itself.
 */
function environmentProxy(hostname: string): string | undefined {
    if (!("bun" in process.versions || "deno" in process.versions)) return undefined;
    const variable = (name: string) => process.env[name.toLowerCase()] || process.env[name];
    const exceptions = (variable("NO_PROXY") ?? "").split(",").map((entry) => entry.trim());
    const isExcepted = exceptions.includes("*") || exceptions.includes(hostname.replace(/^\[|\]$/g, ""));
    return isExcepted ? undefined : variable("HTTP_PROXY") || variable("ALL_PROXY") || undefined;
}

function hop(host: string, port: unknown): string {
    return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

let isListening = false;

/** Subscribes to the diagnostics channel of undici. Does nothing if this process has already subscribed. */
function listen(): void {
    if (isListening) return;
    isListening = true;
    // undici publishes this message right before it writes the head of a request.
    subscribe("undici:client:sendHeaders", (message) => {
        const { headers, socket } = message as { headers: unknown; socket: Connection };
        const own = [...watches].filter(({ authorization }) => String(headers).includes(authorization));
        const errors = own.map(({ hop }) => hop.errorOf(socket));
        // Clients of several servers can have the same API key. It is not known which of them sends this request.
        if (errors.includes(undefined)) return;
        const error = errors.find((_, at) => !own[at]!.lasting || (own[at]!.hop.isPlain && !socket.encrypted));
        if (error !== undefined) socket.destroy(error);
    });
}
