// Written by `cargo xtask generate` from `bindings/node/src`. Do not edit.
/** The functions and classes of the native module, and the types of their arguments and results. */

/** The pending calls of one JavaScript environment. Dropping this value cancels the calls. */
export declare class PendingCalls {
    /**
     * Creates an empty registry of pending calls for the current JavaScript environment. `settle` is a JavaScript
     * function that handles events. The thread of the environment calls `settle` when there are new events.
     */
    constructor(settle: (events: string, attachments: (Response | ResponseStream | Uint8Array)[], errors: ErrorData[]) => void);
    /**
     * Starts a call. `number` identifies the call in the events of the call. If `observed` is true, JavaScript also
     * receives an event at the end of each HTTP request of the call.
     */
    start(number: number, observed: boolean, core: Core, timeout: number | undefined | null, call: Call): void;
    /**
     * Starts a call that requests the next page. The event at the end of the call has the response as its attachment.
     * After the last page, this event has no attachment.
     */
    next(number: number, observed: boolean, core: Core, timeout: number | undefined | null, cursor: PageCursor): void;
    /** Starts a call that reads the next chunk of a response. At the end of the body, the call returns no chunk. */
    read(number: number, core: Core, response: ResponseStream): void;
    /** Starts an operation of a rotation, such as `resume` or `status`. */
    rotate(number: number, observed: boolean, core: Core, rotation: RotationCore, verb: string): void;
    /**
     * Cancels a call, and closes the connection of its HTTP request. JavaScript still receives an event when the call
     * ends. If a call that can change data fails, its error says whether data may have changed.
     */
    stop(number: number): void;
    /**
     * Passes the return value of a JavaScript function to the call that waits for this value. The function is the key
     * callback or a function of a rotation. `request` is the number from the event that requested the run of the
     * function. `text` is `null` if the function returned nothing.
     */
    complete(request: number, text?: string | undefined | null): void;
    /**
     * Reports that the key callback or a function of a rotation failed. `request` is the number from the event that
     * requested the run of the function. `why` is the message of the error. `thrown` is true if the function threw an
     * exception, and false if the function returned a wrong value.
     */
    fail(request: number, why: string, thrown: boolean): void;
    /** Sets whether pending calls keep the process alive. */
    hold(held: boolean): void;
}

/** The options of a rotation. Times are in milliseconds. */
export interface RotationData {
    sinks: Array<SinkData>;
    key?: string;
    /** The folder of the journals. */
    journal?: string;
    /** The journal store. If `store` has a value, the rotation ignores `journal`. */
    store?: StoreData;
    journalName: string;
    name?: string;
    grace?: number;
    overwrite: boolean;
    deleteFirst: Array<string>;
    lease?: number;
    probeTimeout?: number;
}

/** The data of a sink. The functions of the sink stay in JavaScript. The timeout is in milliseconds. */
export interface SinkData {
    name: string;
    /** Whether the sink has the function `confirm` instead of `read`. */
    confirms: boolean;
    timeout?: number;
}

/** The data of a journal store. The functions of the store stay in JavaScript. The timeout is in milliseconds. */
export interface StoreData {
    /** Identifies the store within this process. */
    id: string;
    /** Whether the store has the function `lock`. */
    locks: boolean;
    machine?: string;
    timeout?: number;
}

/** The native part of the JavaScript class `Rotation`. */
export declare class RotationCore {
    constructor(options: RotationData);
}

/** A key to search for. The id and the name contain no key. */
export interface ScanKeyData {
    key: string;
    id?: string;
    name?: string;
}

/** An occurrence of a key. */
export interface FindingData {
    place: string;
    line: number;
    column: number;
    start: number;
    end: number;
    encoding: string;
    severity: string;
    key: number;
    keyId: string | null;
    keyName: string | null;
    excerpt: string;
}

/** An event of a scan of files. Exactly one of `finding` and `reason` has a value. */
export interface ScanEventData {
    finding: FindingData | null;
    /** The file that was not read. Empty if there is a finding. */
    place: string;
    /** The reason why the file was not read. */
    reason: string | null;
}

/** The native part of `Scanner`. */
export declare class ScannerCore {
    constructor(keys: Array<ScanKeyData>);
    numberOfKeys(): number;
    scanBytes(bytes: Uint8Array): Array<FindingData>;
    /** Starts a scan of files and folders in a thread. */
    scanPaths(paths: Array<string>): PathScan;
}

/** A scan of files. */
export declare class PathScan {
    /** Resolves to the next events, and to an empty array after the end. */
    next(): Promise<ScanEventData[]>;
    stop(): void;
}

/** A call with its arguments. */
export type Call =
  | { call: "list" }
  | { call: "whoami" }
  | { call: "reloadKey" }
  | { call: "authorize"; url: string }
  | { call: "reauthorize"; url: string; rejected: string }
  | { call: "get"; id: string }
  | { call: "find"; name: string }
  | { call: "create"; name: string; adopt: boolean; idempotencyKey?: string }
  | { call: "delete"; id: string; allowKeyInUse: boolean }
  | { call: "request"; streamed: boolean; method: string; path: string; params: Array<[string, string]>; headers: Array<[string, string]>; body?: Uint8Array; maxResponseBytes?: number };

/**
 * The options of a client. An option without a value gets its default from an environment variable or from the Rust
 * client. Times are in milliseconds.
 */
export interface Options {
    apiKey?: string;
    authHeader?: string;
    apiKeyFile?: string;
    apiKeyCommand?: Command;
    profile?: string;
    hasCallback: boolean;
    baseUrl?: string;
    timeout?: number;
    retry?: boolean;
    caFile?: string;
    proxy?: string;
    allowInsecureHttp?: boolean;
    maxResponseBytes?: number;
}

