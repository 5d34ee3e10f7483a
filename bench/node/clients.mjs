/**
 * The clients, each as a function that makes a call and returns the number of results. A process imports only the
 * library of its client, because its memory is compared.
 */
const KEYS = "/apiKeys";
const PAGES = "/companies/bench/data/invoices";
const PAGE_SIZE = 3000;
// All pages of this list are read in one call.
const DISTANT = "/companies/distant/data/invoices";
const DISTANT_PAGE_SIZE = 100;
const BODY = "/attachment";
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

/** Collects the garbage after each page. The memory is then that of one page. */
async function codatKeysCollected(url, key) {
    const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([import("node:v8"), import("node:vm")]);
    setFlagsFromString("--expose-gc");
    const gc = runInNewContext("gc");
    const page = await codatKeysPages(url, key);
    return async () => {
        const results = await page();
        gc();
        return results;
    };
}

const codatKeysAllPages = (concurrency) => async (url, key) => {
    const { Client } = await import("codat-keys");
    const client = new Client({ baseUrl: url, apiKey: key });
    return async () => {
        let results = 0;
        const pages = client.pages(DISTANT, { pageSize: DISTANT_PAGE_SIZE, concurrency });
        for await (const page of pages) results += page.results.length;
        return results;
    };
};

async function codatKeysDownload(url, key) {
    const { Client } = await import("codat-keys");
    const { open } = await import("node:fs/promises");
    const client = new Client({ baseUrl: url, apiKey: key });
    return async () => {
        const file = await open(process.env.BENCH_FILE, "w");
        try {
            const { body } = await client.stream("GET", BODY);
            let bytes = 0;
            for await (const chunk of body) bytes += (await file.write(chunk)).bytesWritten;
            return bytes;
        } finally {
            await file.close();
        }
    };
}

async function undiciDownload(url, key) {
    const { Pool } = await import("undici");
    const { createWriteStream } = await import("node:fs");
    const pool = new Pool(url);
    return async () => {
        const file = createWriteStream(process.env.BENCH_FILE);
        await pool.stream({ method: "GET", path: BODY, headers: headers(key) }, () => file);
        return file.bytesWritten;
    };
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
    "all pages": {
        "concurrency 1": codatKeysAllPages(1),
        "concurrency 8": codatKeysAllPages(8),
    },
    download: {
        "codat-keys in Node": codatKeysDownload,
        "undici": undiciDownload,
    },
    pages: {
        "codat-keys in Node": codatKeysPages,
        "undici and JSON.parse": undici(PAGE),
        "codat-keys, collected": codatKeysCollected,
        "fetch": fetchPages,
        "JSON.parse alone": jsonPages,
    },
};
