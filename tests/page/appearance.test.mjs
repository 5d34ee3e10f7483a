// Accessibility: violations that axe finds, horizontal scrolling, animations, print and screen readers.
import assert from "node:assert/strict";
import { test } from "node:test";

import axe from "axe-core";

import { button, inBothLooks, open, rowOf, says, signedIn } from "./support/browser.mjs";
import { eachPage } from "./support/pages.mjs";
import { emulator } from "./support/programs.mjs";
import { WORDS } from "./support/words.mjs";

const words = WORDS.en;

/** Returns the accessibility violations that axe finds. */
async function violations(page) {
    await page.evaluate(axe.source);
    const found = await page.evaluate(() => axe.run());
    assert.ok(found.passes.length > 10, "axe has looked");
    return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
}

inBothLooks("no page has accessibility violations or horizontal scrolling", async (t, look, words) => {
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

test("a page on a narrow screen has no accessibility violations", async (t) => {
    const api = await emulator(t, { names: ["one", "two", "three", "four"] });
    const page = await signedIn(t, api, { width: 360 });
    assert.deepEqual(await violations(page), []);
    await rowOf(page, "one").getByRole("rowheader").waitFor();
});

test("the page has no animations with reduced motion", async (t) => {
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

test("the printed page contains the keys and no controls", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await signedIn(t, api, { scheme: "dark" });
    await page.emulateMedia({ media: "print", colorScheme: "light" });
    await rowOf(page, "ledger").getByText("****est0").waitFor();
    assert.equal(await page.locator("button:visible, input:visible, a:visible").count(), 0);
});

test("screen readers announce the results of actions", async (t) => {
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
