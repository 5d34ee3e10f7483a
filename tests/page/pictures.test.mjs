// The pictures of docs/portal.md and docs/portal.fr.md. `npm run pictures` writes them to docs, and a test run writes them below target.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { LOOKS, signedIn } from "./support/browser.mjs";
import { emulator } from "./support/programs.mjs";

const FOLDER = process.env.UPDATE_PICTURES ? "../../docs/images/" : "../../target/page/";

// The dates are years ago, so the relative dates in the pictures change once a year.
const KEYS = [
    ["invoice-processor", "MadeUpKeyOfInvoices3fKq", "2024-03-18T22:40:00Z"],
    ["nightly-reconciliation", "MadeUpKeyOfTheNight8vTm", "2024-05-30T07:15:00Z"],
    ["data-warehouse", "MadeUpKeyOfTheDepotQ2xd", "2025-02-11T16:20:00Z"],
    ["partner onboarding", "MadeUpKeyOfPartnersW7jB", "2025-04-02T11:05:00Z"],
].map(([name, apiKey, createdDate]) => ({ name, apiKey, createdDate }));

const WIDE = LOOKS.map((look) => ({ ...look, width: 1440 }));
const NARROW = LOOKS.filter(({ scheme }) => scheme === "light").map((look) => ({ ...look, width: 360 }));

for (const { width, ...look } of [...WIDE, ...NARROW]) {
    const name = `portal-${look.language}-${look.scheme}${width === 360 ? "-narrow" : ""}.png`;
    test(`${name} is drawn`, async (t) => {
        const folder = fileURLToPath(new URL(FOLDER, import.meta.url));
        await mkdir(folder, { recursive: true });
        const api = await emulator(t);
        await api.holds(KEYS);
        const page = await signedIn(t, api, { ...look, width });
        const picture = await page.screenshot({ path: folder + name, fullPage: width === 1440 });
        assert.ok(picture.length < 200_000, "small enough for a repository");
    });
}
