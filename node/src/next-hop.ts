/**
 * Checks that the API key is not sent unencrypted to a proxy, or to another server that does not belong to Codat. The
 * next hop of an HTTP request is the server to which the HTTP library opens a connection: the proxy, or the server in
 * the URL.
 */
import { subscribe } from "node:diagnostics_channel";
import { lookup } from "node:dns/promises";
import { Agent } from "node:http";

import type { Client } from "./client";

/** An agent like the default agent of Node, but without the proxies of `NODE_USE_ENV_PROXY`. */
const DIRECT = new Agent({ keepAlive: true, scheduling: "lifo", timeout: 5000 });

/** The message that undici publishes before it sends an HTTP request: the headers and the connection. */
interface Sending {
    headers: unknown;
    socket: { remoteAddress?: string; remotePort?: number; destroy(error: unknown): void };
}

/**
 * The watched `Authorization` headers, which are for unencrypted requests. When undici, or the `fetch` of Node, is
 * about to send one of them, the connection is checked first.
 */
const watches = new Set<Watch>();

/** A watched `Authorization` header, and a check of the connection over which undici is about to send the header. */
interface Watch {
    authorization: string;
    /** Returns an error if the `Authorization` header must not be sent over `socket`. Returns `undefined` otherwise. */
    errorOf(socket: Sending["socket"]): unknown;
}

/** Whether a URL begins with `http:`, so that requests to it are not encrypted. */
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
    const agent = given === undefined || given.options?.proxyEnv ? DIRECT : given;
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
 * Checks that undici sends an unencrypted HTTP request to the server that its URL names. Stores the IP addresses of
 * this server.
 */
export class NextHop {
    readonly #client: Client;
    readonly #port: number;
    readonly #addresses: Set<string>;

    /**
     * Creates a `NextHop` with the IP addresses of the URL's host name. Returns `undefined` for an `https` URL, because
     * a proxy cannot read encrypted requests. Rejects if `fetch` of this JavaScript runtime would use a proxy of the
     * environment.
     */
    static async of(client: Client, url: string): Promise<NextHop | undefined> {
        if (!isPlain(url)) return undefined;
        const { hostname, port } = new URL(url);
        const proxy = environmentProxy(hostname);
        if (proxy !== undefined) client.checkNextHop(proxy);
        // If the host name has no address, undici does not connect.
        const found = await lookup(hostname.replace(/^\[|\]$/g, ""), { all: true }).catch(() => []);
        listen();
        return new NextHop(client, Number(port || 80), new Set(found.map(({ address }) => address)));
    }

    private constructor(client: Client, port: number, addresses: Set<string>) {
        this.#client = client;
        this.#port = port;
        this.#addresses = addresses;
    }

    /**
     * Watches an `Authorization` header. Closes the connection when undici is about to send the header to a server
     * other than the one in the URL of the request. The returned function ends the watch.
     */
    watch(authorization: string): () => void {
        const watch = { authorization, errorOf: (socket: Sending["socket"]) => this.#errorOf(socket) };
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

    #errorOf({ remoteAddress, remotePort }: Sending["socket"]): unknown {
        const address = remoteAddress?.replace(/^::ffff:/, "");
        if (address === undefined || (remotePort === this.#port && this.#addresses.has(address))) return undefined;
        try {
            this.#client.checkNextHop(hop(address, remotePort));
            return undefined;
        } catch (error) {
            return error;
        }
    }
}

/**
 * Returns the proxy that `fetch` of Bun and Deno uses for an `http` URL with this host. Bun and Deno publish no message
 * before they send a request, so the connection cannot be checked. They interpret `NO_PROXY` differently, so this
 * function considers only the entries `*` and the host itself.
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
        const { headers, socket } = message as Sending;
        const own = [...watches].filter(({ authorization }) => String(headers).includes(authorization));
        const errors = own.map(({ errorOf }) => errorOf(socket));
        if (errors.length > 0 && errors.every((error) => error !== undefined)) {
            socket.destroy(errors[0]);
        }
    });
}
