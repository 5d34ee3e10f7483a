/**
 * The clients, each as a function that makes a call and returns the number of results. A process imports only the
 * library of its client, because its memory is compared.
 */
const KEYS = "/apiKeys";
const PAGES = "/companies/bench/data/invoices";
const PAGE_SIZE = 3000;
const PAGE = `${PAGES}?page=1&pageSize=${PAGE_SIZE}`;

const headers = (key) => ({
    authorization: `Basic ${Buffer.from(key).toString("base64")}`,
    accept: "application/json",
});

async function codatKeysList(url, key) {
    const { Client } = await import("codat-keys");
    const client = new Client({ baseUrl: url, apiKey: key });
    return async () => (await client.keys.list()).length;
}

async function codatKeysPages(url, key) {
    const { Client } = await import("codat-keys");
    const client = new Client({ baseUrl: url, apiKey: key });
    async function* allPages() {
        // Continues with the first page after the last page.
        for (;;) yield* client.pages(PAGES, { pageSize: PAGE_SIZE });
    }
    const pages = allPages();
    return async () => (await pages.next()).value.results.length;
}

const undici = (path) => async (url, key) => {
    const { Pool } = await import("undici");
    const pool = new Pool(url);
    return async () => {
        const { statusCode, body } = await pool.request({ method: "GET", path, headers: headers(key) });
        const { results } = JSON.parse(await body.text());
        return statusCode === 200 && results.length;
    };
};

const fetchPages = (url, key) => async () => {
    const response = await fetch(url + PAGE, { headers: headers(key) });
    return response.ok && (await response.json()).results.length;
};

/** Parses a page that is requested once. */
async function jsonPages(url, key) {
    const body = await (await fetch(url + PAGE, { headers: headers(key) })).text();
    return async () => JSON.parse(body).results.length;
}

export const CLIENTS = {
    keys: {
        "codat-keys in Node": codatKeysList,
        "undici and JSON.parse": undici(KEYS),
    },
    pages: {
        "codat-keys in Node": codatKeysPages,
        "undici and JSON.parse": undici(PAGE),
        "fetch": fetchPages,
        "JSON.parse alone": jsonPages,
    },
};
