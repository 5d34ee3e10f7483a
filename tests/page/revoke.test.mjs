// Revocation: it requires a confirmation, and the last key cannot be revoked.
import assert from "node:assert/strict";
import { test } from "node:test";

import { button, inBothLooks, link, open, rowOf, says, signedIn } from "./support/browser.mjs";
import { emulator, portal } from "./support/programs.mjs";
import { WORDS } from "./support/words.mjs";

const words = WORDS.en;

/** Opens the confirmation page for the key with this name. */
async function ask(page, name, words) {
    await link(rowOf(page, name), words.revoke).click();
    await page.getByRole("heading", { name: words.revokeThis }).waitFor();
}

/** Types the confirmation and submits it. Waits for the load event, because the next page can have the same text. */
async function confirm(page, typed, words) {
    const loaded = page.waitForEvent("load");
    await page.getByRole("textbox").fill(typed);
    await button(page, words.revokeThis).click();
    await loaded;
}

inBothLooks("a revocation is confirmed by the name or by the last four characters", async (t, look, words) => {
    const api = await emulator(t, { names: ["ledger", "other", "kept"] });
    const page = await signedIn(t, api, look);
    await ask(page, "ledger", words);
    await page.getByLabel(words.confirm).and(page.locator(":focus")).waitFor();
    await confirm(page, "ledger", words);
    await says(page, words.revoked);
    assert.deepEqual(await api.names(), [null, "other", "kept"]);

    await ask(page, "other", words);
    await confirm(page, "est1", words);
    await says(page, words.revoked);
    assert.deepEqual(await api.names(), [null, "kept"]);
    await page.reload();
    assert.equal(await page.getByText(words.revoked).count(), 0);
    assert.equal((await api.requests("DELETE")).length, 2);
});

inBothLooks("a wrong confirmation or a navigation back revokes no key", async (t, look, words) => {
    const api = await emulator(t, { names: ["ledger", "other"] });
    const page = await signedIn(t, api, look);
    await ask(page, "ledger", words);
    for (const wrong of ["other", "LEDGER", "est1", "MadeUpKeyOfTheTest0"]) {
        await confirm(page, wrong, words);
        await says(page, words.notConfirmed);
    }
    await link(page, words.cancel).click();
    await rowOf(page, "ledger").waitFor();
    assert.deepEqual(await api.names(), [null, "ledger", "other"]);
    assert.equal((await api.requests("DELETE")).length, 0);
});

inBothLooks("revoking the key in use requires the checkbox", async (t, look, words) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await signedIn(t, api, look);
    await rowOf(page, words.noName).getByText(words.inUse).waitFor();
    await ask(page, words.noName, words);
    await says(page, words.usesItself);
    assert.equal(await page.getByLabel(words.confirm).count(), 0, "it has no name to type");
    await page.getByLabel(words.confirmKey).fill(api.apiKey.slice(-4));
    await button(page, words.revokeThis).click();
    assert.equal((await api.requests("DELETE")).length, 0, "the box is not ticked");
    await page.getByLabel(words.allSame).check();
    await button(page, words.revokeThis).click();
    await says(page, words.revoked);
    assert.deepEqual(await api.names(), ["ledger"]);
    await rowOf(page, "ledger").getByText(words.inUse).waitFor();
});

inBothLooks("the last key cannot be revoked, and the page shows the reason", async (t, look, words) => {
    const api = await emulator(t);
    const page = await signedIn(t, api, look);
    const row = rowOf(page, words.noName);
    await row.getByText(words.lastKey).waitFor();
    assert.equal(await link(row, words.revoke).count(), 0);

    const [{ id }] = await api.keys();
    await page.goto(`${api.page}/keys/${id}/revoke`);
    await says(page, words.lastKey);
    assert.equal(await button(page, words.revokeThis).count(), 0);
});

test("the page of `portal` revokes the key in use, and shows the consequence", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const local = await portal(t, api);
    const page = await open(t);
    await page.goto(local.link);
    await ask(page, words.noName, words);
    await page.getByLabel(words.allSame).check();
    await confirm(page, api.apiKey.slice(-4), words);
    await says(page, words.revoked);
    await says(page, words.unauthorized);
    assert.deepEqual(await api.names(), ["ledger"]);
});

inBothLooks(
    "an unknown outcome is said to be unknown, and checking again shows how it ended",
    async (t, look, words) => {
        const api = await emulator(t, { names: ["ledger", "kept"] });
        const page = await signedIn(t, api, look);
        await ask(page, "ledger", words);
        await api.failsWith(
            { method: "DELETE", path: "/apiKeys/*", fault: "drop-after", count: 4 },
            { method: "GET", path: "/apiKeys", skip: 2, fault: "status", status: 503, count: 20 },
        );
        await confirm(page, "ledger", words);
        await says(page, words.unknown);
        await says(page, words.mayBeRevoked);
        assert.equal(await page.getByText(words.revoked).count(), 0);
        await api.failsWith();
        await page.getByRole("alert").getByText("ledger").waitFor();
        await link(page, words.checkAgain).first().click();
        await says(page, words.revoked);
        await rowOf(page, "kept").waitFor();
        assert.equal(await rowOf(page, "ledger").count(), 0);
        assert.deepEqual(await api.names(), [null, "kept"]);
    },
);

test("a deletion with lost responses is resolved as successful", async (t) => {
    const api = await emulator(t, { names: ["ledger", "kept"] });
    const page = await signedIn(t, api);
    await ask(page, "ledger", words);
    await api.failsWith({ method: "DELETE", path: "/apiKeys/*", fault: "drop-after", count: 4 });
    await confirm(page, "ledger", words);
    await says(page, words.revoked);
    assert.deepEqual(await api.names(), [null, "kept"]);
});
