/** What JavaScript passes, with the name of the argument in whatever is wrong with it. No error holds a value: it may be a
 * secret in the wrong place. */

export function text(name: string, value: unknown): string {
    const given = of("string", name, value) as string;
    if (/\p{Surrogate}/u.test(given)) {
        throw new TypeError(`argument '${name}': a surrogate stands alone in it`);
    }
    return given;
}

export function number(name: string, value: unknown): number {
    return of("number", name, value) as number;
}

export function whole(name: string, value: unknown): number {
    if (!Number.isSafeInteger(number(name, value))) {
        throw new TypeError(`argument '${name}' must be a whole number`);
    }
    return value as number;
}

export function yes(name: string, value: unknown): boolean {
    return of("boolean", name, value) as boolean;
}

/** What may be left out. */
export function optional<T>(check: (name: string, value: unknown) => T, name: string, value: unknown): T | undefined {
    return value === undefined ? undefined : check(name, value);
}

/** The entries of an object whose values can stand in a query or a header. */
export function entries(name: string, value: unknown): [string, string][] {
    if (value === undefined) {
        return [];
    }
    return Object.entries(of("object", name, value) as object).map(([key, value]: [string, unknown]) => {
        if (!["string", "number", "boolean"].includes(typeof value)) {
            throw new TypeError(
                `argument '${name}': a value in it is ${kind(value)}, and no string, number or boolean`,
            );
        }
        return [text(name, key), text(name, String(value))];
    });
}

function of(type: string, name: string, value: unknown): unknown {
    if (typeof value !== type || value === null) {
        throw new TypeError(`argument '${name}' must be ${article(type)}, and is ${kind(value)}`);
    }
    return value;
}

function kind(value: unknown): string {
    return value === null || value === undefined ? String(value) : article(typeof value);
}

function article(type: string): string {
    return `${type === "object" ? "an" : "a"} ${type}`;
}
