// What everybody can perceive: axe finds nothing, nothing has to be scrolled sideways, nothing moves, and it prints.
import assert from "node:assert/strict";
import { test } from "node:test";

import axe from "axe-core";

import { button, inBothLooks, open, rowOf, says, signedIn } from "./support/browser.mjs";
import { eachPage } from "./support/pages.mjs";
import { emulator } from "./support/programs.mjs";
import { WORDS } from "./support/words.mjs";

const words = WORDS.en;

/** What axe finds, in short. */
async function violations(page) {
    await page.evaluate(axe.source);
    const found = await page.evaluate(() => axe.run());
    assert.ok(found.passes.length > 10, "axe has looked");
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
}

inBothLooks("axe finds nothing on any page, and every page fits", async (t, look, words) => {
    const found = [];
    await eachPage(t, look, words, async (page, name) => {
        found.push(...(await violations(page)).map((violation) => `${name}: ${violation}`));
        for (const width of [360, 1440]) {
            await page.setViewportSize({ width, height: 900 });
            const wide = await page.evaluate(() => document.documentElement.scrollWidth);
            assert.ok(wide <= width, `${name} at ${width} px is ${wide} px wide`);
        }
    });
    assert.deepEqual(found, []);
});

test("axe finds nothing on a narrow screen, either", async (t) => {
    const api = await emulator(t, { names: ["one", "two", "three", "four"] });
    const page = await signedIn(t, api, { width: 360 });
    assert.deepEqual(await violations(page), []);
    await rowOf(page, "one").getByRole("rowheader").waitFor();
});

test("nothing moves, least of all for whoever asks for that", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await signedIn(t, api, { reducedMotion: "reduce" });
    await button(rowOf(page, "ledger"), words.copyKey).click();
    await says(page, words.keyCopied);
    const moving = await page.evaluate(
        () =>
            [...document.querySelectorAll("*")].filter((element) => {
                const { animationName, transitionDuration } = getComputedStyle(element);
                return animationName !== "none" || transitionDuration !== "0s";
            }).length,
    );
    assert.equal(moving, 0);
});

test("on paper there are the keys, and nothing to press", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await signedIn(t, api, { scheme: "dark" });
    await page.emulateMedia({ media: "print", colorScheme: "light" });
    await rowOf(page, "ledger").getByText("****est0").waitFor();
    assert.equal(await page.locator("button:visible, input:visible, a:visible").count(), 0);
});

test("a screen reader is told what happens", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await open(t);
    await page.goto(api.page);
    await button(page, "Developer").click();
    await button(rowOf(page, "ledger"), words.copyKey).click();
    await page.getByRole("status").filter({ hasText: words.keyCopied }).waitFor();
    await page.getByLabel(words.name, { exact: true }).fill(" ");
    await page.getByRole("button", { name: words.create, exact: true }).click();
    await page.getByRole("alert").filter({ hasText: words.badName }).waitFor();
});
