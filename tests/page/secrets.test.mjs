// Only three responses contain keys or headers, and no other response or storage does.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { open, rowOf, says, signedIn } from "./support/browser.mjs";
import { emulator, PATH, portal } from "./support/programs.mjs";
import { WORDS } from "./support/words.mjs";

const words = WORDS.en;
const NAMES = ["ledger", "doomed"];

/** The only requests whose responses contain a secret. */
const HAND_OUT = ["POST /keys/{id}/key", "POST /keys/{id}/header", "POST /keys/{id}/created"];
const ROUTES = [
    "GET ",
    "GET /",
    "GET ?name=ledger",
    "GET /keys/{id}/revoke",
    "GET /language/en",
    "GET /open/guessed",
    "GET /portal.css",
    "GET /portal.js",
    "GET /icon.svg",
    ...HAND_OUT,
    "POST /keys",
    "POST /keys/{id}/revoke",
    "POST /dismiss",
    // These routes are last, because they end the session.
    "POST /sign-in",
    "POST /sign-out",
];

/** Returns all encodings in which a key or its header could occur. */
function formsOf(key) {
    const base64 = Buffer.from(key).toString("base64");
    const twice = Buffer.from(`Basic ${base64}`).toString("base64");
    const bare = base64.replace(/=+$/, "");
    return [key, bare, twice, encodeURIComponent(key), encodeURIComponent(base64), Buffer.from(key).toString("hex")];
}

const found = (text, keys) => keys.flatMap(formsOf).filter((form) => text.includes(form));

/** Records everything that a window receives from now on, except the responses that contain a secret. */
function received(page) {
    const texts = [];
    page.context().on("response", async (response) => {
        if (!/\/(key|header|created)$/.test(response.url())) {
            const body = await response.text().catch(() => "");
            texts.push(`${response.url()} ${JSON.stringify(response.headers())} ${body}`);
        }
    });
    return texts;
}

/** Returns the storage, the title and the address of a window. */
const kept = async (page) => JSON.stringify(await page.context().storageState()) + (await page.title()) + page.url();

/** Opens all pages that a user who manages keys can see without requesting a key. */
async function lookAround(page) {
    await rowOf(page, "doomed").getByRole("link", { name: words.revoke }).click();
    await page.getByRole("textbox").fill("wrong");
    await page.getByRole("button", { name: words.revokeThis }).click();
    await says(page, words.notConfirmed);
    await page.getByRole("textbox").fill("doomed");
    await page.getByRole("button", { name: words.revokeThis }).click();
    await says(page, words.revoked);
    await page.getByLabel(words.name, { exact: true }).fill("made");
    await page.getByRole("button", { name: words.create, exact: true }).click();
    await page
        .locator(".secret")
        .getByText(/^\w{40}$/)
        .waitFor();
}

test("no page of any role contains a key or a header, nor do its files, cookies and log", async (t) => {
    for (const role of ["Administrator", "Developer", "Onboarding", "Advisor", "Analyst"]) {
        const api = await emulator(t, { names: NAMES });
        const page = await open(t);
        const texts = received(page);
        await page.goto(api.page);
        await page.getByRole("button", { name: role }).click();
        await page.getByText(`· ${role}`).waitFor();
        const keys = [api.apiKey, "MadeUpKeyOfTheTest0", "MadeUpKeyOfTheTest1"];
        if (["Administrator", "Developer"].includes(role)) {
            await lookAround(page);
            keys.push(await page.locator(".secret").textContent());
        }
        await page.reload();
        assert.ok(texts.length >= 4, "the page, its script, its style");
        const log = api.program.said.split("\n").slice(1).join("\n");
        assert.deepEqual(found([...texts, await page.content(), await kept(page), log].join("\n"), keys), [], role);
    }
});

test("the page of `portal` contains no key and no header", async (t) => {
    const api = await emulator(t, { names: NAMES });
    const local = await portal(t, api);
    const page = await open(t);
    const texts = received(page);
    await page.goto(local.link);
    await page.waitForURL(local.page);
    await lookAround(page);
    const keys = [
        api.apiKey,
        "MadeUpKeyOfTheTest0",
        "MadeUpKeyOfTheTest1",
        await page.locator(".secret").textContent(),
    ];
    await page.reload();
    assert.deepEqual(
        found([...texts, await page.content(), await kept(page), local.program.said].join("\n"), keys),
        [],
    );
});

test("only three routes return a secret", async (t) => {
    const source = readFileSync(new URL("../../crates/portal/src/routes.rs", import.meta.url), "utf8");
    const inSource = [...source.matchAll(/\.route\(&at\("([^"]*)"\)/g)].map(([, path]) => path);
    const listed = ROUTES.map((route) =>
        route.split(" ")[1].replace(/\?.*/, "").replace("/en", "/{code}").replace("guessed", "{token}"),
    );
    assert.deepEqual(
        [...new Set(listed)].filter(Boolean).sort(),
        [...new Set(inSource)].sort(),
        "a route is not listed here",
    );

    const api = await emulator(t, { names: NAMES });
    const page = await signedIn(t, api);
    await page.route(/\/created$/, (route) => route.abort());
    const refused = page.waitForEvent("requestfailed");
    await page.getByLabel(words.name, { exact: true }).fill("made");
    await page.getByRole("button", { name: words.create, exact: true }).click();
    await refused;
    await page.unroute(/\/created$/);
    const { id } = (await api.keys()).at(-1);
    const send = (route) => page.evaluate(sendAsScript, [...route.replace("{id}", id).split(" "), PATH]);
    const keys = [api.apiKey, "MadeUpKeyOfTheTest0", "MadeUpKeyOfTheTest1", await send(HAND_OUT[0])];
    const handedOut = [];
    for (const route of ROUTES) {
        if (found(await send(route), keys).length) {
            handedOut.push(route);
        }
    }
    assert.deepEqual(handedOut, HAND_OUT);
});

/** Runs in the page: sends a request as the page's script does, and returns the response. */
async function sendAsScript([method, path, root]) {
    const token = document.querySelector("input[name=token]").value;
    const body = new URLSearchParams({ token, name: "x", confirm: "no", role: "no" });
    const answer = await fetch(root + path, { method, body: method === "POST" ? body : undefined });
    return answer.text();
}
