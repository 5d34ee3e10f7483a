/** Integration with axios: `codatAuth(client, axios.create({ baseURL: client.baseUrl }))`. */
import { inspect } from "node:util";

import { exchange, isOwn, mustBeClient } from "./attach";
import type { Client } from "./client";
import { NextHop, directAgent, isPlain } from "./next-hop";

/**
 * The members of an axios instance that this module uses. The types of axios are not used, because axios declares
 * different types for ESM and for CommonJS.
 */
interface Instance {
    interceptors: { request: { use(attach: (config: any) => any): unknown } };
    getUri(config: object): string;
}

/**
 * The response of an axios request. If axios rejected the request because of this response, `error` contains the reason
 * of the rejection.
 */
interface AxiosResult {
    response: any;
    error?: any;
}

/**
 * Configures an axios instance to send the client's API key. If Codat responds with 401 or 403, the client reads the
 * API key again from its source, such as a file or a command. If the API key has changed, and the body is not a stream,
 * the request is sent once more. The other interceptors of the instance do not run again.
 *
 * A request rejects with `InvalidInputError`, and nothing is sent, in two cases: its URL has another origin than the
 * base URL of the client, or the axios option `proxy` sets a proxy that would see the API key unencrypted. For an
 * `http` URL, the proxy variables of the environment are ignored. If a redirect leads to another origin, axios follows
 * it without the API key. The axios option `auth` does not replace the API key.
 *
 * Neither the `config` nor the `request` of a response or an error contains the API key. `inspect`, `console` and
 * `JSON.stringify` show only the class of the request. The member `request` is not enumerable.
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
        const headers = config.headers.concat();
        if (authorization !== undefined) {
            // axios keeps the letter case of a name that is there already.
            headers.delete("authorization");
            headers.set("Authorization", authorization);
        }
        const beforeRedirect = (options: any, response: unknown, request: any) => {
            const { Authorization } = options.headers;
            delete options.headers.Authorization;
            delete request?.headers?.Authorization;
            config.beforeRedirect?.(options, response, request);
            // Earlier versions of axios keep the header after a redirect to a subdomain.
            if (!isOwn(client, options.href)) isElsewhere = true;
            else if (Authorization !== undefined) options.headers.Authorization = Authorization;
        };
        // axios would replace the header by its own `auth`.
        const sent = { ...config, ...route(client, config, url), auth: undefined, headers, beforeRedirect };
        const request = () => plain.request({ ...sent, transformRequest: [], transformResponse: [] });
        // The adapter of axios that uses `fetch` ignores the agent, so `NextHop` checks its connections.
        const hop = authorization === undefined ? undefined : await NextHop.of(client, url);
        return (hop === undefined ? request() : hop.during(authorization!, request)).then(
            (response: any) => {
                hideKey(response, authorization);
                return { response: Object.assign(response, { config }) };
            },
            (error: any) => {
                hideKey(error, authorization);
                hideKey(error?.response, authorization);
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
 * Removes the API key from the request of `holder`, which is a response or an error of axios. Also hides the headers of
 * the request from `inspect`, `console` and `JSON.stringify`. Hiding the headers is not enough, because `console.dir`
 * ignores the custom `inspect` method of an object. Node also ignores this method when it prints an uncaught error.
 */
function hideKey(holder: any, authorization: string | undefined): void {
    const { request } = holder ?? {};
    if (typeof request !== "object" || request === null) return;
    // Node prints only enumerable members. The agent of the request leads to the requests of other calls.
    Object.defineProperty(holder, "request", { enumerable: false });
    // `follow-redirects` wraps each request of Node. A lost connection leaves the wrapper, and a response the request.
    const wrapper = request._redirectable ?? request;
    for (const part of new Set([request, wrapper, wrapper._currentRequest])) {
        if (part === undefined || part === null) continue;
        if (authorization !== undefined) removeKey(part, authorization);
        if (Object.isExtensible(part)) {
            const value = () => `[${part.constructor?.name ?? "Request"}]`;
            for (const name of [inspect.custom, "toJSON"]) {
                Object.defineProperty(part, name, { value, configurable: true });
            }
        }
    }
}

/**
 * Removes the API key from a finished request: the `Request` of `fetch`, one of the objects of Node's `http`, or the
 * stream of Node's `http2`.
 */
function removeKey(request: any, authorization: string): void {
    request.headers?.delete?.("authorization");
    delete request._options?.headers?.Authorization;
    delete request.sentHeaders?.Authorization;
    if (typeof request._header === "string") {
        request._header = request._header.replace(authorization, "Basic ****");
    }
    // Node does not remove headers from a request that it has sent, so its private member is changed.
    const sent = Object.getOwnPropertySymbols(request).find(({ description }) => description === "kOutHeaders");
    delete request[sent!]?.authorization;
}

/**
 * Returns the axios options `proxy` and `httpAgent` for a request to `url`. Throws if the given `proxy` would see the
 * API key unencrypted.
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
 * Returns an axios instance without default options. The options of each request already contain the defaults of
 * `instance`.
 */
function withoutDefaults(instance: Instance): any {
    const plain = (instance as any).create();
    for (const name of Object.keys(plain.defaults)) {
        delete plain.defaults[name];
    }
    return plain;
}
