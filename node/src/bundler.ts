/**
 * Plug-ins for Vite, Rollup, webpack and esbuild. A client build whose output contains an API key fails, and writes no
 * file.
 *
 * ```ts
 * // vite.config.ts
 * import { codatVite } from "codat-keys/bundler";
 *
 * export default { plugins: [codatVite()] };
 * ```
 *
 * A plug-in scans all chunks, assets and source maps, as `codat-keys/scan` does. Add it after other plug-ins. It scans
 * what is in the output when it runs. Files that a later plug-in or another program adds are not scanned.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";

import { option, knownOptions } from "./arguments";
import { Client } from "./client";
import { CodatError } from "./error";
import { type Content, LeakError, type Output, leaksIn } from "./leaks";
import { type KeyToFind, Scanner } from "./scan";

export { type Leak, LeakError } from "./leaks";

/** The options of the plug-ins. */
export interface BundlerOptions {
    /**
     * The API keys to search for, or a function that returns them. The function runs for each build. With the function
     * `() => client.keys.list()`, the plug-in searches for all API keys of the client, and the error has their names.
     *
     * Default: the API key that `new Client()` uses, from `CODAT_API_KEY`, `CODAT_AUTH_HEADER` or `CODAT_API_KEY_FILE`.
     * No request is sent. The build fails if there is no API key.
     */
    keys?: Iterable<KeyToFind> | (() => Iterable<KeyToFind> | Promise<Iterable<KeyToFind>>) | undefined;
}

/** A plug-in for Rollup. */
interface RollupPlugin {
    name: string;
    generateBundle: {
        order: "post";
        handler(options: unknown, bundle: Record<string, any>): Promise<void>;
    };
}

/** A plug-in for Vite. */
interface VitePlugin extends RollupPlugin {
    apply: "build";
    enforce: "post";
    applyToEnvironment(environment: any): boolean;
    configResolved(config: any): void;
    buildStart(): Promise<void>;
}

/** A plug-in for webpack. */
interface WebpackPlugin {
    apply(compiler: any): void;
}

/** A plug-in for esbuild. */
interface EsbuildPlugin {
    name: string;
    setup(build: any): void;
}

const NAME = "codat-keys";

/**
 * Returns a plug-in for Rollup. The build fails with `LeakError` if its output contains an API key, and no file is
 * written.
 */
export function codatRollup(options: BundlerOptions = {}): RollupPlugin {
    return rollupPlugin(checker(options));
}

function rollupPlugin(check: Check): RollupPlugin {
    return {
        name: NAME,
        generateBundle: { order: "post", handler: (_, bundle) => check(rollupOutputs(bundle)) },
    };
}

/**
 * Returns a plug-in for Vite. The build fails with `LeakError` if its output contains an API key, and no file is
 * written. The plug-in also scans the public folder. It scans client builds only, not server builds.
 */
export function codatVite(options: BundlerOptions = {}): VitePlugin {
    const check = checker(options);
    const publicFolders: string[] = [];
    return {
        ...rollupPlugin(check),
        apply: "build",
        enforce: "post",
        applyToEnvironment: ({ config }) => config.consumer === "client",
        configResolved({ publicDir, build }) {
            // `publicDir` may not exist. It is empty if the project has turned it off.
            if (build.copyPublicDir && publicDir !== "" && existsSync(publicDir)) publicFolders.push(publicDir);
        },
        // Vite copies the public folder before it generates the bundle.
        buildStart: () => check([], publicFolders),
    };
}

/**
 * Returns a plug-in for webpack. The build fails with `LeakError` if its output contains an API key, and no file is
 * written.
 */
export function codatWebpack(options: BundlerOptions = {}): WebpackPlugin {
    const check = checker(options);
    return {
        apply: (compiler) =>
            // The last function of this hook gets the assets as they are written.
            compiler.hooks.emit.tapPromise({ name: NAME, stage: Number.MAX_SAFE_INTEGER }, (compilation: any) =>
                check(webpackOutputs(compilation)),
            ),
    };
}

/**
 * Returns a plug-in for esbuild. The build fails if its output contains an API key, and no file is written. The first
 * error of the build has the message of a `LeakError`.
 *
 * Add this plug-in before a plug-in that needs the written files. The plug-in itself writes the files, with the option
 * `write` of esbuild turned off, and it turns on the option `metafile`.
 */
