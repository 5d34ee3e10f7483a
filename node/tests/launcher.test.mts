// The command line of npm: it starts the program of this platform, and ends as that does. Here the program is Node.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { LIMIT, ended } from "./support.mjs";
import { temporaryFolder } from "./temporary.mjs";

const LAUNCHER = fileURLToPath(new URL("../../../crates/cli/npm/codat-keys.js", import.meta.url));
const HERE = `${process.platform}-${process.arch}`;
const [LINUX, WINDOWS] = [process.platform === "linux", process.platform === "win32"];
const INSTALLED = installed([LINUX ? `${HERE}-gnu` : HERE, (file) => copyFileSync(process.execPath, file)]);

/** The path of the launcher, in a folder of modules with packages for these platforms. */
function installed(...packages: [platform: string, put: (program: string) => void][]): string {
    const modules = join(temporaryFolder(), "node_modules");
    for (const [platform, put] of packages) {
        const folder = join(modules, "@codat-keys", `cli-${platform}`);
        mkdirSync(folder, { recursive: true });
        put(join(folder, WINDOWS ? "codat-keys.exe" : "codat-keys"));
    }
    mkdirSync(join(modules, "codat-keys-cli"), { recursive: true });
    const launcher = join(modules, "codat-keys-cli", "codat-keys.js");
    copyFileSync(LAUNCHER, launcher);
    return launcher;
}

/** Runs a program of JavaScript by the launcher. */
function launch(program: string, launcher = INSTALLED, ...options: string[]): ChildProcess {
    return spawn(process.execPath, [launcher, "--eval", program, ...options], { timeout: LIMIT });
}

test("the program has its arguments and its input, and its exit status is passed on", async () => {
    const program = "process.stdin.pipe(process.stdout); console.error(process.argv.slice(1)); process.exitCode = 7";
    const child = launch(program, INSTALLED, "one two");
    child.stdin!.end("a key, say");
    assert.deepEqual(await ended(child), { code: 7, said: "a key, say", complained: "[ 'one two' ]\n" });
});

const SIGNALS = "SIGHUP SIGINT SIGQUIT SIGTERM SIGUSR1 SIGUSR2 SIGALRM SIGVTALRM SIGPROF SIGXCPU SIGIO".split(" ");
const LINUX_SIGNALS = LINUX ? ["SIGPWR", "SIGSTKFLT"] : [];
for (const signal of [...SIGNALS, ...LINUX_SIGNALS] as NodeJS.Signals[]) {
    test(`the program receives ${signal}, and decides`, { skip: WINDOWS }, async () => {
        const child = launch(
            `process.on("${signal}", () => process.exit(3)); setTimeout(() => {}, 10_000); console.log("here");`,
        );
        await once(child.stdout!, "data");
        child.kill(signal);
        assert.deepEqual(await once(child, "exit"), [3, null]);
    });
}

test("a program that a signal ends is followed", { skip: WINDOWS }, async () => {
    const child = launch("process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 10_000)");
    assert.deepEqual(await once(child, "exit"), [null, "SIGTERM"]);
});

test("one for another C library is passed over", { skip: !LINUX }, async () => {
    const launcher = installed(
        [`${HERE}-gnu`, (file) => writeFileSync(file, "#!/no/such/loader\n", { mode: 0o755 })],
        [`${HERE}-musl`, (file) => copyFileSync(process.execPath, file)],
    );
    assert.deepEqual(await ended(launch("console.log(1)", launcher)), { code: 0, said: "1\n", complained: "" });
});

test("where no program fits, the error names the platform", async () => {
    const { code, complained } = await ended(launch("", installed()));
    assert.equal(code, 1);
    assert.match(
        complained,
        new RegExp(`^codat-keys-cli has no program for ${HERE}: @codat-keys/cli-${HERE}.* is not installed`),
    );
});

test("a package in the modules of a folder above is not started", async () => {
    const above = temporaryFolder();
    const launcher = installed();
    const project = join(above, "project");
    mkdirSync(project);
    cpSync(join(launcher, "../.."), join(project, "node_modules"), { recursive: true });
    const folder = join(above, "node_modules", "@codat-keys", `cli-${LINUX ? `${HERE}-gnu` : HERE}`);
    mkdirSync(folder, { recursive: true });
    copyFileSync(process.execPath, join(folder, WINDOWS ? "codat-keys.exe" : "codat-keys"));
    const child = launch("console.log(1)", join(project, "node_modules", "codat-keys-cli", "codat-keys.js"));
    const { code, said, complained } = await ended(child);
    assert.deepEqual([code, said], [1, ""]);
    assert.match(complained, /is not installed/);
});

test("where one does not start, the error says why", { skip: !LINUX }, async () => {
    const launcher = installed([`${HERE}-gnu`, (file) => writeFileSync(file, "#!/no/such/loader\n", { mode: 0o755 })]);
    const { code, complained } = await ended(launch("", launcher));
    assert.equal(code, 1);
    assert.match(complained, /-musl does not start: spawn .*cli-.*-gnu\/codat-keys ENOENT\n$/);
});
