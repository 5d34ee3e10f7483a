// Uses every public name with its types. TypeScript compiles this file with each module resolution, and never runs it.
import {
    ApiKey,
    ApiKeyDetails,
    type AttemptErrorMessage,
    type AttemptResponseMessage,
    AuthorizationHeader,
    BadResponseError,
    type CallOptions,
    Client,
    type ClientOptions,
    ClosedError,
    CodatError,
    ConflictError,
    ConnectError,
    type CreateOptions,
    Creation,
    type DeleteOptions,
    ForbiddenError,
    InternalError,
    InvalidCredentialError,
    InvalidInputError,
    type JournalStore,
    type Key,
    type KeyCommand,
    type KeyFunction,
    KeyInUseError,
    KeyLimitReachedError,
    Keys,
    LastKeyError,
    MemoryJournal,
    NoCredentialError,
    NotFoundError,
    OutcomeUnknownError,
    Page,
    Pages,
    type PagesOptions,
    type Parameters,
    PaymentRequiredError,
    RateLimit,
    RateLimitedError,
    type RequestOptions,
    Response,
    ResponseStream,
    type RotateOptions,
    Rotation,
    RotationError,
    type RotationErrorKind,
    type RotationEvent,
    type RotationOptions,
    type RotationPlan,
    type RotationReport,
    type RotationState,
    type RotationStatus,
    ServerError,
    type Sink,
    type SinkProgress,
    TimeoutError,
    TooLargeError,
    UnauthorizedError,
    encode,
} from "codat-keys";
import { codatAuth as forAxios } from "codat-keys/axios";
import {
    type BundlerOptions,
    type Leak,
    LeakError,
    codatEsbuild,
    codatRollup,
    codatVite,
    codatWebpack,
} from "codat-keys/bundler";
import { codatFetch } from "codat-keys/fetch";
import { connect, security } from "codat-keys/official";
import { type Finding, type KeyToFind, type ScanOptions, Scanner, type Unread } from "codat-keys/scan";
import { Emulator, type EmulatorOptions } from "codat-keys/testing";
import { codatAuth as forUndici } from "codat-keys/undici";
import { Agent } from "undici";

import { Readable } from "node:stream";

interface Invoice {
    id: string;
    totalAmount: number;
}

const provide: KeyFunction = async (): Promise<Key> => new ApiKey("MadeUpKey");
const command: KeyCommand = { argv: ["vault", "read"], timeout: 5_000, cachedFor: 60_000 };
const callOptions: CallOptions = { signal: AbortSignal.timeout(1_000), timeout: 1_000 };
const clientOptions: ClientOptions = { apiKey: provide, baseUrl: "https://api.codat.io", retry: false };

export async function keys(): Promise<void> {
    const client = new Client({ ...clientOptions, apiKey: undefined, apiKeyCommand: command });
    const keys: Keys = client.keys;
    const createOptions: CreateOptions = { ...callOptions, adopt: true };
    const creation: Creation = await keys.create("ci", createOptions);
    const how: "created" | "replayed" | "adopted" = creation.how;
    const listed: ApiKeyDetails[] = [...(await keys.list()), ...(await keys.find("ci")), creation.key];
    const secret: string = listed.map((key) => key.apiKey.masked()).join(how);
    const deleteOptions: DeleteOptions = { allowKeyInUse: false };
    await keys.delete((await keys.get(secret, callOptions)).id, deleteOptions);
    const header: AuthorizationHeader = await client.authorize(client.baseUrl);
    const another: AuthorizationHeader | null = await client.reauthorize(client.baseUrl, header);
    const { apiKey } = another ?? client.authorizationFor(new URL(client.baseUrl));
    const equal: boolean = apiKey.equals(new ApiKey(encode("MadeUpKey")));
    client.checkNextHop(`${client.baseUrl}/${equal}/${await client.reloadKey()}/${(await client.whoami()).name}`);
    await client.close();
}

