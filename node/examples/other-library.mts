// Codat's API through `fetch`, in TypeScript.

import { Client } from "codat-keys";
import { codatFetch } from "codat-keys/fetch";

const client = new Client();
const get = codatFetch(client);
const answer = await get(`${client.baseUrl}/companies`);
const { totalResults } = (await answer.json()) as { totalResults: number };
console.log(totalResults, "companies");
