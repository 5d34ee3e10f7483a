/**
 * A client for Codat's API. It authenticates any request, and lists, creates and deletes API keys. It refuses to delete
 * the last API key. It also refuses to delete the API key that it uses, unless an option allows this.
 *
 * ```ts
 * import { Client } from "codat-keys";
 *
 * const client = new Client(); // CODAT_API_KEY, CODAT_AUTH_HEADER or CODAT_API_KEY_FILE
 * for (const key of await client.keys.list()) {
 *     console.log(key.name, key.apiKey.masked());
 * }
 * ```
 *
 * All times are in milliseconds.
 */
export { Client } from "./client";
export { Keys } from "./keys";
export type { Key, KeyFunction } from "./key-callback";
export { ApiKeyDetails, Creation } from "./key-types";
export type { AttemptErrorMessage, AttemptResponseMessage } from "./diagnostics";
export { CodatError, RotationError, type RotationErrorKind } from "./error";
export * from "./errors";
export type {
    CallOptions,
    ClientOptions,
    CreateOptions,
    DeleteOptions,
    KeyCommand,
    PagesOptions,
    Parameters,
    RequestOptions,
} from "./options";
export { Pages } from "./pages";
export type {
    RotationEvent,
    RotationPlan,
    RotationReport,
    RotationState,
    RotationStatus,
    SinkProgress,
} from "./reports";
export { ResponseStream } from "./response-stream";
export { Page, RateLimit, Response } from "./responses";
export {
    type JournalStore,
    MemoryJournal,
    type RotateOptions,
    Rotation,
    type RotationOptions,
    type Sink,
} from "./rotation";
export { ApiKey, AuthorizationHeader, encode } from "./secrets";