export async function reads(client: Client): Promise<number> {
    const params: Parameters = { syncAll: true, page: 1 };
    const requestOptions: RequestOptions = { params, json: { name: "Example" }, headers: new Map([["x-own", "1"]]) };
    const response: Response = await client.request("POST", "/companies", requestOptions);
    const remaining: RateLimit | null = response.rateLimit ?? client.rateLimit;
    const invoice: Invoice = response.json<Invoice>();
    const inferred: Invoice = response.json();
    // @ts-expect-error: a value of an unknown type has no members.
    response.json().id;

    const pagesOptions: PagesOptions = { pageSize: 500, query: "status=Linked", orderBy: "-name", concurrency: 8 };
    const pages: Pages<Invoice> = client.pages<Invoice>("/invoices", pagesOptions);
    const changed: boolean = pages.totalChanged;
    const total = ({ totalResults }: Page): number => totalResults;
    for await (const page of pages) {
        const results: Invoice[] = page.results;
        return total(page) + results.length + page.response.status;
    }
    for await (const result of client.pages<Invoice>("/invoices").items()) {
        return result.totalAmount + invoice.totalAmount + inferred.totalAmount;
    }
    for await (const result of client.pages("/invoices").items()) {
        // @ts-expect-error: a result of an unknown type has no members.
        result.totalAmount;
    }
    const first: Page<Invoice> | undefined = (await pages.next()).value;
    return remaining?.remaining ?? first?.totalResults ?? Number(changed);
}

export async function rotates(client: Client): Promise<string | null> {
    let stored: ApiKey | undefined;
    const sink: Sink = { name: "memory", deliver: async (key) => void (stored = key), read: async () => stored };
    const onEvent = (event: RotationEvent): void => {
        const state: RotationState | number = event.event === "state" ? event.state : 0;
        const wait: number = event.event === "retrying" ? event.wait : event.event.length;
        console.log(state, wait, event.event === "waiting" && event.until.getTime());
    };
    const remote: Sink = { name: "remote", deliver: (key) => void key, confirm: (key) => key.masked() !== "" };
    const store: JournalStore = {
        list: async () => [1],
        get: () => null,
        create: (name, seq, entry) => name.length + seq + entry.length > 0,
        lock: async () => () => {},
        machine: "this",
    };
    const journals: (JournalStore | string)[] = [store, new MemoryJournal(), "folder"];
    await client.keys.rotate({ sinks: [remote], journal: journals[0], lease: 300_000, probeTimeout: 120_000 });
    const options: RotationOptions = { sinks: [sink], key: "id", grace: 1_000, deleteFirst: new Set(["id"]), onEvent };
    const rotateOptions: RotateOptions = { ...options, signal: AbortSignal.timeout(1_000) };
    const rotation: Rotation = client.keys.rotation(options);
    const plan: RotationPlan = await rotation.plan();
    const status: RotationStatus | null = await rotation.status();
    try {
        const report: RotationReport = await client.keys.rotate(rotateOptions);
        const progress: SinkProgress | undefined = report.sinks["memory"];
        return progress ?? (await rotation.finish({ signal: rotateOptions.signal })).newKey;
    } catch (error) {
        if (!(error instanceof RotationError)) throw error;
        const kind: RotationErrorKind = error.kind;
        return error.report?.reason ?? `${kind}${plan.sinks["memory"]}${status?.heldUntil?.getTime()}`;
    }
}

export async function stream(client: Client): Promise<number> {
    const response: ResponseStream = await client.stream("GET", "/companies", callOptions);
    let bytes = (response.contentLength ?? 0) + response.status + Object.keys(response.headers).length;
    for await (const chunk of response.body) {
        const { length }: Uint8Array = chunk;
        bytes += length + (response.rateLimit?.remaining ?? 0);
    }
    const { value }: { value?: Uint8Array } = await response.body.getReader().read();
    return Readable.fromWeb(response.body).readableLength + (value?.length ?? bytes);
}

