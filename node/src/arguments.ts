/**
 * Checks the arguments of public functions. Each error names the argument. No error contains the value of the argument,
 * because the value may be a misplaced secret.
 */

/** Returns the argument if it is a string without a lone surrogate, and throws `TypeError` otherwise. */
export function text(name: string, value: unknown): string {
    const given = of("string", name, value) as string;
    if (/\p{Surrogate}/u.test(given)) {
        throw new TypeError(`argument '${name}': a surrogate stands alone in it`);
    }
    return given;
}

/** Returns the argument if it is a number, and throws `TypeError` otherwise. */
export function number(name: string, value: unknown): number {
    return of("number", name, value) as number;
}

/** Returns the argument if it is an integer from -(2^53 - 1) to 2^53 - 1, and throws `TypeError` otherwise. */
export function whole(name: string, value: unknown): number {
    const given = number(name, value);
    if (!Number.isInteger(given)) {
        throw new TypeError(`argument '${name}' must be a whole number`);
    }
    if (!Number.isSafeInteger(given)) {
        throw new TypeError(`argument '${name}' is out of range: its absolute value is above 2^53 - 1`);
    }
    return given;
}

/** Returns the argument if it is a boolean, and throws `TypeError` otherwise. */
export function yes(name: string, value: unknown): boolean {
    return of("boolean", name, value) as boolean;
}

/** Returns `undefined` if the value is `undefined`. Passes any other value to `check`, and returns the result. */
export function optional<T>(check: (name: string, value: unknown) => T, name: string, value: unknown): T | undefined {
    return value === undefined ? undefined : check(name, value);
}

/** Returns the argument if it is an object other than `null`, and throws `TypeError` otherwise. */
export function object<T extends object>(name: string, value: T): T {
    return of("object", name, value) as T;
}

const LONGEST_NAME = 30;

/**
 * Returns a copy of the argument with exactly the members `names`. Throws `TypeError` if the argument is not an object,
 * or has another member. A misspelled option such as `baseURL` is therefore an error.
 */
export function knownOptions<T extends object>(name: string, value: T, names: readonly string[]): T {
    if (Symbol.iterator in object(name, value)) {
        throw new TypeError(`argument '${name}' must be a plain object of options`);
    }
    // Inherited members are not checked, so that an `AbortController` can be passed for its `signal`.
    for (const given of Object.keys(value)) {
        if (!names.includes(given)) {
            const meant = names.find((known) => alike(known) === alike(given));
            const instead = meant === undefined ? `it takes ${names.join(", ")}` : `did you mean '${meant}'?`;
            // Hides a long name, because the name may be an API key.
            const unknown = given.length > LONGEST_NAME ? "with a long name" : `'${given}'`;
            throw new TypeError(`argument '${name}' has an unknown option ${unknown}: ${instead}`);
        }
    }
    return Object.fromEntries(names.map((known) => [known, option(value, known)])) as T;
}

/**
 * Returns the member `name` of an object, or `undefined` if there is none. Ignores members that the object inherits
 * from `Object.prototype`, because other code of the process may have added them. Does not ignore members that the
 * object inherits from its class.
 */
export function option<T extends object, K extends keyof T & string>(value: T, name: K): T[K] | undefined;
export function option(value: object, name: string): unknown;
export function option(value: any, name: string): unknown {
    for (let owner = value; owner !== null; owner = Object.getPrototypeOf(owner)) {
        if (Object.hasOwn(owner, name)) {
            const isOfEveryObject = owner !== value && Object.getPrototypeOf(owner) === null;
            return isOfEveryObject ? undefined : value[name];
        }
    }
    return undefined;
}

/**
 * Returns a name in lower case and without separators. Two names that differ only in case and separators become equal.
 */
function alike(name: string): string {
    return name.toLowerCase().replace(/[-_]/g, "");
}

/**
 * Returns the entries of an object, a `Map` or `Headers` as pairs of strings. Throws `TypeError` if the value of an
 * entry is not a string, a number or a boolean.
 */
export function entries(name: string, value: object | undefined): [string, string][] {
    const given = value === undefined ? {} : object(name, value);
    const pairs: unknown[] = Symbol.iterator in given ? [...(given as Iterable<unknown>)] : Object.entries(given);
    return pairs.map((pair) => {
        if (!Array.isArray(pair) || pair.length !== 2) {
            throw new TypeError(`argument '${name}': what is in it is no pair of a name and a value`);
        }
        const [key, value]: unknown[] = pair;
        if (!["string", "number", "boolean"].includes(typeof value) || isNoNumber(value)) {
            throw new TypeError(
                `argument '${name}': a value in it is ${kind(value)}, and no string, number or boolean`,
            );
        }
        return [text(name, key), text(name, String(value))];
    });
}

/**
 * Serializes an argument to JSON. Throws `TypeError` for a value that `JSON.stringify` would omit or replace by `null`.
 * An object member with the value `undefined` is allowed, and is omitted.
 */
export function json(name: string, value: unknown): string {
    return JSON.stringify(value, function (this: any, key, value) {
        const isLost =
            isNoNumber(value) ||
            ["bigint", "function", "symbol"].includes(typeof value) ||
            (value === undefined && (key === "" || Array.isArray(this))) ||
            (value === null && this[key] instanceof Date) ||
            value instanceof Map ||
            value instanceof Set;
        if (isLost) {
            const what = value === null ? "an invalid date" : kind(value);
            throw new TypeError(`argument '${name}': ${what} in it cannot be written as JSON`);
        }
        return value;
    });
}

function of(type: string, name: string, value: unknown): unknown {
    if (typeof value !== type || value === null) {
        throw new TypeError(`argument '${name}' must be ${article(type)}, and is ${kind(value)}`);
    }
    return value;
}

/** Whether a value is NaN or infinite. */
function isNoNumber(value: unknown): boolean {
    return typeof value === "number" && !Number.isFinite(value);
}

/** Returns the type of a value for an error message, such as `a string`. The result does not contain the value. */
export function kind(value: unknown): string {
    return value === null || value === undefined || isNoNumber(value) ? String(value) : article(typeof value);
}

function article(type: string): string {
    return `${type === "object" ? "an" : "a"} ${type}`;
}
