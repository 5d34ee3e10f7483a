// Keyboard: all actions are possible with Tab, Enter and Space.
import assert from "node:assert/strict";
import { test } from "node:test";

import { clipboard, open, says } from "./support/browser.mjs";
import { emulator } from "./support/programs.mjs";
import { WORDS } from "./support/words.mjs";

const words = WORDS.en;

/** Presses Tab until the focused element has this name. */
async function tabTo(page, name) {
    for (let presses = 0; presses < 60; presses++) {
        await page.keyboard.press("Tab");
        const focused = await page.evaluate(() => {
            const { labels, textContent } = document.activeElement;
            return (labels?.[0]?.textContent ?? textContent).trim().replace(/\s+/g, " ");
        });
        if (focused.startsWith(name)) {
            assert.notEqual(await outlineOfFocus(page), "none", `${name} shows that it has the focus`);
            return;
        }
    }
    assert.fail(`Tab does not reach ${name}`);
}

const outlineOfFocus = (page) => page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);

test("the keyboard can sign in, copy, show, create, revoke and change the language", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await open(t);
    await page.goto(api.page);
    await tabTo(page, "Dmitri");
    await page.keyboard.press("Enter");
    await says(page, words.keys(2));

    await tabTo(page, "Skip to the keys");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement.id === "main");
    await tabTo(page, "Copy key: no name");
    await page.keyboard.press("Space");
    await says(page, words.keyCopied);
    assert.equal(await clipboard(page), api.apiKey);

    await tabTo(page, "Show for 30 seconds: ledger");
    await page.keyboard.press("Enter");
    await says(page, "MadeUpKeyOfTheTest0");
    await page.keyboard.press("Enter");
    await says(page, words.hidden);

    await tabTo(page, "Name");
    await page.keyboard.type("made");
    await tabTo(page, "Create");
    await page.keyboard.press("Space");
    await says(page, words.created);
    assert.deepEqual(await api.names(), [null, "ledger", "made"]);

    await tabTo(page, "Revoke: no name");
    await page.keyboard.press("Enter");
    await says(page, words.usesItself);
    await page.waitForFunction(() => document.activeElement.name === "in_use");
    await page.keyboard.press("Space");
    await page.keyboard.press("Tab");
    await page.keyboard.type(api.apiKey.slice(-4));
    await tabTo(page, words.revokeThis);
    await page.keyboard.press("Enter");
    await says(page, words.revoked);
    assert.deepEqual(await api.names(), ["ledger", "made"]);

    await tabTo(page, "Français");
    await page.keyboard.press("Enter");
    await says(page, WORDS.fr.keys(2));
    await tabTo(page, "Se déconnecter");
    await page.keyboard.press("Space");
    await says(page, WORDS.fr.who);
});
