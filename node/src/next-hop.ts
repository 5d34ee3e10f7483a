/**
 * Checks that the key is not sent unencrypted to a server other than Codat's, such as a proxy that the URL of the
 * request does not name. The next hop is the server to which the HTTP library connects.
 */
import { subscribe } from "node:diagnostics_channel";
import { lookup } from "node:dns/promises";
import { Agent } from "node:http";

import type { Client } from "./client";

/** An agent like the default agent of Node, but without the proxies of `NODE_USE_ENV_PROXY`. */
const DIRECT = new Agent({ keepAlive: true, scheduling: "lifo", timeout: 5000 });

/** The message that undici publishes before it writes a request: the headers and the connection. */
interface Sending {
    headers: unknown;
    socket: { remoteAddress?: string; remotePort?: number; destroy(error: unknown): void };
}

/** The `Authorization` headers of the unencrypted requests that undici, or the `fetch` of Node, is about to send. */
const watches = new Set<Watch>();

/** An `Authorization` header that undici is about to write to a connection, and the check of this connection. */
interface Watch {
    authorization: string;
    /** Returns an error if the header must not be sent over the connection, and `undefined` otherwise. */
    errorOf(socket: Sending["socket"]): unknown;
}

/** Whether requests to a URL are unencrypted. */
export function isPlain(url: string): boolean {
    return /^http:/i.test(url);
}

/**
 * Returns an agent of Node for unencrypted requests. The agent is a copy of `given`, or of an agent without a proxy,
 * that checks each connection before the key is sent: the next hop must have the origin of the client's base URL.
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

/** The addresses to which undici may connect for an unencrypted URL. */
export class NextHop {
    readonly #client: Client;
    readonly #port: number;
    readonly #addresses: Set<string>;

    /**
     * Creates a `NextHop` with the addresses of the URL's host name. Returns `undefined` for an `https` URL, because a
     * proxy cannot read an encrypted request.
     */
    static async of(client: Client, url: string): Promise<NextHop | undefined> {
        if (!isPlain(url)) return undefined;
        const { hostname, port } = new URL(url);
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
     * Starts to watch for the header `authorization`. When undici is about to write the header to a connection to
     * another server, the connection is closed. The returned function ends the watch.
     */
    watch(authorization: string): () => void {
        const watch = { authorization, errorOf: (socket: Sending["socket"]) => this.#errorOf(socket) };
        watches.add(watch);
        return () => watches.delete(watch);
    }

    /**
     * Sends a request. Until the response arrives, closes each connection to another server to which undici is about to
     * write the header `authorization`.
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

function hop(host: string, port: unknown): string {
    return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

let isListening = false;

/** Subscribes to undici's diagnostics channel once per process, before the first unencrypted request. */
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
