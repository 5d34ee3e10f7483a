/** For Codat's own SDK: `new CodatPlatform({ authHeader: security(client), serverURL: client.baseUrl })`. */
import { mustBeClient } from "./attach";
import type { Client } from "./client";

/** What the SDK asks for its header before each call. */
export function security(client: Client): () => Promise<string> {
    mustBeClient(client);
    return async () => client.authorizationFor(client.baseUrl).exposeSecret();
}
