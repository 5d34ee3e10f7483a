// Debian's Chromium, driven by Playwright. Each test has a window of its own, with cookies of its own.
import { execFileSync } from "node:child_process";
import { after, test } from "node:test";

import { chromium } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome"];
const found = process.env.CHROMIUM ?? NAMES.map(inPath).find(Boolean);
let launched;

/** A test that needs a browser; where there is none, it is not run. */
export function inBrowser(name, body) {
    test(name, { skip: found ? false : "not run: no Chromium on this machine", timeout: 60_000 }, body);
}

/** A window: `language`, `scheme`, `width`, `script: false` and more say how it differs. */
export async function open(t, { language = "en", scheme = "light", width = 1440, script = true, ...more } = {}) {
    launched ??= chromium.launch({ executablePath: found, args: ["--host-resolver-rules=MAP evil.test 127.0.0.1"] });
    const context = await (await launched).newContext({
        locale: { en: "en-GB", fr: "fr-FR" }[language],
        timezoneId: "Europe/Paris",
        colorScheme: scheme,
        viewport: { width, height: 900 },
        javaScriptEnabled: script,
        permissions: ["clipboard-read", "clipboard-write"],
        ...more,
    });
    context.setDefaultTimeout(20_000);
    t.after(() => context.close());
    return context.newPage();
}

/** A window on the emulator's page, in which a user of this role has signed in. */
export async function signedIn(t, emulator, { role = "Administrator", ...window } = {}) {
    const page = await open(t, window);
    await page.goto(emulator.page);
    await page.getByRole("button", { name: role }).click();
    return page;
}

/** What was copied last. */
export const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());

after(async () => (await launched)?.close());

function inPath(program) {
    try {
        return execFileSync("sh", ["-c", `command -v ${program}`], { encoding: "utf8" }).trim();
    } catch {
        return undefined;
    }
}
