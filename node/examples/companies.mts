// Two calls at once and every company, in TypeScript.

import { Client } from "codat-keys";

interface Company {
    name: string;
}

const client = new Client();
const [profile, own] = await Promise.all([client.request("GET", "/profile"), client.whoami()]);
console.log(`the companies of ${profile.json<{ name: string }>().name}, by the key ${own.name ?? own.id}:`);
for await (const company of client.pages<Company>("/companies", { pageSize: 500 }).items()) {
    console.log(company.name);
}
