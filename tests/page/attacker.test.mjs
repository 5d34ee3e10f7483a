// Attacks from other sites in the same browser, and from other browsers: they can neither read nor change anything.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { button, link, open, rowOf, says, signedIn } from "./support/browser.mjs";
import { emulator, PATH, portal } from "./support/programs.mjs";
import { WORDS } from "./support/words.mjs";

const words = WORDS.en;
const SECRET = "MadeUpKeyOfTheTest0";

/** Starts two sites of an attacker: another host, and another port of this machine, to which browsers send the cookies. */
async function sites(t) {
    const server = createServer(({ url }, answer) => {
        if (url === "/sandboxed") {
            answer.setHeader("content-security-policy", "sandbox allow-forms allow-scripts");
        }
        answer.setHeader("content-type", "text/html").end("<p>Nice pictures!");
    });
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    t.after(() => server.close());
    const { port } = server.address();
    return [`http://evil.test:${port}/`, `http://127.0.0.1:${port}/`];
}

/** Signs a visitor in, opens a site of the attacker in another tab, runs the attack there, and checks that nothing changed. */
async function attack(t, something) {
    const api = await emulator(t, { names: ["ledger"] });
    const before = await api.keys();
    const victim = await signedIn(t, api);
    const token = await victim.locator("input[name=token]").first().inputValue();
    for (const site of await sites(t)) {
        const evil = await victim.context().newPage();
        await evil.goto(site);
        await something(evil, api, before[1].id, token);
        await evil.close();
    }
    assert.deepEqual(await api.keys(), before);
    assert.deepEqual(await api.requests("POST"), []);
    assert.deepEqual(await api.requests("DELETE"), []);
    await victim.reload();
    await rowOf(victim, "ledger").waitFor();
}

/** Returns the response to a navigation in a new tab. Chromium shows its own page after an empty response, after a delay. */
async function answered(page, go, url) {
    const tab = await page.context().newPage();
    const answer = tab.waitForResponse(url);
    await go(tab).catch(() => {});
    const [status, headers] = [(await answer).status(), await (await answer).allHeaders()];
    await tab.close();
    return { status, headers };
}

const changes = (id) => [
    "/keys",
    "/sign-in",
    "/sign-out",
    ...["revoke", "key", "header", "created"].map((what) => `/keys/${id}/${what}`),
];

/** Submits a form from a site. The form has all fields of all forms of the page. */
async function sendForm(tab, site, action, token = "") {
    await tab.goto(site);
    await tab.evaluate(
        ([action, token]) => {
            const fields = { name: "evil", confirm: "ledger", role: "Administrator", in_use: "on", token };
            const input = ([name, value]) => Object.assign(document.createElement("input"), { name, value });
            const form = Object.assign(document.createElement("form"), { action, method: "POST" });
            form.append(...Object.entries(fields).map(input));
            document.body.append(form);
            HTMLFormElement.prototype.submit.call(form);
        },
        [action, token],
    );
}

test("requests for another host name are rejected", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const local = await portal(t, api);
    const page = await signedIn(t, api);
    for (const path of [api.page, `${api.page}/portal.js`, local.link, local.page]) {
        const url = path.replace("127.0.0.1", "evil.test");
        const { status, headers } = await answered(page, (tab) => tab.goto(url), url);
        assert.deepEqual([status, headers["content-length"]], [421, "0"]);
    }
    await page.goto(local.link);
    await rowOf(page, "ledger").waitFor();
});

test("a form of another site is rejected, even with the form token", async (t) => {
    await attack(t, async (evil, api, id, token) => {
        const site = evil.url();
        for (const path of changes(id)) {
            const url = api.page + path;
            const { status, headers } = await answered(evil, (tab) => sendForm(tab, site, url, token), url);
            assert.deepEqual([status, headers["content-length"], headers["set-cookie"]], [403, "0", undefined], path);
        }
    });
});

test("a form of a sandboxed page, whose origin is null, is rejected", async (t) => {
    await attack(t, async (evil, api) => {
        const [site, url] = [`${evil.url()}sandboxed`, `${api.page}/keys`];
        assert.equal((await answered(evil, (tab) => sendForm(tab, site, url), url)).status, 403);
    });
});

test("a script of another site can neither change nor read anything", async (t) => {
    await attack(t, async (evil, api, id) => {
        const urls = ["", "/portal.js", ...changes(id)].map((path) => api.page + path);
        const read = await evil.evaluate(async (urls) => {
            const body = () =>
                new URLSearchParams({ token: "", name: "evil", confirm: "ledger", role: "Administrator" });
            const requests = urls.flatMap((url) =>
                ["cors", "no-cors"].flatMap((mode) => [
                    () => fetch(url, { mode, credentials: "include" }),
                    () => fetch(url, { mode, credentials: "include", method: "POST", body: body() }),
                ]),
            );
            const texts = requests.map((send) =>
                send().then(
                    (answer) => answer.text(),
                    () => "",
                ),
            );
            return (await Promise.all(texts)).join("");
        }, urls);
        assert.equal(read, "");
    });
});

