// Copying: the clipboard holds the true key and the true header, and the page neither.
import assert from "node:assert/strict";

import { clipboard, inBrowser, signedIn } from "./support/browser.mjs";
import { emulator } from "./support/programs.mjs";

inBrowser("a key and its header are copied", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await signedIn(t, api);
    const row = page.getByRole("row", { name: "ledger" });

    await row.getByRole("button", { name: "Copy key" }).click();
    await page.getByText("Key copied").waitFor();
    assert.equal(await clipboard(page), "MadeUpKeyOfTheTest0");

    await row.getByRole("button", { name: "Copy header" }).click();
    await page.getByText("Header copied").waitFor();
    assert.equal(await clipboard(page), `Basic ${btoa("MadeUpKeyOfTheTest0")}`);
    assert.ok(!(await page.content()).includes("MadeUpKeyOfTheTest0"));
});