/** A command that prints the API key. Times are in milliseconds. */
export interface Command {
    argv: Array<string>;
    timeout?: number;
    cachedFor?: number;
}

/** The native part of `Client`. */
export declare class Core {
    /**
     * Creates a client. `variable` is a JavaScript function that returns the value of an environment variable from
     * `process.env`. The environment of the process is not read directly, because each worker has its own
     * `process.env`.
     */
    constructor(options: Options, variable: (name: string) => string | undefined);
    /** Returns a cursor for the paginated list at `path`. The cursor starts at the first page. */
    pages(path: string, pageSize?: number | undefined | null, query?: string | undefined | null, orderBy?: string | undefined | null, concurrency?: number | undefined | null, maxResponseBytes?: number | undefined | null): PageCursor;
    rateLimit(): RateLimit | null;
    /**
     * Returns the API key for an HTTP request to `url`, without waiting. Returns an error if no API key has been read
     * yet. Also returns an error if the origin of `url` differs from the origin of the client's base URL.
     */
    authorizationFor(url: string): string;
    /**
     * Returns the cached API key for an HTTP request to `url`, without waiting. Returns `null` if a command or a key
     * callback must run first.
     */
    cachedAuthorization(url: string): string | null;
    checkNextHop(url: string): void;
    baseUrl(): string;
    close(): void;
    /** Returns the text that Node's `inspect` shows for the client. */
    shown(): string;
}

/** The cursor of a paginated list, such as the list of companies. It stores which page is requested next. */
export declare class PageCursor {
    totalChanged(): boolean;
    /**
     * Moves to the page after the parsed page. `results` is the number of results on the parsed page. `total` is the
     * total number of results on all pages, as the parsed page reports it. Returns false if the parsed page is
     * outdated and must be requested again.
     */
    accept(results: number, total: number): boolean;
    /**
     * Records that `response` could not be parsed as a page. The next call requests the page again. Returns an error
     * that says why the response is not a page.
     */
    reject(response: Response): void;
}

/** The quota of HTTP requests per day. `reset` is the time of the next reset, in milliseconds since the Unix epoch. */
export interface RateLimit {
    limit?: number;
    remaining?: number;
    reset?: number;
}

/**
 * An HTTP response. The body is copied to JavaScript only when JavaScript code reads the body. This class reports the
 * size of the body to the garbage collector.
 */
export declare class Response {
    status(): number;
    /** Returns the headers as pairs of a name and a value. */
    headers(): Array<[string, string]>;
    content(): Uint8Array;
    redacted(): Uint8Array;
    text(): string;
    /** Checks that the body is valid JSON. Returns an error if it is not. */
    checkJson(): void;
    correlationId(): string | null;
    rateLimit(): RateLimit | null;
}

/**
 * An HTTP response whose body is read in chunks. If the garbage collector frees the object before the end of the body,
 * the connection is closed.
 */
export declare class ResponseStream {
    status(): number;
    /** Returns the headers as pairs of a name and a value. */
    headers(): Array<[string, string]>;
    contentLength(): number | null;
    rateLimit(): RateLimit | null;
    /**
     * Closes the connection if the body has not ended. A running call that reads the body keeps the connection open
     * until the call ends.
     */
    close(): void;
}

/** The native part of the JavaScript class `Emulator` of `codat-keys/testing`. */
export declare class Emulator {
    constructor(port: number, seed?: number | undefined | null);
    baseUrl(): string;
    apiKey(): string;
    stop(): void;
}

/** Fails if the text cannot be an API key. */
export declare function checkKey(text: string): void;

/** Returns an error if the text cannot be sent in an HTTP header. */
export declare function checkVerbatim(text: string): void;

/** Returns the `Authorization` header for an API key, without checking the form of the API key. */
export declare function headerOf(key: string): string;

/** Returns the API key that an `Authorization` header contains. */
export declare function keyOf(header: string): string;

/**
 * Returns four asterisks and the last four characters of an API key. For an API key of fewer than twelve characters,
 * returns only the asterisks.
 */
export declare function masked(key: string): string;

/** Compares two API keys in constant time. */
export declare function same(key: string, other: string): boolean;

/** The data of an error. Times are in milliseconds. */
export interface ErrorData {
    code: string;
    message: string;
    hint: string;
    retryable: boolean;
    status: number | null;
    correlationId: string | null;
    retryAfter: number | null;
    codatMessage: string | null;
    attempts: number;
    elapsed: number;
    idempotencyKey: string | null;
    showsIdempotencyKey: boolean;
    candidates: Array<KeyData> | null;
    cause: ErrorData | null;
    /**
     * The number of the function run that threw the value that caused this error. `null` if the error has another
     * cause. Each run of the key callback, and each run of a function of a rotation, has a number.
     * `node/src/thrown-values.ts` stores the thrown value under this number.
     */
    thrown: number | null;
    /** The data of the rotation that failed. `null` if the call is not a rotation. */
    rotation: RotationErrorData | null;
}

/** The additional data of an error that a rotation caused. */
export interface RotationErrorData {
    kind: string;
    /** The report, as JSON. */
    report: string | null;
}

/** The details and the secret value of an API key. */
export interface KeyData {
    id: string;
    name: string | null;
    /** The id of the API key, for display. If the id contains an API key, that part is masked. */
    shownId: string;
    /** The name of the API key, for display. If the name contains an API key, that part is masked. */
    shownName: string | null;
    apiKey: string;
    createdDate: number | null;
}
