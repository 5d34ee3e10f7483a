/** The clients, each a function that makes the call: two keys, read from JSON. */
import { connect } from "node:net";

import { CodatPlatform } from "@codat/platform";
import { Client } from "codat-keys";
import { Pool } from "undici";

const PATH = "/apiKeys";
const authorization = (key) => `Basic ${Buffer.from(key).toString("base64")}`;

function codatKeys(url, key) {
    const client = new Client({ baseUrl: url, apiKey: key });
    return () => client.keys.list();
}

function codatPlatform(url, key) {
    const client = new CodatPlatform({ authHeader: authorization(key), serverURL: url });
    return async () => (await client.settings.listApiKeys()).results;
}

function undici(url, key) {
    const pool = new Pool(url);
    const headers = { authorization: authorization(key), accept: "application/json" };
    return async () => {
        const { statusCode, body } = await pool.request({ method: "GET", path: PATH, headers });
        const { results } = JSON.parse(await body.text());
        return statusCode === 200 && results;
    };
}

function bareSocket(url, key) {
    const { hostname, port, host } = new URL(url);
    const request = `GET ${PATH} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: ${authorization(key)}\r\n\r\n`;
    const idle = [];
    return async () => {
        const socket = idle.pop() ?? connect({ host: hostname, port, noDelay: true }).setEncoding("latin1");
        const answer = await new Promise((resolve, reject) => {
            let answer = "";
            const read = (part) => {
                answer += part;
                // An answer is taken to be whole once it ends as a list does.
                if (answer.endsWith("]}")) {
                    socket.off("data", read).off("error", reject);
                    resolve(answer);
                }
            };
            socket.on("data", read).on("error", reject).write(request);
        });
        idle.push(socket);
        return JSON.parse(answer.slice(answer.indexOf("\r\n\r\n"))).results;
    };
}

export const CLIENTS = {
    "codat-keys from Node": codatKeys,
    "@codat/platform": codatPlatform,
    "undici Pool and JSON.parse": undici,
    "a bare socket and JSON.parse": bareSocket,
};
