// Authorization by role. The server enforces it, not the page.
import assert from "node:assert/strict";
import { test } from "node:test";

import { button, inBothLooks, open, rowOf, says, signedIn, signIn } from "./support/browser.mjs";
import { emulator, PATH } from "./support/programs.mjs";
import { WORDS } from "./support/words.mjs";

const words = WORDS.en;

for (const role of ["Administrator", "Developer"]) {
    inBothLooks(`a user with the role ${role} sees and does everything`, async (t, look, words) => {
        const api = await emulator(t, { names: ["ledger"] });
        const page = await signedIn(t, api, { role, ...look });
        await page.getByText(`· ${role}`).waitFor();
        await button(rowOf(page, "ledger"), words.copyHeader).click();
        await says(page, words.headerCopied);
        await page.getByLabel(words.name, { exact: true }).fill("made");
        await page.getByRole("button", { name: words.create, exact: true }).click();
        await says(page, words.created);
        await rowOf(page, "ledger").getByRole("link", { name: words.revoke }).click();
        await page.getByRole("textbox").fill("ledger");
        await button(page, words.revokeThis).click();
        await says(page, words.revoked);
        assert.deepEqual(await api.names(), [null, "made"]);
    });
}

for (const role of ["Onboarding", "Advisor", "Analyst"]) {
    inBothLooks(`a user with the role ${role} sees which roles can manage keys`, async (t, look, words) => {
        const api = await emulator(t, { names: ["ledger"] });
        const page = await signedIn(t, api, { role, ...look });
        await page.getByRole("heading", { name: words.forbidden }).waitFor();
        const again = await page.reload();
        assert.equal(again.status(), 403);
        await button(page, words.anotherUser).click();
        await says(page, words.who);
    });

    test(`a user with the role ${role} has no access, whatever is sent`, async (t) => {
        const api = await emulator(t, { names: ["ledger"] });
        const before = await api.keys();
        const page = await signedIn(t, api, { role });
        const { id } = before[1];
        const gets = ["", "?name=ledger", `/keys/${id}/revoke`];
        const posts = ["/keys", `/keys/${id}/revoke`, `/keys/${id}/key`, `/keys/${id}/header`, `/keys/${id}/created`];
        // The requests come from the page and have its token. Only the role is wrong.
        const answers = await page.evaluate(
            async ([path, gets, posts]) => {
                const token = document.querySelector("input[name=token]").value;
                const body = () => new URLSearchParams({ token, name: "made", confirm: "ledger", in_use: "on" });
                const sent = [
                    ...gets.map((rest) => fetch(path + rest)),
                    ...posts.map((rest) => fetch(path + rest, { method: "POST", body: body() })),
                ];
                const read = async (answer) => [answer.status, await answer.text()];
                return Promise.all(sent.map(async (answer) => read(await answer)));
            },
            [PATH, gets, posts],
        );
        assert.equal(answers.length, 8);
        for (const [status, text] of answers) {
            assert.equal(status, 403);
            assert.ok(!/MadeUpKey|\*{4}|ledger/.test(text), text);
        }
        assert.deepEqual(await api.keys(), before);
        assert.deepEqual(await api.requests("POST"), []);
    });
}

test("signing in as another user replaces the session", async (t) => {
    const api = await emulator(t, { names: ["ledger"] });
    const page = await open(t);
    await signIn(page, api, "Developer");
    await rowOf(page, "ledger").waitFor();
    await button(page, words.signOut).click();
    await button(page, "Advisor").click();
    await page.getByRole("heading", { name: words.forbidden }).waitFor();
    await page.goBack();
    assert.equal(await page.getByText("****").count(), 0);
});
