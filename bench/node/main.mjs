/**
 * `node bench/node/main.mjs TASK CLIENT IN_FLIGHT RESULTS URL KEY`: makes a slice of calls for each line of standard
 * input.
 *
 * Each line is a number of seconds. The slice ends with the first call that ends after this time. The reply contains
 * the number of calls, the seconds, and the seconds of CPU. Each call must return RESULTS results.
 */
import { createInterface } from "node:readline";

import { CLIENTS } from "./clients.mjs";

const [task, client, inFlight, results, url, key] = process.argv.slice(2);
const call = await CLIENTS[task][client](url, key);

async function slice(seconds) {
    const cpu = process.cpuUsage();
    const started = performance.now();
    const ends = started + seconds * 1000;
    const repeat = async () => {
        let calls = 0;
        do {
            const count = await call();
            // Fast failures would distort the measurement.
            if (count !== Number(results)) throw new Error(`the call returned ${count} results instead of ${results}`);
            calls++;
        } while (performance.now() < ends);
        return calls;
    };
    const calls = await Promise.all(Array.from({ length: Number(inFlight) }, repeat));
    const { user, system } = process.cpuUsage(cpu);
    const done = calls.reduce((sum, calls) => sum + calls);
    return `${done} ${(performance.now() - started) / 1000} ${(user + system) / 1e6}`;
}

if (task === "keys") {
    // V8 compiles the clients during the first thousands of calls.
    for (let calls = 0; calls < 10_000; ) calls += parseInt(await slice(1));
}
for await (const seconds of createInterface({ input: process.stdin })) {
    console.log(await slice(Number(seconds)));
}
