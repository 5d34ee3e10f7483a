// Creation: one key is created and shown once, and unknown outcomes are reported.
import assert from "node:assert/strict";
import { test } from "node:test";

import { button, clipboard, inBothLooks, link, open, rowOf, says, signedIn } from "./support/browser.mjs";
import { emulator, named, portal } from "./support/programs.mjs";
import { WORDS } from "./support/words.mjs";

const words = WORDS.en;

/** Fills the form and submits it. */
async function create(page, name, words) {
    await page.getByLabel(words.name, { exact: true }).fill(name);
    await page.getByRole("button", { name: words.create, exact: true }).click();
}

inBothLooks("a key is created, and shown and copied once", async (t, look, words) => {
    const api = await emulator(t);
    const page = await signedIn(t, api, look);
    await page.clock.install();
    await create(page, "billing", words);
    await says(page, words.created);
    assert.deepEqual(await api.names(), [null, "billing"]);
    const notice = page.getByRole("status").filter({ hasText: words.created });

    await button(notice, words.copyKey).click();
    await says(page, words.keyCopied);
    const key = await clipboard(page);
    assert.match(key, /^[A-Za-z0-9]{40}$/);
    assert.equal(await notice.locator(".secret").textContent(), key);
    await button(notice, words.copyHeader).click();
    await says(page, words.headerCopied);
    assert.equal(await clipboard(page), `Basic ${btoa(key)}`);
    const asIt = await fetch(`${api.baseUrl}/apiKeys`, { headers: { authorization: `Basic ${btoa(key)}` } });
    assert.equal(asIt.status, 200);

    await page.clock.runFor(30_000);
    await says(page, words.hidden);
    assert.ok(!(await page.content()).includes(key));
    assert.ok(await button(notice, words.copyKey).isDisabled());
    await page.reload();
    await rowOf(page, "billing").waitFor();
    assert.equal(await page.getByText(words.created).count(), 0);
    assert.deepEqual(await api.names(), [null, "billing"]);
});

inBothLooks("characters are counted, and at most 50 can be typed", async (t, look, words) => {
    const api = await emulator(t);
    const page = await signedIn(t, api, look);
    const field = page.getByLabel(words.name, { exact: true });
    await says(page, words.count(0));
    await field.pressSequentially("abc");
    await says(page, words.count(3));
    await field.fill("");
    await field.pressSequentially("x".repeat(52));
    await says(page, words.count(50));

    await create(page, "x".repeat(50), words);
    await says(page, words.created);
    await field.evaluate((field) => field.removeAttribute("maxlength"));
    await create(page, "y".repeat(51), words);
    await says(page, words.badName);
    assert.equal(await field.inputValue(), "y".repeat(51), "what was typed is there to be corrected");
    assert.deepEqual(await api.names(), [null, "x".repeat(50)]);
    assert.equal((await api.requests("POST")).length, 1);
});

test("two keys can have the same name", async (t) => {
    const api = await emulator(t, { names: ["twin"] });
    const page = await signedIn(t, api);
    await create(page, "twin", words);
    await says(page, words.created);
    assert.deepEqual(await api.names(), [null, "twin", "twin"]);
});

inBothLooks("no key can be created at the limit, and the meter shows it", async (t, look, words) => {
    const nine = Array.from({ length: 8 }, (_, place) => `key ${place}`);
    const api = await emulator(t, { names: nine });
    const page = await signedIn(t, api, look);
    assert.equal(await page.getByRole("meter", { name: words.keys(9) }).count(), 1);
    await create(page, "the tenth", words);
    await says(page, words.keys(10));
    await says(page, words.full);
    assert.equal(await page.getByLabel(words.name, { exact: true }).count(), 0);
});

test("another client creates the tenth key first", async (t) => {
    const api = await emulator(t);
    const page = await signedIn(t, api);
    await api.holds(Array.from({ length: 9 }, (_, place) => named(`key ${place}`, place)));
    await create(page, "late", words);
    await says(page, "The account has 10 keys already");
    assert.ok(!(await api.names()).includes("late"));
});

