/** The class `Keys`, which contains the operations on API keys. */
import { knownOptions, optional, text, yes } from "./arguments";
import { type Own, make, start } from "./calls";
import { ApiKeyDetails, Creation } from "./key-types";
import type { Call, KeyData } from "./native";
import { type CallOptions, type CreateOptions, type DeleteOptions, callOptions } from "./options";
import type { RotationReport } from "./reports";
import { ROTATION_OPTIONS, type RotateOptions, Rotation, type RotationOptions } from "./rotation";

/**
 * The operations on API keys. The member `keys` of a `Client` has this class.
 *
 * In addition to the errors that each method documents, every method can reject with `UnauthorizedError`,
 * `PaymentRequiredError`, `ForbiddenError`, `RateLimitedError`, `ServerError`, `ConnectError`, `TimeoutError`,
 * `BadResponseError` or `TooLargeError`. If the signal of a call is aborted, the call rejects with the reason of the
 * signal.
 *
 * A request is retried after a lost connection, and after the statuses 408, 429, 500, 502, 503 and 504. There are at
 * most 4 attempts. The delays between the attempts are random: at most 250 ms, 500 ms and 1 s. A `Retry-After` header
 * replaces the random delay.
 */
export class Keys {
    readonly #own: Own;

    /** @internal */
    constructor(own: Own) {
        this.#own = own;
    }

    /**
     * Lists all API keys, in the order in which Codat returns them. There are at most ten. Each API key contains its
     * secret value.
     */
    async list(options: CallOptions = {}): Promise<ApiKeyDetails[]> {
        return keys(await start(this.#own, { call: "list" }, options));
    }

    /**
     * Returns the API key with this id. Sends a request for the list of API keys. Rejects with `NotFoundError` if no
     * API key has this id.
     */
    async get(id: string, options: CallOptions = {}): Promise<ApiKeyDetails> {
        return new ApiKeyDetails(await start(this.#own, { call: "get", id: text("id", id) }, options));
    }

    /**
     * Lists the API keys with exactly this name. The result can contain several API keys, because names are not unique.
     * It can also be empty.
     */
    async find(name: string, options: CallOptions = {}): Promise<ApiKeyDetails[]> {
        return keys(await start(this.#own, { call: "find", name: text("name", name) }, options));
    }

    /**
     * Creates exactly one API key with this name. Sends at most 4 requests with the same idempotency key. The timeout
     * of each request is 15 s, and the timeout of the call is 60 s.
     *
     * Rejects with `KeyLimitReachedError` if there are already ten API keys. Rejects with `OutcomeUnknownError` if no
     * response confirms whether an API key was created. If `signal` is aborted after a request was sent, the call
     * rejects with `OutcomeUnknownError`, and not with the reason of `signal`. `OutcomeUnknownError` contains the API
     * keys that the call may have created, and an idempotency key. Pass the idempotency key to `create` to resume the
     * call.
     */
    async create(name: string, options: CreateOptions = {}): Promise<Creation> {
        const given = callOptions(options, ["adopt", "idempotencyKey"]);
        const { adopt = false, idempotencyKey } = given;
        const call: Call = {
            call: "create",
            name: text("name", name),
            adopt: yes("adopt", adopt),
            idempotencyKey: optional(text, "idempotencyKey", idempotencyKey),
        };
        return new Creation((await make(this.#own, call, given)).value);
    }

    /**
     * Deletes the API key with this id permanently. Sends at most 4 requests. The timeout of each request is 10 s, and
     * the timeout of the call is 30 s.
     *
     * Rejects with `NotFoundError` if no API key has this id, and with `LastKeyError` for the last API key. Unless
     * `allowKeyInUse` is true, rejects with `KeyInUseError` for the API key that the client uses. In these cases,
     * nothing is deleted. Rejects with `OutcomeUnknownError` if no response confirms whether the API key was deleted.
     *
     * This method lists the API keys before the deletion. If another process deletes API keys after this listing, this
     * method can still delete the last API key.
     */
    async delete(id: string, options: DeleteOptions = {}): Promise<void> {
        const given = callOptions(options, ["allowKeyInUse"]);
        const allowKeyInUse = yes("allowKeyInUse", given.allowKeyInUse ?? false);
        await make(this.#own, { call: "delete", id: text("id", id), allowKeyInUse }, given);
    }

    /**
     * Returns a rotation, which replaces an API key with a new one. Call the method `start` of the rotation to run the
     * rotation. This method sends nothing.
     *
     * Throws `InvalidInputError` for an invalid id, and `TypeError` if an option has a wrong type or is out of range.
     */
    rotation(options: RotationOptions): Rotation {
        return new Rotation(this.#own, options);
    }

    /**
     * Replaces an API key with a new one. This method creates a rotation with the method `rotation`, and starts it. By
     * default, the old API key works until `Rotation.finish` is called.
     *
     * Rejects with `RotationError`. A rotation that was interrupted can be resumed: see `Rotation`.
     */
    async rotate(options: RotateOptions): Promise<RotationReport> {
        const { signal, ...given } = knownOptions("options", options, ["signal", ...ROTATION_OPTIONS]);
        return this.rotation(given).start({ signal });
    }
}

function keys(found: KeyData[]): ApiKeyDetails[] {
    return found.map((key) => new ApiKeyDetails(key));
}
