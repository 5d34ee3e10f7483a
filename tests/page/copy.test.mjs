// Copying: the clipboard contains the key or the header, and the page contains neither.
import assert from "node:assert/strict";
import { test } from "node:test";

import { button, clipboard, inBothLooks, open, rowOf, says, signedIn, signIn } from "./support/browser.mjs";
import { emulator, portal } from "./support/programs.mjs";
import { WORDS } from "./support/words.mjs";

const KEY = "MadeUpKeyOfTheTest0";
const words = WORDS.en;

inBothLooks("a key and its header are copied", async (t, look, words) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await signedIn(t, api, look);
    const row = rowOf(page, "ledger");

    await button(row, words.copyKey).click();
    await says(page, words.keyCopied);
    assert.equal(await clipboard(page), KEY);

    await button(row, words.copyHeader).click();
    await says(page, words.headerCopied);
    assert.equal(await clipboard(page), `Basic ${btoa(KEY)}`);
    assert.ok(!(await page.content()).includes(KEY));
});

test("a key without a name is copied", async (t) => {
    const api = await emulator(t);
    const page = await signedIn(t, api);
    await button(rowOf(page, words.noName), words.copyKey).click();
    await says(page, words.keyCopied);
    assert.equal(await clipboard(page), api.apiKey);
});

test("keys are copied on the page of `portal`", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const local = await portal(t, api);
    const page = await open(t);
    await page.goto(local.link);
    await button(rowOf(page, "ledger"), words.copyKey).click();
    await says(page, words.keyCopied);
    assert.equal(await clipboard(page), KEY);
});

test("a response without a key is not copied", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await signedIn(t, api);
    const other = await page.context().newPage();
    await page.evaluate(() => navigator.clipboard.writeText("what was there before"));

    await other.goto(api.page);
    await button(other, words.signOut).click();
    await says(other, words.who);
    await page.bringToFront();
    await button(rowOf(page, "ledger"), words.copyKey).click();
    await says(page, words.notFetched);
    assert.equal(await clipboard(page), "what was there before");

    await signIn(other, api, "Analyst");
    await page.bringToFront();
    await button(rowOf(page, "ledger"), words.copyKey).click();
    await says(page, words.notFetched);
    assert.equal(await clipboard(page), "what was there before");
});

test("a deleted key and an error of the API are reported", async (t) => {
    const api = await emulator(t, { names: ["ledger", "doomed"] });
    const page = await signedIn(t, api);
    await api.holds([{ name: "ledger", apiKey: KEY }]);
    await button(rowOf(page, "doomed"), words.copyKey).click();
    await says(page, /no such key or resource/);
    await api.failsWith({ fault: "status", status: 401, count: 10 });
    await button(rowOf(page, "ledger"), words.copyHeader).click();
    await says(page, /Codat does not accept the API key/);
});

test("a rejection of the copy by the browser is reported", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await signedIn(t, api);
    await page.evaluate(() => {
        navigator.clipboard.writeText = () => Promise.reject(new Error("refused"));
    });
    await button(rowOf(page, "ledger"), words.copyKey).click();
    await says(page, words.notCopied);
});