inBothLooks(
    "an unknown outcome is said to be unknown, and checking again makes no second key",
    async (t, look, words) => {
        const api = await emulator(t);
        const page = await signedIn(t, api, look);
        await api.failsWith({ method: "POST", path: "/apiKeys", fault: "drop-after", count: 4 });
        await create(page, "billing", words);
        const alert = page.getByRole("alert").filter({ hasText: words.unknown });
        await alert.getByText(words.mayBeCreated).waitFor();
        await alert.getByRole("listitem").filter({ hasText: "billing" }).waitFor();
        assert.equal(await page.getByText(words.created).count(), 0);

        await button(alert, words.checkAgain).click();
        await says(page, words.created);
        assert.deepEqual(await api.names(), [null, "billing"]);
        const keys = new Set((await api.requests("POST")).map((request) => request.idempotencyKey));
        assert.equal(keys.size, 1);
        await button(page.getByRole("status").filter({ hasText: words.created }), words.copyKey).click();
        await says(page, words.keyCopied);
        assert.match(await clipboard(page), /^[A-Za-z0-9]{40}$/);
    },
);

test("an unknown outcome can be checked until it is resolved", async (t) => {
    const api = await emulator(t);
    const page = await signedIn(t, api);
    await api.failsWith({ method: "POST", path: "/apiKeys", fault: "drop-before", count: 8 });
    await create(page, "billing", words);
    await says(page, words.noneNew);
    await button(page, words.checkAgain).click();
    await says(page, words.noneNew);
    await button(page, words.checkAgain).click();
    await says(page, words.created);
    assert.deepEqual(await api.names(), [null, "billing"]);
});

test("a second click creates no second key", async (t) => {
    const api = await emulator(t);
    const page = await signedIn(t, api);
    await api.failsWith({ method: "POST", path: "/apiKeys", fault: "delay-before", milliseconds: 1_500 });
    await page.getByLabel(words.name, { exact: true }).fill("billing");
    await page.evaluate(() => {
        const create = document.querySelector("form.create button");
        create.click();
        setTimeout(() => create.click(), 300);
    });
    await says(page, words.created);
    await page
        .locator(".secret")
        .getByText(/^\w{40}$/)
        .waitFor();
    assert.deepEqual(await api.names(), [null, "billing"]);
});

test("an unknown outcome is shown until it is resolved or dismissed", async (t) => {
    const api = await emulator(t);
    const page = await signedIn(t, api);
    await api.failsWith({ method: "POST", path: "/apiKeys", fault: "drop-before", count: 8 });
    await create(page, "billing", words);
    await says(page, words.noneNew);
    await page.reload();
    await says(page, words.noneNew);
    await link(page, "Français").click();
    await says(page, WORDS.fr.noneNew);
    await says(page, WORDS.fr.keys(1));
    await link(page, "English").click();
    await button(page, words.checkAgain).click();
    await says(page, words.noneNew);
    await button(page, words.haveSeen).click();
    await page.getByText(words.unknown).waitFor({ state: "detached" });
    await page.reload();
    await says(page, words.keys(1));
    assert.equal(await page.getByText(words.unknown).count(), 0);
});

test("the tenth key is shown on the page of `portal`", async (t) => {
    const api = await emulator(t, { names: Array.from({ length: 8 }, (_, place) => `key ${place}`) });
    const local = await portal(t, api);
    const page = await open(t);
    await page.goto(local.link);
    await create(page, "the tenth", words);
    await says(page, words.full);
    await page
        .locator(".secret")
        .getByText(/^\w{40}$/)
        .waitFor();
});

test("a read-only page creates no key", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const local = await portal(t, api, "--read-only");
    const page = await open(t);
    await page.goto(local.link);
    await says(page, words.readOnly);
    assert.equal(await page.getByLabel(words.name, { exact: true }).count(), 0);
    assert.equal(await page.getByRole("link", { name: words.revoke }).count(), 0);
    await button(rowOf(page, "ledger"), words.show).click();
    await says(page, "MadeUpKeyOfTheTest0");
});
