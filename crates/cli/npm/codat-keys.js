#!/usr/bin/env node
// Starts the program of the package for this platform, and ends as it does.
"use strict";

const { spawn } = require("node:child_process");
const { existsSync } = require("node:fs");
const { constants } = require("node:os");
const { basename, dirname, join } = require("node:path");

const WINDOWS = process.platform === "win32";
const PROGRAM = WINDOWS ? "codat-keys.exe" : "codat-keys";
const HERE = `${process.platform}-${process.arch}`;
// Those that the program handles, except real-time signals, which Node cannot handle.
const SIGNALS = WINDOWS
    ? ["SIGHUP", "SIGINT", "SIGTERM"]
    : "SIGHUP SIGINT SIGQUIT SIGTERM SIGUSR1 SIGUSR2 SIGALRM SIGVTALRM SIGPROF SIGXCPU SIGIO SIGPWR SIGSTKFLT"
          .split(" ")
          .filter((signal) => signal in constants.signals);
const PACKAGES = (process.platform === "linux" ? ["-gnu", "-musl"] : [""]).map(
    (libc) => `@codat-keys/cli-${HERE}${libc}`,
);

let child;
// Before it starts: a signal that came first would end this process alone, and orphan it.
for (const signal of SIGNALS) {
    // A terminal sends Ctrl-C to the program as well, which ignores the copy. On Windows `kill` would end it immediately.
    process.on(signal, () => WINDOWS || child?.kill(signal));
}
start(PACKAGES, []);

/** Starts the first that is there. One for another C library is there at times, and does not start. */
function start([name, ...others], causes) {
    if (name === undefined) {
        return complain(causes);
    }
    let path;
    try {
        path = require.resolve(`${installed(name)}/${PROGRAM}`);
    } catch {
        return start(others, causes);
    }
    child = spawn(path, process.argv.slice(2), { stdio: "inherit" });
    child.on("error", (error) => start(others, [...causes, error.message]));
    child.on("exit", end);
}

/**
 * The folder of a package that was installed with this one. Node searches `node_modules` of all folders above, too, which
 * can belong to other users. The Plug'n'Play of Yarn searches none.
 */
function installed(name) {
    const beside = dirname(__dirname);
    if (basename(beside) !== "node_modules" || process.versions.pnp) {
        return name;
    }
    const below = join(__dirname, "node_modules", name);
    return existsSync(below) ? below : join(beside, name);
}

function end(code, signal) {
    if (signal === null) {
        process.exit(code);
    }
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
}

function complain(causes) {
    const why =
        causes.length > 0
            ? `does not start: ${causes.join("; ")}`
            : "is not installed. It is an optional dependency: install without --omit=optional, on the platform where it will run";
    console.error(`codat-keys-cli has no program for ${HERE}: ${PACKAGES.join(" or ")} ${why}`);
    process.exitCode = 1;
}
