// Two calls at once and every page of companies, in CommonJS.

const { Client } = require("codat-keys");

async function main() {
    const client = new Client();
    const [profile, own] = await Promise.all([client.request("GET", "/profile"), client.whoami()]);
    console.log(`the companies of ${profile.json().name}, by the key ${own.name ?? own.id}:`);
    for await (const page of client.pages("/companies", { pageSize: 500 })) {
        for (const company of page.results) console.log(company.name);
    }
}

main();
