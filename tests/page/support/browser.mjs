// Chromium, driven by Playwright. Each test has a window of its own, with cookies of its own; a file's tests share a clipboard.
import { after, test } from "node:test";

import { chromium } from "playwright-core";

import { WORDS } from "./words.mjs";

const PROGRAM = process.env.CHROMIUM ?? "/usr/bin/chromium";
let launched;

after(async () => (await launched)?.close());

/** Two languages, each in light and in dark. */
export const LOOKS = ["en", "fr"].flatMap((language) => ["light", "dark"].map((scheme) => ({ language, scheme })));

/** A test in both languages and in both schemes, which is given the window's options and the words of the page. */
export function inBothLooks(name, body) {
    for (const look of [LOOKS.at(0), LOOKS.at(-1)]) {
        test(`${name} (${look.language}, ${look.scheme})`, (t) => body(t, look, WORDS[look.language]));
    }
}

/** A window: `language`, `scheme`, `width`, `script: false` and more say how it differs. */
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

/** A window on the emulator's page, in which a user of this role has signed in. */
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

/** The row of the key of this name. */
export const rowOf = (page, name) => page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });

/** The button or link of this name. */
export const button = (within, name) => within.getByRole("button", { name });
export const link = (within, name) => within.getByRole("link", { name });

/** Waits until the page says so. */
export const says = (page, text) => page.getByText(text).first().waitFor();

/** What was copied last. */
export const clipboard = (page) => page.evaluate(() => navigator.clipboard.readText());
