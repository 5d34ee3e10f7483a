/** For Codat's own SDK: `new CodatPlatform({ authHeader: security(client), serverURL: client.baseUrl })`. */
import { mustBeClient } from "./attach";
import type { Client } from "./client";

/**
 * What the SDK asks for its header before each call.
 *
 * The SDK does not tell where a call goes: it sends the key to any `serverURL`. Give it the client's `baseUrl`. With
 * `httpClient: new HTTPClient({ fetcher: codatFetch(client) })` in place of this, a call elsewhere goes without the key.
 */
export function security(client: Client): () => Promise<string> {
    mustBeClient(client);
    return async () => client.authorizationFor(client.baseUrl).exposeSecret();
}
