// Showing a key: the key is hidden after 30 seconds, and when the visitor leaves the tab.
import assert from "node:assert/strict";
import { test } from "node:test";

import { button, inBothLooks, rowOf, says, signedIn } from "./support/browser.mjs";
import { emulator, PATH } from "./support/programs.mjs";
import { WORDS } from "./support/words.mjs";

const KEYS = ["MadeUpKeyOfTheTest0", "MadeUpKeyOfTheTest1"];
const MASKED = "****est0";
const words = WORDS.en;

/** Opens a page whose clock only the test advances. */
async function withClock(t, look) {
    const api = await emulator(t, { names: ["ledger", "other"] });
    const page = await signedIn(t, api, look);
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 60_000);
    await page.reload();
    return page;
}

/** Shows the key with this name, and waits until the page contains it. */
async function show(page, name, key, words) {
    await button(rowOf(page, name), words.show).click();
    await page.getByText(key, { exact: true }).waitFor();
}

async function holdsNoKey(page) {
    const html = await page.content();
    assert.ok(KEYS.every((key) => !html.includes(key)));
}

/** Simulates a switch to another tab, because a test cannot make the browser hide a tab. */
const hide = (page) =>
    page.evaluate(() => {
        Object.defineProperty(document, "hidden", { value: true, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
    });

inBothLooks("a key is shown for 30 seconds", async (t, look, words) => {
    const page = await withClock(t, look);
    await show(page, "ledger", KEYS[0], words);
    const pressed = rowOf(page, "ledger").locator(".shows");
    assert.match(await pressed.textContent(), new RegExp(words.hide(30).replace(/[()]/g, "\\$&")));

    await page.clock.runFor(29_000);
    assert.match(await pressed.textContent(), new RegExp(words.hide(1).replace(/[()]/g, "\\$&")));
    assert.equal(await page.getByText(KEYS[0], { exact: true }).count(), 1);

    await page.clock.runFor(1_000);
    await says(page, words.hidden);
    await rowOf(page, "ledger").getByText(MASKED).waitFor();
    await holdsNoKey(page);
});

test("a key is hidden when the computer wakes up after the 30 seconds", async (t) => {
    const page = await withClock(t);
    await show(page, "ledger", KEYS[0], words);
    await page.clock.fastForward(3_600_000);
    await rowOf(page, "ledger").getByText(MASKED).waitFor();
    await holdsNoKey(page);
});

test("a shown key is hidden with its tab", async (t) => {
    const page = await withClock(t);
    await show(page, "ledger", KEYS[0], words);
    await hide(page);
    await holdsNoKey(page);
});

test("a key that arrives after the tab was hidden is not shown", async (t) => {
    const page = await withClock(t);
    let answer;
    const held = new Promise((resolve) => {
        page.route(/\/key$/, (route) => {
            answer = () => route.continue();
            resolve();
        });
    });
    await button(rowOf(page, "ledger"), words.show).click();
    await held;
    await hide(page);
    const answered = page.waitForResponse(/\/key$/);
    await answer();
    await (await answered).finished();
    await says(page, words.hidden);
    await holdsNoKey(page);
});

test("a shown key is hidden when the visitor leaves the page, and stays hidden after navigating back", async (t) => {
    const page = await withClock(t);
    await show(page, "ledger", KEYS[0], words);
    await page.evaluate(() => window.dispatchEvent(new PageTransitionEvent("pagehide")));
    await holdsNoKey(page);

    await show(page, "ledger", KEYS[0], words);
    await rowOf(page, "ledger").getByRole("link").click();
    await page.waitForURL(/revoke$/);
    await page.goBack();
    await page.waitForURL((url) => url.pathname === PATH);
    await rowOf(page, "ledger").getByText(MASKED).waitFor();
    await holdsNoKey(page);
});

test("a shown key can be hidden early", async (t) => {
    const page = await withClock(t);
    await show(page, "ledger", KEYS[0], words);
    await button(rowOf(page, "ledger"), words.hideNow).click();
    await rowOf(page, "ledger").getByText(MASKED).waitFor();
    assert.equal(await page.locator(".shows").count(), 0);
    await holdsNoKey(page);
});

test("one key is shown at a time", async (t) => {
    const page = await withClock(t);
    await show(page, "ledger", KEYS[0], words);
    await show(page, "other", KEYS[1], words);
    assert.equal(await page.getByText(KEYS[0]).count(), 0);
    assert.equal(await page.locator(".shows").count(), 1);
});

test("a second click does not change what is shown", async (t) => {
    const page = await withClock(t);
    await button(rowOf(page, "ledger"), words.show).evaluate((show) => {
        show.click();
        show.click();
    });
    await page.getByText(KEYS[0], { exact: true }).waitFor();
    await button(rowOf(page, "ledger"), words.hideNow).click();
    await rowOf(page, "ledger").getByText(MASKED).waitFor();
    await button(rowOf(page, "ledger"), words.show).waitFor();
    await holdsNoKey(page);
});

test("a new key is shown when its tab becomes visible", async (t) => {
    const page = await withClock(t);
    await page.addInitScript(() => {
        Object.defineProperty(document, "hidden", { value: true, configurable: true });
    });
    await page.getByLabel(words.name, { exact: true }).fill("made");
    await page.getByRole("button", { name: words.create, exact: true }).click();
    await says(page, words.created);
    await page
        .locator(".secret")
        .getByText(/^\*{4}/)
        .waitFor();
    await page.evaluate(() => {
        delete document.hidden;
        document.dispatchEvent(new Event("visibilitychange"));
    });
    await page
        .locator(".secret")
        .getByText(/^\w{40}$/)
        .waitFor();
    await hide(page);
    await page
        .locator(".secret")
        .getByText(/^\*{4}/)
        .waitFor();
});
