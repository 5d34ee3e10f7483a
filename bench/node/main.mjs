/**
 * `node bench/node/main.mjs CLIENT CALLS URL KEY`: one client, which keeps CALLS calls in flight on request.
 *
 * Each line of standard input is a number of seconds to measure. The reply has the calls, the seconds, and the seconds
 * of CPU.
 */
import { createInterface } from "node:readline";

import { CLIENTS } from "./clients.mjs";

const [name, inFlight, url, key] = process.argv.slice(2);
const call = CLIENTS[name](url, key);

async function callsFor(seconds) {
    const cpu = process.cpuUsage();
    const started = performance.now();
    const ends = started + seconds * 1000;
    const callUntilItEnds = async () => {
        let calls = 0;
        for (; performance.now() < ends; calls++) {
            // Anything but two keys is an error: a slice of failures would look fast.
            if ((await call()).length !== 2) throw new Error("the server answers something else");
        }
        return calls;
    };
    const calls = await Promise.all(Array.from({ length: Number(inFlight) }, callUntilItEnds));
    const { user, system } = process.cpuUsage(cpu);
    const done = calls.reduce((sum, calls) => sum + calls);
    return `${done} ${(performance.now() - started) / 1000} ${(user + system) / 1e6}`;
}

// What V8 has compiled is measured: it takes thousands of calls until it has compiled the largest of these clients.
for (let calls = 0; calls < 10_000; ) {
    calls += parseInt(await callsFor(1));
}
for await (const seconds of createInterface({ input: process.stdin })) {
    console.log(await callsFor(Number(seconds)));
}
