// What the page cannot do without a script: fetch a key when somebody asks for it, copy it, and show it for a while.
"use strict";

const SHOWN_FOR = 30;

document.documentElement.classList.add("has-script");

const said = document.querySelector(".said");
/** Takes away what is shown. */
let wipe = () => {};

/** Each request says that it comes from this page. Only here is a secret ever received: as text, while a page that comes
    in its place (one has signed out in another tab) is none. */
async function fetchSecret(path) {
    const { token } = document.body.dataset;
    const answer = await fetch(path, { method: "POST", body: new URLSearchParams({ token }) }).catch(() => null);
    const isText = answer?.headers.get("content-type")?.startsWith("text/plain");
    const text = isText && (await answer.text().catch(() => ""));
    if (!answer?.ok || !text) {
        throw new Error(text || said.dataset.notFetched);
    }
    return text;
}

function say(text) {
    said.textContent = text;
    clearTimeout(say.timer);
    say.timer = setTimeout(() => (said.textContent = ""), 6000);
}

async function copy(button, secret) {
    try {
        const text = await secret;
        await navigator.clipboard.writeText(text).catch(() => Promise.reject(new Error(said.dataset.notCopied)));
        say(button.dataset.said);
    } catch (error) {
        say(error.message);
    }
}

/** Shows a secret in place of its mask, until its time is over, the page is hidden or left, or somebody hides it. The
    time is that of the clock: while the computer sleeps, no timer runs. */
function showFor(place, secret, everySecond, done) {
    wipe();
    const masked = place.textContent;
    place.textContent = secret;
    const until = Date.now() + SHOWN_FOR * 1000;
    everySecond(SHOWN_FOR);
    const timer = setInterval(() => {
        const left = Math.ceil((until - Date.now()) / 1000);
        left > 0 ? everySecond(left) : wipe();
    }, 1000);
    wipe = () => {
        clearInterval(timer);
        place.textContent = masked;
        wipe = () => {};
        done();
    };
    if (document.hidden) {
        wipe();
    }
}

async function toggle(button) {
    const [text, countdown] = [button.querySelector(".text"), button.querySelector(".left")];
    if (button.classList.contains("shows")) {
        return wipe();
    }
    if (button.ariaBusy) {
        return;
    }
    button.ariaBusy = "true";
    try {
        const secret = await fetchSecret(button.dataset.from);
        const label = text.textContent;
        const place = button.closest("td").querySelector("code");
        button.classList.add("shows");
        text.textContent = button.dataset.hide;
        say(button.dataset.shown);
        showFor(place, secret, (left) => (countdown.textContent = ` (${left})`), () => {
            text.textContent = label;
            countdown.textContent = "";
            button.classList.remove("shows");
            say(button.dataset.said);
        });
    } catch (error) {
        say(error.message);
    } finally {
        button.ariaBusy = null;
    }
}

/** The key just made: told once, so not to a tab that nobody sees yet, and kept no longer than it is shown. */
async function showCreated(notice) {
    while (document.hidden) {
        await new Promise((seen) => document.addEventListener("visibilitychange", seen, { once: true }));
    }
    const [key, header] = (await fetchSecret(notice.dataset.created)).split("\n");
    const copies = { "copy-created-key": key, "copy-created-header": header };
    const buttons = notice.querySelectorAll("button");
    for (const button of buttons) {
        button.disabled = false;
        button.onclick = () => copy(button, copies[button.dataset.does]);
    }
    showFor(notice.querySelector(".secret"), key, () => {}, () => {
        for (const button of buttons) {
            button.disabled = true;
            button.onclick = null;
        }
        for (const name of Object.keys(copies)) {
            delete copies[name];
        }
        say(notice.dataset.said);
    });
}

function search(typed) {
    const wanted = typed.trim().toLowerCase();
    const rows = [...document.querySelectorAll("tbody tr")];
    for (const row of rows) {
        row.hidden = !row.dataset.name.toLowerCase().includes(wanted);
    }
    const nothing = document.getElementById("nothing");
    const isFound = rows.some((row) => !row.hidden);
    if (!isFound && nothing.hidden) {
        say(nothing.textContent);
    }
    nothing.hidden = isFound;
}

document.addEventListener("click", ({ target }) => {
    const button = target.closest("button[data-from]");
    if (button?.dataset.does === "copy") {
        copy(button, fetchSecret(button.dataset.from));
    } else if (button?.dataset.does === "show") {
        toggle(button);
    }
});
document.addEventListener("visibilitychange", () => document.hidden && wipe());
window.addEventListener("pagehide", () => wipe());
window.addEventListener("beforeprint", () => wipe());
document.addEventListener("submit", ({ target }) => (target.ariaBusy = "true"));

const name = document.getElementById("name");
const count = document.querySelector("#name-count output");
const counted = () => (count.textContent = name.value.length);
name?.addEventListener("input", counted);
name && counted();

document.getElementById("search")?.addEventListener("input", ({ target }) => search(target.value));

// In the reader's own time zone, and in the form of the country that the reader's browser names with the page's language.
const { lang } = document.documentElement;
const reader = navigator.languages.find((tag) => tag.startsWith(lang)) ?? lang;
for (const time of document.querySelectorAll("time")) {
    time.title = new Date(time.dateTime).toLocaleString(reader, { dateStyle: "long", timeStyle: "short" });
}

const created = document.querySelector("[data-created]");
if (created) {
    showCreated(created).catch((error) => say(error.message));
}
