// All kinds of pages, and the steps that open them.
import { button, open, rowOf, says, signedIn, signIn } from "./browser.mjs";
import { emulator, portal } from "./programs.mjs";

const NAMES = ["invoice-processor", "nightly-reconciliation", "data-warehouse", "partner onboarding"];

/** Opens each kind of page, and calls `look` with its name. */
export async function eachPage(t, window, words, look) {
    const api = await emulator(t, { names: NAMES });
    const page = await open(t, window);
    const see = (name) => look(page, name);
    const create = async (name) => {
        await page.getByLabel(words.name, { exact: true }).fill(name);
        await page.getByRole("button", { name: words.create, exact: true }).click();
    };
    const ask = (name) => rowOf(page, name).getByRole("link", { name: words.revoke }).click();

    await page.goto(api.page);
    await see("sign in");
    await signIn(page, api, "Analyst");
    await says(page, words.forbidden);
    await see("forbidden");
    await button(page, words.anotherUser).click();
    await button(page, "Developer").click();
    await says(page, words.keys(5));
    await see("keys");
    await button(rowOf(page, "data-warehouse"), words.show).click();
    await says(page, "MadeUpKeyOfTheTest2");
    await see("a key that is shown");
    await page.goto(`${api.page}?name=absent`);
    await see("nothing found");
    await page.goto(api.page);
    await ask("invoice-processor");
    await says(page, words.confirm);
    await see("revoke");
    await page.getByRole("textbox").fill("wrong");
    await button(page, words.revokeThis).click();
    await says(page, words.notConfirmed);
    await see("not confirmed");
    await page.getByRole("textbox").fill("invoice-processor");
    await button(page, words.revokeThis).click();
    await says(page, words.revoked);
    await see("revoked");
    await ask(words.noName);
    await says(page, words.usesItself);
    await see("revoke the key in use");
    await page.goto(api.page);
    await create("billing");
    await page
        .locator(".secret")
        .getByText(/^\w{40}$/)
        .waitFor();
    await see("created");
    await api.failsWith({ method: "POST", path: "/apiKeys", fault: "drop-after", count: 4 });
    await create("ambiguous");
    await says(page, words.mayBeCreated);
    await see("ambiguous");
    await api.failsWith({ fault: "status", status: 401 });
    await page.goto(api.page);
    await see("an error");
    await api.failsWith();
    await api.holds([]);
    await page.goto(api.page);
    await see("the last key");
    await api.holds(Array.from({ length: 9 }, (_, place) => ({ name: `key ${place}` })));
    await page.goto(api.page);
    await see("ten keys");

    const local = await portal(t, api, "--read-only");
    await page.goto(local.link);
    await says(page, words.readOnly);
    await see("read only");
    await page.context().clearCookies();
    await page.goto(local.link);
    await see("a link that was used");
}
