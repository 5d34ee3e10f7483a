// Makes a key and lists the keys, as an ES module.

import { Client, KeyLimitReachedError } from "codat-keys";

const client = new Client(); // CODAT_API_KEY, CODAT_AUTH_HEADER or CODAT_API_KEY_FILE
try {
    const made = await client.keys.create("invoice-processor");
    console.log("made", made.key.id, made.key.apiKey); // ApiKey(****kGHd)
} catch (error) {
    if (!(error instanceof KeyLimitReachedError)) throw error;
    console.log(error.hint);
}
for (const key of await client.keys.list()) {
    console.log(key.id, key.name ?? "(no name)");
}
