/** Integration with Codat's SDKs: `const codat = connect(client, CodatPlatform)`. */
import { mustBeClient } from "./attach";
import { codatAuth } from "./axios";
import type { Client } from "./client";
import { codatFetch } from "./fetch";
import { NextHop } from "./next-hop";

/**
 * Creates an SDK of Codat that uses the base URL and the API key of a client. `Sdk` is `CodatPlatform`, `CodatLending`,
 * or another SDK with a replaceable `httpClient` or axios instance. `options` are the options of the SDK.
 *
 * If Codat responds with 401 or 403, the client reads the API key again from its source, such as a file or a command.
 * If the API key has changed, the request is sent once more. If the URL of a request has another origin than the base
 * URL, the call rejects, and nothing is sent. Throws `TypeError` for an SDK that does not accept an HTTP client.
 *
 * ```ts
 * import { CodatPlatform } from "@codat/platform";
 *
 * const codat = connect(client, CodatPlatform, { timeoutMs: 10_000 });
 * const companies = await codat.companies.list({});
 * ```
 */
export function connect<Sdk, Options extends object>(
    client: Client,
    Sdk: new (options?: Options) => Sdk,
    options?: Options,
): Sdk {
    mustBeClient(client);
    if (typeof Sdk !== "function") {
        throw new TypeError("argument 'Sdk' must be the class of an SDK, such as CodatPlatform");
    }
    const given = (options as any)?.httpClient;
    const send = (input: Request, init: object): Promise<Response> => given.request(new Request(input, init));
    const httpClient = { request: codatFetch(client, given && send) };
    const made: any = new Sdk({ serverURL: client.baseUrl, ...options, httpClient } as unknown as Options);
    // Checks all members, because each SDK stores its options in a member with another name.
    if (Object.values(made).some((member: any) => member?.httpClient === httpClient)) {
        return made;
    }
    // An earlier SDK sends its requests with an axios instance.
    const { defaultClient } = made.sdkConfiguration ?? {};
    if (defaultClient === undefined) {
        throw new TypeError(
            `argument 'Sdk': ${Sdk.name || "the class"} takes no HTTP client; use a later version of it`,
        );
    }
    codatAuth(client, defaultClient);
    return made;
}

/**
 * Returns a function for the option `authHeader` of `@codat/platform`, and of other SDKs that accept a function for
 * this option:
 *
 * ```ts
 * new CodatPlatform({ authHeader: security(client), serverURL: client.baseUrl });
 * ```
 *
 * The function resolves to the `Authorization` header with the client's API key. Prefer `connect`. With `security`, the
 * SDK does not repeat a request after Codat rejects the API key, and it sends the API key to any `serverURL`. A call of
 * the SDK rejects if a proxy would see the API key unencrypted.
 */
export function security(client: Client): () => Promise<string> {
    mustBeClient(client);
    let watched: string | undefined;
    return async () => {
        const authorization = (await client.authorize(client.baseUrl)).exposeSecret();
        if (authorization !== watched) {
            (await NextHop.of(client, client.baseUrl)).watchSdk(authorization);
            watched = authorization;
        }
        return authorization;
    };
}