export function errors(error: CodatError): number | null {
    if (error instanceof OutcomeUnknownError) {
        const candidates: readonly ApiKeyDetails[] | null = error.candidates;
        return candidates?.length ?? error.idempotencyKey?.length ?? 0;
    }
    const kinds = [
        BadResponseError,
        ClosedError,
        ConflictError,
        ConnectError,
        ForbiddenError,
        InternalError,
        InvalidCredentialError,
        InvalidInputError,
        KeyInUseError,
        KeyLimitReachedError,
        LastKeyError,
        NoCredentialError,
        NotFoundError,
        PaymentRequiredError,
        RateLimitedError,
        ServerError,
        TimeoutError,
        TooLargeError,
        UnauthorizedError,
    ];
    return kinds.some((kind) => error instanceof kind && error.code === kind.code) ? error.retryAfter : error.status;
}

export function attempts(message: AttemptErrorMessage | AttemptResponseMessage): string {
    const ended: number | string = "code" in message ? message.code : message.status;
    return `${message.method} ${message.path}, attempt ${message.attempt}: ${ended} in ${message.duration} ms`;
}

export async function integrations(client: Client): Promise<unknown[]> {
    const response = await codatFetch(client)(client.baseUrl);
    const status: number = response.status;
    const instance = { defaults: {}, interceptors: {}, request: async (): Promise<number> => status };
    const sdk = connect(client, class Sdk {});
    const header: string = await security(client)();
    const dispatcher = new Agent().compose(forUndici(client));
    return [forAxios(client, instance as never), sdk, header, dispatcher];
}

export async function scan(client: Client): Promise<string[]> {
    const keys: KeyToFind[] = [...(await client.keys.list()), new ApiKey("MadeUpKeyMadeUpKey"), "MadeUpKeyMadeUpKey"];
    const options: ScanOptions = { signal: AbortSignal.timeout(1_000) };
    const scanner = new Scanner(keys);
    const places: string[] = [];
    for await (const item of scanner.scanPaths(["dist", new URL("file:///tmp")], options)) {
        const place: string | null = item.place;
        places.push(item.kind === "unread" ? unread(item) : finding(item), place ?? "");
    }
    return [...places, ...scanner.scanBytes(new Uint8Array(1)).map(finding)];
}

function finding({ range: [start, end], key, keyId, keyName, severity, line, column, ...rest }: Finding): string {
    const number: number = start + end + key + line + column;
    return `${number} ${keyId ?? keyName ?? ""} ${severity === "low"} ${rest.encoding} ${rest.excerpt}`;
}

function unread({ place, reason }: Unread): string {
    return `${place}: ${reason}`;
}

export function bundlers(client: Client): unknown[] {
    const options: BundlerOptions = { keys: () => client.keys.list() };
    return [codatVite(), codatRollup(options), codatWebpack({ keys: ["MadeUpKeyMadeUpKey"] }), codatEsbuild(options)];
}

export function leaks(error: LeakError): string[] {
    return error.leaks.map(({ output, module, finding: found }: Leak) => `${output} ${module ?? ""} ${finding(found)}`);
}

export async function emulator(): Promise<Client> {
    const emulatorOptions: EmulatorOptions = { seed: 7 };
    const emulator = new Emulator(emulatorOptions);
    await emulator.setFaults([{ method: "POST", path: "/apiKeys", fault: "drop-after" }]);
    await emulator.setState({ enforceLimits: true });
    await emulator.advanceClock(1_000);
    await emulator.clearJournal();
    const environment: { CODAT_BASE_URL: string; CODAT_API_KEY: string } = emulator.environment;
    const counted: number = (await emulator.journal()).length + Object.keys(await emulator.state()).length;
    await emulator.stop();
    return new Client({ baseUrl: environment.CODAT_BASE_URL, apiKey: emulator.apiKey, timeout: counted });
}
