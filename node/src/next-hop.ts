/** Checks the server to which a request is sent. With a proxy, the URL of the request names another server. */
import { subscribe } from "node:diagnostics_channel";
import { lookup } from "node:dns/promises";
import { Agent } from "node:http";

import type { Client } from "./client";

/** An agent like the default agent of Node, but without the proxies of `NODE_USE_ENV_PROXY`. */
const DIRECT = new Agent({ keepAlive: true, scheduling: "lifo", timeout: 5000 });

/** The headers that undici is about to write, and the connection. */
interface Sending {
    headers: unknown;
    socket: { remoteAddress?: string; remotePort?: number; destroy(error: unknown): void };
}

/** The unencrypted requests that undici, or `fetch` of Node, is about to send. */
const watches = new Set<Watch>();

/** A header, and the check of a connection on which it is about to be written. */
interface Watch {
    authorization: string;
    /** Returns the error of a connection that must not be used. */
    refusal(socket: Sending["socket"]): unknown;
}

/** Whether a URL is unencrypted. */
export function isPlain(url: string): boolean {
    return /^http:/i.test(url);
}

/** Returns an agent for unencrypted connections. The client checks each connection before the key is sent. */
export function directAgent(client: Client, given: any): any {
    // As in the core, a proxy of the environment is not used for unencrypted requests.
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

/** The addresses to which undici connects for a URL. */
export class NextHop {
    readonly #client: Client;
    readonly #port: number;
    readonly #addresses: Set<string>;

    /** Resolves the addresses of a URL. `undefined` for an encrypted connection, whose content a proxy cannot read. */
    static async of(client: Client, url: string): Promise<NextHop | undefined> {
        if (!isPlain(url)) return undefined;
        const { hostname, port } = new URL(url);
        // If the name has no address, no connection is made.
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
     * Starts to close each connection to another server on which this header is about to be written. The returned
     * function ends this.
     */
    watch(authorization: string): () => void {
        const watch = { authorization, refusal: (socket: Sending["socket"]) => this.#refusal(socket) };
        watches.add(watch);
        return () => watches.delete(watch);
    }

    /** Watches the header while a request is sent. */
    async during<T>(authorization: string, send: () => Promise<T>): Promise<T> {
        const end = this.watch(authorization);
        try {
            return await send();
        } catch (error) {
            // `fetch` wraps the error with which the connection was closed.
            throw (error as any)?.cause?.code === "invalid_input" ? (error as any).cause : error;
        } finally {
            end();
        }
    }

    #refusal({ remoteAddress, remotePort }: Sending["socket"]): unknown {
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

/** Subscribes to undici at the first unencrypted request. */
function listen(): void {
    if (isListening) return;
    isListening = true;
    // undici publishes this right before it writes the head of a request.
    subscribe("undici:client:sendHeaders", (message) => {
        const { headers, socket } = message as Sending;
        const own = [...watches].filter(({ authorization }) => String(headers).includes(authorization));
        const refusals = own.map(({ refusal }) => refusal(socket));
        if (refusals.length > 0 && refusals.every((refusal) => refusal !== undefined)) {
            socket.destroy(refusals[0]);
        }
    });
}
