// Writes all companies to a file, and continues after errors.

import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout } from "node:timers/promises";

import { Client, CodatError } from "codat-keys";

const FIRST_WAIT = 1_000; // milliseconds
const LAST_WAIT = 1_000_000;

const client = new Client();
const pages = client.pages("/companies", { pageSize: 2, orderBy: "created", concurrency: 4 });
const companies = pages.items();

async function* lines() {
    let wait = FIRST_WAIT;
    for (;;) {
        try {
            for await (const company of companies) {
                yield `${JSON.stringify(company)}\n`;
                wait = FIRST_WAIT;
            }
            return;
        } catch (error) {
            if (!(error instanceof CodatError && error.retryable) || wait > LAST_WAIT) throw error;
            await setTimeout(Math.max(wait, error.retryAfter ?? 0));
            wait *= 10;
        }
    }
}

await pipeline(Readable.from(lines()), createWriteStream("companies.jsonl"));
console.log("complete:", !pages.totalChanged);