test("another site cannot load resources of the page", async (t) => {
    await attack(t, async (evil, api) => {
        const loaded = await evil.evaluate(async (page) => {
            const load = (tag, members) =>
                new Promise((done) => {
                    const element = Object.assign(document.createElement(tag), members);
                    element.onload = () => done(`${tag} was loaded`);
                    element.onerror = () => done("");
                    document.body.append(element);
                });
            return Promise.all([
                load("script", { src: page }),
                load("script", { src: `${page}/portal.js` }),
                load("img", { src: `${page}/icon.svg` }),
                load("link", { rel: "stylesheet", href: `${page}/portal.css` }),
            ]);
        }, api.page);
        assert.deepEqual(loaded, ["", "", "", ""]);
    });
});

test("the page is not shown in a frame, and an opener cannot access it", async (t) => {
    await attack(t, async (evil, api) => {
        await evil.evaluate((src) => {
            return new Promise((loaded) => {
                document.body.append(Object.assign(document.createElement("iframe"), { src, onload: loaded }));
            });
        }, api.page);
        const frame = evil.frames().at(-1);
        await frame.waitForURL(/^chrome-error:/);
        // Only the visible text is checked, because scripts of Chromium's own page contain asterisks.
        assert.ok(!/ledger|\*{4}/.test(await frame.locator("body").innerText()));

        const opened = evil.context().waitForEvent("page");
        await evil.evaluate((page) => (globalThis.held = window.open(page)), api.page);
        await (await opened).getByRole("heading").first().waitFor();
        const held = await evil.evaluate(() => {
            try {
                return globalThis.held.document?.body.textContent ?? "";
            } catch {
                return "";
            }
        });
        assert.equal(held, "");
        assert.ok(await evil.evaluate(() => globalThis.held.closed), "the opener has lost it");
        await (await opened).close();
        assert.equal(await evil.evaluate(() => document.cookie), "");
    });
});

test("a used or guessed link is rejected", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const local = await portal(t, api);
    const owner = await open(t);
    await owner.goto(local.link);
    await rowOf(owner, "ledger").waitFor();

    const thief = await open(t);
    const guessed = local.link.replace(/\w{8}$/, "00000000");
    for (const url of [local.link, guessed, local.page, `${local.page}/keys/x/revoke`]) {
        const answer = await thief.goto(url);
        assert.equal(answer.status(), 401, url);
        assert.ok(!/ledger|\*{4}/.test(await answer.text()));
    }
    await thief.goto(local.page);
    await says(thief, words.needsLink);
    assert.deepEqual(await thief.context().cookies(), []);
    assert.ok(!(await owner.evaluate(() => location.href + history.length)).includes("open"));
});

test("a guessed cookie, or a cookie of another process, is rejected", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const [one, other] = [await portal(t, api), await portal(t, api)];
    const owner = await open(t);
    await owner.goto(one.link);
    await rowOf(owner, "ledger").waitFor();
    const [cookie] = await owner.context().cookies();
    assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, "Strict", PATH]);

    const thief = await open(t);
    for (const value of ["0".repeat(64), cookie.value]) {
        const name = `codat_keys_${new URL(other.page).port}`;
        await thief.context().addCookies([{ name, value, url: other.page }]);
        const answer = await thief.goto(other.page);
        assert.equal(answer.status(), 401);
        assert.ok(!/ledger|\*{4}/.test(await answer.text()));
    }
});

test("a form of another site cannot sign a visitor in", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await open(t);
    for (const site of await sites(t)) {
        const url = `${api.page}/sign-in`;
        assert.equal((await answered(page, (tab) => sendForm(tab, site, url), url)).status, 403);
        await page.goto(api.page);
        await says(page, words.who);
    }
});

test("a shown key is not in the address, title or history of the page", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await signedIn(t, api);
    await button(rowOf(page, "ledger"), words.show).click();
    await says(page, SECRET);
    const held = await page.evaluate(
        () =>
            location.href +
            document.title +
            JSON.stringify([history.state, { ...localStorage }, { ...sessionStorage }]),
    );
    assert.ok(!held.includes(SECRET));
    await link(rowOf(page, "ledger"), words.revoke).click();
    assert.ok(!page.url().includes(SECRET) && !(await page.title()).includes(SECRET));
});
