/** For axios: `codatAuth(client, axios.create({ baseURL: client.baseUrl }))`. */
import { inspect } from "node:util";

import { exchange, isOwn, mustBeClient } from "./attach";
import type { Client } from "./client";
import { NextHop, directAgent, isPlain } from "./next-hop";

/** What is needed of axios: its types differ between ESM and CommonJS. */
interface Instance {
    interceptors: { request: { use(attach: (config: any) => any): unknown } };
    getUri(config: object): string;
}

/** The answer of axios, or the error that it rejected with, if that has an answer. */
interface Answer {
    response: any;
    error?: any;
}

/**
 * Makes an instance send the key of a client, which is read from its source at first use. After 401 or 403 the source is read
 * again, and the request is sent once more if there is another key and its body is not a stream. Interceptors run once.
 *
 * A request for another origin rejects with `InvalidInputError`, and so does one whose key a `proxy` would see unencrypted:
 * nothing is sent. Proxies of the environment are not used for an `http` URL. A redirect to another origin is sent
 * without the key. An `auth` in the configuration of axios does not replace the key.
 *
 * The `config` of a response or an error is without the key. Its `request` is Node's own, whose members hold the key: `inspect`,
 * `console` and `JSON.stringify` show only its class.
 */
export function codatAuth<T extends Instance>(client: Client, instance: T): T {
    mustBeClient(client);
    if (typeof instance?.interceptors?.request?.use !== "function") {
        throw new TypeError(
            "argument 'instance' must be an instance of axios: axios.create({ baseURL: client.baseUrl })",
        );
    }
    const plain = withoutDefaults(instance);
    instance.interceptors.request.use((config) => {
        const { adapter } = config;
        // An adapter runs after all interceptors and after axios has transformed the body.
        config.adapter = async (config: any) => {
            config.adapter = adapter;
            return perform(client, plain, config, instance.getUri(config));
        };
        return config;
    });
    return instance;
}

async function perform(client: Client, plain: any, config: any, url: string): Promise<any> {
    let isElsewhere = false;
    const send = async (authorization: string | undefined): Promise<Answer> => {
        const headers = config.headers.concat(authorization === undefined ? {} : { Authorization: authorization });
        const beforeRedirect = (options: any, ...rest: unknown[]) => {
            config.beforeRedirect?.(options, ...rest);
            // Earlier versions of axios would send it on to a subdomain.
            if (!isOwn(client, options.href)) {
                isElsewhere = true;
                delete options.headers.Authorization;
            }
        };
        // axios puts its own `auth` in place of the header.
        const sent = { ...config, ...route(client, config, url), auth: undefined, headers, beforeRedirect };
        const request = () => plain.request({ ...sent, transformRequest: [], transformResponse: [] });
        // For the adapter that uses `fetch`.
        const hop = authorization === undefined ? undefined : await NextHop.of(client, url);
        return (hop === undefined ? request() : hop.during(authorization!, request)).then(
            (response: any) => {
                maskRequest(response);
                return { response: Object.assign(response, { config }) };
            },
            (error: any) => {
                maskRequest(error);
                maskRequest(error?.response);
                if (error?.config !== undefined) error.config = config;
                if (error?.response === undefined) throw error;
                return { response: Object.assign(error.response, { config }), error };
            },
        );
    };
    const { signal, data: body } = config;
    const outcome = ({ response }: Answer) => ({ status: response.status, url: isElsewhere ? undefined : url });
    const drop = ({ response }: Answer) => response.data?.destroy?.();
    const { response, error } = await exchange(client, { url, signal, body, send, outcome, drop }).catch((error) => {
        // The signal was aborted while the key was read: axios sends nothing and rejects with its own error.
        return signal?.aborted && error === signal.reason ? send(undefined) : Promise.reject(error);
    });
    if (error !== undefined) {
        throw error;
    }
    return response;
}

/** Keeps `inspect`, `console` and JSON from showing the headers of the request that an answer or an error of axios refers to. */
function maskRequest(holder: any): void {
    const { request } = holder ?? {};
    for (const shown of [request, request?._redirectable]) {
        if (typeof shown === "object" && shown !== null && Object.isExtensible(shown)) {
            const value = () => `[${shown.constructor?.name ?? "Request"}]`;
            for (const name of [inspect.custom, "toJSON"]) {
                Object.defineProperty(shown, name, { value, configurable: true });
            }
        }
    }
}

/** How axios reaches a URL. Throws if a proxy of its configuration would see the key unencrypted. */
function route(client: Client, { proxy, httpAgent }: any, url: string): object {
    if (isPlain(url) && proxy) {
        const { protocol = "http:", hostname, host, port } = proxy;
        client.checkNextHop(`${protocol.replace(/:?$/, ":")}//${hostname || host}${port ? `:${port}` : ""}`);
    }
    // Earlier versions of axios send even an `https` request through a proxy unencrypted, and thus with this agent.
    return { proxy: isPlain(url) ? false : proxy, httpAgent: directAgent(client, httpAgent) };
}

/** An instance that sends a request as it is. */
function withoutDefaults(instance: Instance): any {
    const plain = (instance as any).create();
    for (const name of Object.keys(plain.defaults)) {
        delete plain.defaults[name];
    }
    return plain;
}
