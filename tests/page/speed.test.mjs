// The load time and the size of the page. They are only printed, because the load time depends on the load of the machine.
import { test } from "node:test";

import { signedIn } from "./support/browser.mjs";
import { emulator } from "./support/programs.mjs";

const LOADS = 25;

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)].toFixed(1);

test("the load time of a page is printed", async (t) => {
    const api = await emulator(t, { names: ["one", "two", "three", "four"] });
    const page = await signedIn(t, api);
    const [loaded, answered, sizes] = [[], [], []];
    for (let load = 0; load < LOADS; load++) {
        await page.goto(api.page, { waitUntil: "load" });
        const timing = await page.evaluate(() => {
            const [page] = performance.getEntriesByType("navigation");
            const all = [page, ...performance.getEntriesByType("resource")];
            const bytes = all.reduce((sum, { transferSize }) => sum + transferSize, 0);
            return { loaded: page.loadEventStart, answered: page.responseEnd, bytes };
        });
        loaded.push(timing.loaded);
        answered.push(timing.answered);
        sizes.push(timing.bytes);
    }
    const bytes = Math.max(...sizes);
    t.diagnostic(
        `median of ${LOADS} loads: answered in ${median(answered)} ms, loaded in ${median(loaded)} ms; ${bytes} bytes in all`,
    );
});
