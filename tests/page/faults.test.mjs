// Errors of Codat: the page shows what is known and how to continue.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { button, inBothLooks, link, open, says, signedIn } from "./support/browser.mjs";
import { emulator, portal } from "./support/programs.mjs";
import { WORDS } from "./support/words.mjs";

const words = WORDS.en;

/** A fault that outlasts all retries. */
const always = (fault) => ({ count: 50, ...fault });

inBothLooks("an error has its correlation id and a button to retry", async (t, look, words) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await signedIn(t, api, look);
    await api.failsWith(always({ method: "GET", fault: "status", status: 503 }));
    await page.reload();
    const alert = page.getByRole("alert").filter({ hasText: words.server });
    const last = (await api.journal()).at(-1);
    await alert.getByText(words.correlation).waitFor();
    await alert.getByText(last.correlationId).waitFor();
    await api.failsWith();
    await link(page, words.tryAgain).click();
    await says(page, words.keys(2));
});

for (const [what, fault, said] of [
    ["a key that is refused", { fault: "status", status: 401 }, "unauthorized"],
    ["an answer of a proxy", { fault: "html" }, "badAnswer"],
    ["an answer that is no JSON", { fault: "garbage" }, "badAnswer"],
]) {
    inBothLooks(`${what} is said to be that`, async (t, look, words) => {
        const api = await emulator(t);
        const page = await signedIn(t, api, look);
        await api.failsWith(always(fault));
        await page.reload();
        await page.getByRole("alert").filter({ hasText: words[said] }).waitFor();
        await link(page, words.tryAgain).waitFor();
    });
}

inBothLooks("a 429 is shown with the time to wait", async (t, look, words) => {
    const api = await emulator(t);
    const page = await signedIn(t, api, look);
    await api.failsWith(always({ fault: "status", status: 429, retryAfter: "3600" }));
    await page.reload();
    await says(page, words.limited);
    await says(page, words.wait("60 min"));
});

test("a create that certainly failed is reported, and the typed name is kept", async (t) => {
    const api = await emulator(t);
    const page = await signedIn(t, api);
    await api.failsWith(always({ method: "POST", fault: "status", status: 403 }));
    await page.getByLabel(words.name, { exact: true }).fill("billing");
    await page.getByRole("button", { name: words.create, exact: true }).click();
    await says(page, "The API key may not do this.");
    assert.equal(await page.getByLabel(words.name, { exact: true }).inputValue(), "billing");
    assert.deepEqual(await api.names(), [null]);
});

test("Codat's messages are escaped", async (t) => {
    const api = await emulator(t);
    const page = await signedIn(t, api);
    const error = "<b>no</b> \u202E\u0007";
    await api.failsWith(always({ method: "GET", fault: "status", status: 400, body: { error, correlationId: "<i>" } }));
    await page.reload();
    const alert = page.getByRole("alert");
    await alert.getByText("<b>no</b> \\u{202e}").waitFor();
    assert.equal(await alert.locator("b, i").count(), 0);
});

inBothLooks("a failed connection is reported", async (t, look, words) => {
    const gone = createServer();
    await new Promise((listening) => gone.listen(0, "127.0.0.1", listening));
    const baseUrl = `http://127.0.0.1:${gone.address().port}`;
    await new Promise((closed) => gone.close(closed));
    const local = await portal(t, { baseUrl, apiKey: "MadeUpKeyNotInUse" });
    const page = await open(t, look);
    await page.goto(local.link);
    await says(page, words.connect);
    await link(page, words.tryAgain).waitFor();
});

test("the page recovers when Codat is available again", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await signedIn(t, api);
    await api.failsWith({ method: "GET", fault: "status", status: 503 }, { method: "GET", fault: "drop-after" });
    await page.reload();
    await says(page, /of 10 keys|Codat failed to process the request/);
    await page.reload();
    await says(page, words.keys(2));
    await button(page, words.signOut).waitFor();
});
