/** Integration with axios: `codatAuth(client, axios.create({ baseURL: client.baseUrl }))`. */
import { inspect } from "node:util";

import { exchange, isOwn, mustBeClient } from "./attach";
import type { Client } from "./client";
import { NextHop, directAgent, isPlain } from "./next-hop";

/**
 * The part of an axios instance that this module uses. The types that axios declares differ between ESM and CommonJS.
 */
interface Instance {
    interceptors: { request: { use(attach: (config: any) => any): unknown } };
    getUri(config: object): string;
}

/** The response of axios. `error` is set if axios rejected with an error that contains the response. */
interface AxiosResult {
    response: any;
    error?: any;
}

/**
 * Configures an axios instance to send the key of a client. The first request reads the key from its source. After 401
 * or 403 the client reads the source again, and the request is sent once more if the source has another key and the
 * body is not a stream. Interceptors run once.
 *
 * A request rejects with `InvalidInputError`, and nothing is sent, if its URL has another origin, or if the option
 * `proxy` of axios names a proxy that would see the key unencrypted. For an `http` URL, the proxy variables of the
 * environment are ignored. A redirect to another origin is followed without the key. An `auth` in the configuration of
 * axios does not replace the key.
 *
 * The `config` of a response or an error does not contain the key. Its `request` is an object of Node that contains the
 * key; `inspect`, `console` and `JSON.stringify` show only its class.
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
    const send = async (authorization: string | undefined): Promise<AxiosResult> => {
        const headers = config.headers.concat(authorization === undefined ? {} : { Authorization: authorization });
        const beforeRedirect = (options: any, ...rest: unknown[]) => {
            config.beforeRedirect?.(options, ...rest);
            // Earlier versions of axios keep the header after a redirect to a subdomain.
            if (!isOwn(client, options.href)) {
                isElsewhere = true;
                delete options.headers.Authorization;
            }
        };
        // axios would replace the header by its own `auth`.
        const sent = { ...config, ...route(client, config, url), auth: undefined, headers, beforeRedirect };
        const request = () => plain.request({ ...sent, transformRequest: [], transformResponse: [] });
        // The adapter of axios that uses `fetch` ignores the agent, so `NextHop` checks its connections.
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
    const outcome = ({ response }: AxiosResult) => ({ status: response.status, url: isElsewhere ? undefined : url });
    const drop = ({ response }: AxiosResult) => response.data?.destroy?.();
    const { response, error } = await exchange(client, { url, signal, body, send, outcome, drop }).catch((error) => {
        // The signal was aborted while the key was read: axios sends nothing and rejects with its own error.
        return signal?.aborted && error === signal.reason ? send(undefined) : Promise.reject(error);
    });
    if (error !== undefined) {
        throw error;
    }
    return response;
}

/**
 * Hides request headers from `inspect`, `console` and JSON. `holder` is a response or an error of axios, which refers
 * to its request.
 */
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

/**
 * Returns the proxy and agent for a URL. Throws if the option `proxy` of axios names a proxy that would see the key
 * unencrypted.
 */
function route(client: Client, { proxy, httpAgent }: any, url: string): object {
    if (isPlain(url) && proxy) {
        const { protocol = "http:", hostname, host, port } = proxy;
        client.checkNextHop(`${protocol.replace(/:?$/, ":")}//${hostname || host}${port ? `:${port}` : ""}`);
    }
    // Earlier versions of axios send an `https` request through a proxy unencrypted, with this agent.
    return { proxy: isPlain(url) ? false : proxy, httpAgent: directAgent(client, httpAgent) };
}

/**
 * Returns an axios instance that adds no defaults to a request, because the configuration of the request already
 * contains the defaults of `instance`.
 */
function withoutDefaults(instance: Instance): any {
    const plain = (instance as any).create();
    for (const name of Object.keys(plain.defaults)) {
        delete plain.defaults[name];
    }
    return plain;
}
