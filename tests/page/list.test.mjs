// The table: the properties of keys, escaped names, search, and changes from other tabs.
import assert from "node:assert/strict";
import { test } from "node:test";

import { button, clipboard, inBothLooks, link, open, rowOf, says, signedIn } from "./support/browser.mjs";
import { emulator, named, portal } from "./support/programs.mjs";
import { WORDS } from "./support/words.mjs";

const words = WORDS.en;

/** Creates a key, and waits until the page reports it. */
async function create(page, name) {
    await page.getByLabel(words.name, { exact: true }).fill(name);
    await page.getByRole("button", { name: words.create, exact: true }).click();
    await page.getByRole("status").filter({ hasText: words.created }).getByText(name, { exact: true }).waitFor();
}

/** Returns the names in the visible rows. */
const rows = (page) => page.locator("tbody tr:visible .name").allTextContents();

inBothLooks("the table shows the properties of each key", async (t, look, words) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await signedIn(t, api, look);
    assert.equal(await page.title(), `${words.title} · Codat`);
    const first = rowOf(page, words.noName);
    await first.getByText(words.inUse).waitFor();
    await first.getByText(`****${api.apiKey.slice(-4)}`).waitFor();
    await first.getByText("Basic ****").waitFor();
    assert.equal(await rowOf(page, "ledger").getByText(words.inUse).count(), 0);

    const date = rowOf(page, "ledger").getByRole("time");
    assert.match(
        await date.textContent(),
        { en: /^1 (month|year)s? ago$|^\d+ (months|years) ago$/, fr: /^il y a \d+ (mois|ans?)$/ }[look.language],
    );
    // 14:05 UTC in the time zone of Paris.
    const exact = { en: "1 September 2025 at 16:05", fr: "1 septembre 2025 à 16:05" }[look.language];
    assert.equal(await date.getAttribute("title"), exact);
    await page.getByRole("meter", { name: words.keys(2) }).waitFor();
});

inBothLooks("with five keys or more, names are searched while typing", async (t, look, words) => {
    const api = await emulator(t, { names: ["Ledger", "ledger two", "other"] });
    const page = await signedIn(t, api, look);
    assert.equal(await page.getByRole("searchbox").count(), 0, "four keys");
    await api.holds([named("Ledger", 0), named("ledger two", 1), named("other", 2), named("Élan", 3)]);
    await page.reload();
    const field = page.getByRole("searchbox", { name: words.search });
    await field.pressSequentially("LEDG");
    assert.deepEqual(await rows(page), ["Ledger", "ledger two"]);
    await field.fill("élan");
    assert.deepEqual(await rows(page), ["Élan"]);
    await field.fill("absent");
    await says(page, words.nothingFound);
    assert.deepEqual(await rows(page), []);
    await field.fill("other");
    await field.press("Enter");
    await link(page, words.everything).waitFor();
    assert.equal(new URL(page.url()).search, "?name=other");
    await link(page, words.everything).click();
    await page.waitForURL(api.page);
    assert.equal((await rows(page)).length, 4);
});

test("names are escaped", async (t) => {
    const names = [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "abc\u202Etxt.exe",
        "🔑 clé & ключ",
        "a\u0007b\nc",
        "ab\u200Bcd",
        "W".repeat(50),
    ];
    const api = await emulator(t, { names });
    const page = await signedIn(t, api, { width: 360 });
    const dialogs = [];
    page.on("dialog", (dialog) => dialogs.push(dialog.dismiss()));
    await page.reload();
    assert.deepEqual(await rows(page), [
        names[0],
        names[1],
        "abc\\u{202e}txt.exe",
        names[3],
        "a\\u{7}b\\u{a}c",
        "ab\\u{200b}cd",
        names[6],
    ]);
    assert.equal(await page.locator("main script, main img").count(), 0);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "a long word wraps");

    for (const name of [names[0], names[1]]) {
        await link(rowOf(page, name), words.revoke).click();
        await page.getByRole("textbox").fill(name);
        await button(page, words.revokeThis).click();
        await page.getByRole("status").filter({ hasText: name }).waitFor();
    }
    assert.ok(!(await api.names()).some((name) => name?.includes("alert")));
    assert.deepEqual(dialogs, []);
});

