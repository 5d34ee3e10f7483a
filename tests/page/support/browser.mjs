// Chromium, controlled with Playwright. Each test has its own window and cookies. The tests of a file share a clipboard.
import { after, test } from "node:test";

import { chromium } from "playwright-core";

import { WORDS } from "./words.mjs";

const PROGRAM = process.env.CHROMIUM ?? "/usr/bin/chromium";
let launched;

after(async () => (await launched)?.close());

/** Both languages, each with the light and the dark colour scheme. */
export const LOOKS = ["en", "fr"].flatMap((language) => ["light", "dark"].map((scheme) => ({ language, scheme })));

/** Defines a test for English with the light scheme, and for French with the dark one. `body` gets the window's options and the texts. */
export function inBothLooks(name, body) {
    for (const look of [LOOKS.at(0), LOOKS.at(-1)]) {
        test(`${name} (${look.language}, ${look.scheme})`, (t) => body(t, look, WORDS[look.language]));
    }
}

/** Opens a window with these options, such as `language`, `scheme`, `width` and `script: false`. */
export async function open(t, { language = "en", scheme = "light", width = 1440, script = true, ...more } = {}) {
    launched ??= chromium.launch({
        executablePath: PROGRAM,
        args: ["--disable-gpu", "--host-resolver-rules=MAP evil.test 127.0.0.1"],
    });
    const context = await (
        await launched
    ).newContext({
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

/** Opens the emulator's page in a window and signs in with this role. */
export async function signedIn(t, emulator, { role = "Administrator", ...window } = {}) {
    const page = await open(t, window);
    await signIn(page, emulator, role);
    return page;
}

export async function signIn(page, emulator, role = "Administrator") {
    await page.goto(emulator.page);
    const loaded = page.waitForEvent("load");
    await page.getByRole("button", { name: role }).click();
    await loaded;
}

/** Returns the row of the key with this name. */
export const rowOf = (page, name) => page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });

/** Returns the button or link with this name. */
export const button = (within, name) => within.getByRole("button", { name });
export const link = (within, name) => within.getByRole("link", { name });

/** Waits until the page contains this text. */
export const says = (page, text) => page.getByText(text).first().waitFor();

/** Returns the text in the clipboard. */
export const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());
