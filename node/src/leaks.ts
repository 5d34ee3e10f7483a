/** Finds API keys in the output of a bundler, and reports them. */
import type { Finding, Scanner } from "./scan";

export type Content = string | Uint8Array;

/** A file of the output. */
export interface Output {
    name: string;
    content: Content;
    /** Returns the modules that may be in the file: the name and the content of each. Called if the file has an API key. */
    modules?: () => Iterable<readonly [name: string, content: Content]>;
}

/** An API key in the output of a build. No member contains the API key. */
export interface Leak {
    /** The chunk, the asset or the source map. */
    readonly output: string;
    /** The module that contains the API key. `null` if it is not known. */
    readonly module: string | null;
    /**
     * The finding, with its position in `output`. If `output` is a source map and `module` is known, the position is
     * that in `module`.
     */
    readonly finding: Finding;
}

/** The largest number of leaks in a message. */
const SHOWN = 10;

/** The output of a build contains an API key. No text of the error contains the API key. */
export class LeakError extends Error {
    static {
        this.prototype.name = "LeakError";
    }
    /** The places of the API keys. */
    readonly leaks: readonly Leak[];

    /** @internal */
    constructor(leaks: readonly Leak[]) {
        const places = leaks.slice(0, SHOWN).map(place);
        if (leaks.length > SHOWN) places.push(`and ${leaks.length - SHOWN} more`);
        super(
            `the build contains an API key of Codat:\n${places.join("\n")}\n` +
                "Remove the key from client code: call Codat from a server. If an earlier build with the key was " +
                "published, rotate the key: codat-keys rotate",
        );
        this.leaks = leaks;
    }
}

function place({ output, module, finding }: Leak): string {
    const position = `:${finding.line}:${finding.column}`;
    let where = output + position;
    if (module !== null) {
        where = isMap(output) ? `${output} › ${module}${position}` : `${where}, from ${module}`;
    }
    const key = finding.keyName ?? finding.keyId;
    return `  ${where} (${finding.encoding}${key === null ? "" : `, the key ${key}`})\n    ${finding.excerpt.trim()}`;
}

function isMap(name: string): boolean {
    return name.endsWith(".map");
}

/** Returns the API keys in a file and in its name. */
export function leaksIn(scanner: Scanner, { name, content, modules }: Output): Leak[] {
    const output = shown(scanner, name);
    const findings = [...scanner.scanBytes(bytes(name)), ...scanner.scanBytes(bytes(content))];
    if (findings.length === 0) return [];
    if (isMap(name)) {
        const ofSources = leaksInSources(scanner, output, content);
        return ofSources.length > 0 ? ofSources : findings.map((finding) => ({ output, module: null, finding }));
    }
    const module = modules === undefined ? null : moduleWithKey(scanner, modules());
    return findings.map((finding) => ({ output, module, finding }));
}

/** Returns the API keys in the sources that a source map contains. */
function leaksInSources(scanner: Scanner, output: string, content: Content): Leak[] {
    let map: any;
    try {
        map = JSON.parse(Buffer.from(bytes(content)).toString());
    } catch {
        return [];
    }
    const sources: unknown = map?.sourcesContent;
    if (!Array.isArray(sources)) return [];
    return sources.flatMap((source, index) =>
        scanner.scanBytes(bytes(String(source))).map((finding) => {
            const name = map.sources?.[index];
            return { output, module: typeof name === "string" ? shown(scanner, name) : null, finding };
        }),
    );
}

/** Returns the name of the first module with an API key. */
function moduleWithKey(scanner: Scanner, modules: Iterable<readonly [string, Content]>): string | null {
    for (const [name, content] of modules) {
        if (scanner.scanBytes(bytes(content)).length > 0) return shown(scanner, name);
    }
    return null;
}

function bytes(content: Content): Uint8Array {
    return typeof content === "string" ? Buffer.from(content) : content;
}

/** Returns a name for a message: control characters are escaped, and a name that contains an API key is not shown. */
function shown(scanner: Scanner, name: string): string {
    if (scanner.scanBytes(bytes(name)).length > 0) return "(a name that contains an API key)";
    return name.replace(/[\p{Cc}\p{Bidi_Control}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
}
