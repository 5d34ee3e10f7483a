// Without JavaScript, everything works except showing and copying keys, and the page says so.
import assert from "node:assert/strict";
import { test } from "node:test";

import { button, inBothLooks, link, open, rowOf, says, signedIn } from "./support/browser.mjs";
import { emulator, portal } from "./support/programs.mjs";
import { WORDS } from "./support/words.mjs";

const words = WORDS.en;

/** Returns the number of visible buttons that require JavaScript, after the style sheet has loaded. */
async function tools(page) {
    await page.waitForLoadState("load");
    return page.locator("button[data-does]:visible").count();
}

inBothLooks("without JavaScript, keys can be created, searched and revoked", async (t, look, words) => {
    const api = await emulator(t, { names: ["one", "two", "three"] });
    const page = await signedIn(t, api, { ...look, script: false });
    assert.match(await page.locator("noscript p").innerText(), new RegExp(words.needsScript));
    assert.equal(await page.locator("#name-count").isVisible(), false, "no script counts the characters");
    assert.equal(await tools(page), 0, "what needs a script is not offered");

    await page.getByLabel(words.name, { exact: true }).fill("made");
    await page.getByRole("button", { name: words.create, exact: true }).click();
    await says(page, words.created);
    assert.equal(await tools(page), 0);
    assert.deepEqual(await api.names(), [null, "one", "two", "three", "made"]);

    await page.getByRole("searchbox").fill("T");
    await button(page.getByRole("search"), words.find).click();
    await rowOf(page, "two").waitFor();
    assert.equal(await rowOf(page, "one").count(), 0);
    await page.getByRole("searchbox").fill("absent");
    await button(page.getByRole("search"), words.find).click();
    await says(page, words.nothingFound);
    await link(page, words.everything).click();

    await link(rowOf(page, "two"), words.revoke).click();
    await page.getByRole("textbox").fill("wrong");
    await button(page, words.revokeThis).click();
    await says(page, words.notConfirmed);
    await page.getByRole("textbox").fill("two");
    await button(page, words.revokeThis).click();
    await says(page, words.revoked);
    assert.deepEqual(await api.names(), [null, "one", "three", "made"]);
    const exact = { en: "1 September 2025 at 14:05 UTC", fr: "1er septembre 2025 à 14:05 UTC" }[look.language];
    assert.equal(await rowOf(page, "one").locator("time").getAttribute("title"), exact);
});

test("without JavaScript, an unknown outcome can be resumed", async (t) => {
    const api = await emulator(t);
    const page = await signedIn(t, api, { script: false });
    await api.failsWith({ method: "POST", path: "/apiKeys", fault: "drop-after", count: 4 });
    await page.getByLabel(words.name, { exact: true }).fill("made");
    await page.getByRole("button", { name: words.create, exact: true }).click();
    await says(page, words.mayBeCreated);
    await button(page, words.checkAgain).click();
    await says(page, words.created);
    assert.deepEqual(await api.names(), [null, "made"]);
});

test("without JavaScript, a link opens the page, and a visitor can sign out", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const local = await portal(t, api);
    const page = await open(t, { script: false });
    await page.goto(local.link);
    await page.waitForURL(local.page);
    await rowOf(page, "ledger").waitFor();
    await link(page, "Français").click();
    await says(page, WORDS.fr.keys(2));

    const user = await signedIn(t, api, { script: false });
    await button(user, words.signOut).click();
    await says(user, words.who);
});