export function codatEsbuild(options: BundlerOptions = {}): EsbuildPlugin {
    const check = checker(options);
    return {
        name: NAME,
        setup(build) {
            const own = build.initialOptions;
            const writes = own.write ?? true;
            Object.assign(own, { write: false, metafile: true });
            const folder = own.absWorkingDir ?? process.cwd();
            build.onEnd(async (result: any) => {
                // A failed build has no output.
                if (result.outputFiles === undefined) return;
                await check(esbuildOutputs(result, folder));
                if (writes) {
                    result.outputFiles.forEach(write);
                    result.outputFiles = undefined;
                }
            });
        },
    };
}

/** Throws if one of the outputs, or a file in one of the folders, contains an API key. */
type Check = (outputs: Output[], folders?: string[]) => Promise<void>;

function checker(options: BundlerOptions): Check {
    const { keys = ownKey } = knownOptions("options", options, ["keys"]);
    return async (outputs, folders = []) => {
        const scanner = new Scanner(await (typeof keys === "function" ? keys() : keys));
        const leaks = outputs.flatMap((output) => leaksIn(scanner, output));
        for await (const item of scanner.scanPaths(folders)) {
            if (item.kind === "unread") {
                throw new Error(`${item.place} was not searched for API keys: ${item.reason}`);
            }
            leaks.push({ output: item.place!, module: null, finding: item });
        }
        if (leaks.length > 0) throw new LeakError(leaks);
    };
}

/** Returns the API key that a new client uses. */
async function ownKey(): Promise<KeyToFind[]> {
    try {
        const client = new Client();
        const { apiKey } = await client.authorize(client.baseUrl);
        client.close();
        return [apiKey];
    } catch (error) {
        if (!(error instanceof CodatError)) throw error;
        // Bundlers show only the message.
        throw new Error(`there is no API key to search for: ${error.message}: ${error.hint}`, { cause: error });
    }
}

function rollupOutputs(bundle: Record<string, any>): Output[] {
    return Object.values(bundle).flatMap((file) => {
        const name: string = file.fileName;
        if (file.type === "asset") return { name, content: file.source };
        const modules = () => Object.entries<any>(file.modules).map(([id, { code }]) => [id, code ?? ""] as const);
        const outputs: Output[] = [{ name, content: file.code, modules }];
        const map = file.sourcemapFileName ?? `${name}.map`;
        // An inline source map is only in the chunk.
        if (file.map && !(map in bundle)) outputs.push({ name: map, content: file.map.toString() });
        return outputs;
    });
}

function webpackOutputs(compilation: any): Output[] {
    return compilation.getAssets().map(({ name, source }: any) => ({
        name,
        content: source.buffer(),
        modules: () => webpackModules(compilation, name),
    }));
}

/** Returns the modules of the chunks of an asset: the source and the generated code of each. */
function* webpackModules(compilation: any, asset: string): Generator<readonly [string, Content]> {
    for (const chunk of compilation.chunks) {
        if (!chunk.files.has(asset) && !chunk.auxiliaryFiles.has(asset)) continue;
        for (const outer of compilation.chunkGraph.getChunkModules(chunk)) {
            for (const module of outer.modules ?? [outer]) {
                const source = module.originalSource();
                if (source) yield [module.readableIdentifier(compilation.requestShortener), source.buffer()];
            }
            const { sources } = compilation.codeGenerationResults.get(outer, chunk.runtime);
            for (const source of sources.values()) {
                yield [outer.readableIdentifier(compilation.requestShortener), source.buffer()];
            }
        }
    }
}

function esbuildOutputs({ outputFiles, metafile }: any, folder: string): Output[] {
    return outputFiles.map(({ path, contents }: any) => {
        const name = relative(folder, path).replaceAll("\\", "/");
        const inputs = Object.keys(option(metafile.outputs as Record<string, any>, name)?.inputs ?? {});
        const modules = () => inputs.map((input) => [input, content(resolve(folder, input))] as const);
        return { name, content: contents, modules };
    });
}

/** Returns the content of a file. Returns an empty text if there is no such file: other plug-ins can invent modules. */
function content(path: string): Content {
    try {
        return readFileSync(path);
    } catch {
        return "";
    }
}

function write({ path, contents }: any): void {
    mkdirSync(dirname(path), { recursive: true });
    // As esbuild does for a program.
    const isProgram = contents[0] === 0x23 && contents[1] === 0x21;
    writeFileSync(path, contents, { mode: isProgram ? 0o777 : 0o666 });
}
