// The functions of the page that require JavaScript: fetch a key on request, copy it, and show it for a limited time.
"use strict";

const SHOWN_FOR = 30;

document.documentElement.classList.add("has-script");

const said = document.querySelector(".said");
/** Hides the secret that is shown. */
let wipe = () => {};

/** Fetches a secret with the form token of the session. Only this function receives secrets. A secret is plain text. An HTML page
    is an error: the session has ended, for example in another tab. */
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

/** Shows a secret in place of its mask until the time is over, the page is hidden or left, or the user hides it. The clock
    measures the time, because timers do not run while the computer sleeps. */
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

/** Shows the created key. The server returns it once, so a hidden tab waits until it is visible. The script removes the key
    when it hides it. */
async function showCreated(notice) {
    while (document.hidden) {
        await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
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
document.addEventListener("submit", (event) => {
    // The text of a search becomes part of the address, which the browser stores. A text that no name contains may be a key.
    if (event.target.matches(".search") && !document.getElementById("nothing").hidden) {
        event.preventDefault();
        return;
    }
    event.target.ariaBusy = "true";
});

const name = document.getElementById("name");
const count = document.querySelector("#name-count output");
const counted = () => (count.textContent = name.value.length);
name?.addEventListener("input", counted);
name && counted();

document.getElementById("search")?.addEventListener("input", ({ target }) => search(target.value));

// Formats dates in the user's time zone, with the browser's regional variant of the page's language.
const { lang } = document.documentElement;
const locale = navigator.languages.find((tag) => tag.startsWith(lang)) ?? lang;
for (const time of document.querySelectorAll("time")) {
    time.title = new Date(time.dateTime).toLocaleString(locale, { dateStyle: "long", timeStyle: "short" });
}

const created = document.querySelector("[data-created]");
if (created) {
    showCreated(created).catch((error) => say(error.message));
}
