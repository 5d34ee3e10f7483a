/** For axios: `codatAuth(client, axios.create({ baseURL: client.baseUrl }))`. */
import { headerFor, mustBeClient } from "./attach";
import type { Client } from "./client";

/** What is needed of axios: its types differ between ESM and CommonJS. */
interface Instance {
    interceptors: { request: { use(attach: (config: any) => any): unknown } };
    getUri(config: object): string;
}

/**
 * Lets an instance attach the key of a client to requests for its origin; a redirect elsewhere goes without.
 *
 * What axios rejects with holds the headers of its request, in `config`: do not log it whole.
 */
export function codatAuth<T extends Instance>(client: Client, instance: T): T {
    mustBeClient(client);
    if (typeof instance?.interceptors?.request?.use !== "function") {
        throw new TypeError(
            "argument 'instance' must be an instance of axios: axios.create({ baseURL: client.baseUrl })",
        );
    }
    instance.interceptors.request.use((config) => {
        const header = headerFor(client, instance.getUri(config));
        if (header === undefined) {
            return config;
        }
        config.headers.set("Authorization", header);
        const { beforeRedirect } = config;
        config.beforeRedirect = (options: any, ...rest: unknown[]) => {
            beforeRedirect?.(options, ...rest);
            // Earlier versions of axios would send it on to a subdomain.
            if (headerFor(client, options.href) === undefined) {
                delete options.headers.Authorization;
            }
        };
        return config;
    });
    return instance;
}