test("the search continues from the name in the address", async (t) => {
    const api = await emulator(t, { names: ["one", "two", "three", "four"] });
    const page = await signedIn(t, api);
    await page.getByRole("searchbox").fill("one");
    await page.keyboard.press("Enter");
    await page.waitForURL(/name=one/);
    await rowOf(page, "two").waitFor({ state: "hidden" });
    await page.getByRole("searchbox").fill("two");
    await rowOf(page, "two").waitFor();
    await page.getByRole("searchbox").fill("absent");
    await page.getByRole("status").filter({ hasText: words.nothingFound }).waitFor();
});

test("a key in the search field does not become part of the address", async (t) => {
    const api = await emulator(t, { names: ["one", "two", "three", "four"] });
    const page = await signedIn(t, api);
    const before = page.url();
    await page.getByRole("searchbox").fill(api.apiKey);
    await page.keyboard.press("Enter");
    await page.getByRole("status").filter({ hasText: words.nothingFound }).waitFor();
    await page.getByRole("searchbox").fill("one");
    await page.keyboard.press("Enter");
    await page.waitForURL(/name=one/);
    await page.goBack();
    assert.equal(page.url(), before, "the search for the key is not in the history");
});

test("the selected language is kept", async (t) => {
    const api = await emulator(t);
    const page = await signedIn(t, api);
    await link(page, "Français").click();
    await page.getByRole("heading", { name: WORDS.fr.title, exact: true }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "fr");
    await page.reload();
    await says(page, WORDS.fr.keys(1));
    await link(page, "English").click();
    await says(page, WORDS.en.keys(1));
});

test("a key that one tab has revoked is reported as missing in another tab", async (t) => {
    const api = await emulator(t, { names: ["ledger", "doomed"] });
    const one = await signedIn(t, api);
    const other = await one.context().newPage();
    await other.goto(api.page);

    await link(rowOf(one, "doomed"), words.revoke).click();
    await one.getByRole("textbox").fill("doomed");
    await button(one, words.revokeThis).click();
    await says(one, words.revoked);

    await other.bringToFront();
    await button(rowOf(other, "doomed"), words.copyKey).click();
    await says(other, /no such key or resource/);
    await link(rowOf(other, "doomed"), words.revoke).click();
    await says(other, words.notFound);
    assert.equal(await other.getByText(words.revoked).count(), 0, "this tab has revoked nothing");
    assert.deepEqual(await api.names(), [null, "ledger"]);
});

test("two tabs that create keys at the same time show only their own key", async (t) => {
    const api = await emulator(t);
    const one = await signedIn(t, api);
    const other = await one.context().newPage();
    await other.goto(api.page);

    // Both scripts request their keys only after both keys were created.
    const asks = (page) => new Promise((asked) => page.route(/\/created$/, asked));
    const [oneAsks, otherAsks] = [asks(one), asks(other)];
    await create(one, "first");
    await create(other, "second");

    await (await oneAsks).continue();
    await says(one, words.notFetched);
    await (await otherAsks).continue();
    await other
        .locator(".secret")
        .getByText(/^\w{40}$/)
        .waitFor();
    const [, first, second] = await api.keys();
    assert.equal(await one.locator(".secret").textContent(), first.apiKey);
    assert.equal((await other.locator(".secret").textContent()).slice(-4), second.apiKey.slice(-4));
});

test("the page of `portal --demo` shows the example keys", async (t) => {
    const local = await portal(t);
    const page = await open(t);
    await page.goto(local.link);
    await page.waitForURL(local.page);
    await says(page, words.keys(5));
    await button(rowOf(page, "data-warehouse"), words.copyKey).click();
    await says(page, words.keyCopied);
    assert.match(await clipboard(page), /^\w+$/);
});
