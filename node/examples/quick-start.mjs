// Makes the first calls, as an ES module.

import { Client } from "codat-keys";

const client = new Client();
console.log("this is the key", (await client.whoami()).id);
for await (const company of client.pages("/companies").items()) {
    console.log(company);
}
