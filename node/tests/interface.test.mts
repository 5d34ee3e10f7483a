// `tests/interface/names.json` lists the public names of this package.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import typescript, { type Symbol } from "typescript-5";
import { PACKAGE } from "./installed.mjs";

const MODULES = ["index", "testing", "fetch", "undici", "axios", "official", "scan", "bundler"];
const { Alias, Class, Interface } = typescript.SymbolFlags;

/** The exports of all modules, and the members of their classes and interfaces. */
function publicNames(): Set<string> {
    const files = MODULES.map((module) => join(PACKAGE, "dist", `${module}.d.ts`));
    const { NodeNext: module } = typescript.ModuleKind;
    const options = { module, target: typescript.ScriptTarget.ES2022, types: ["node"], skipLibCheck: true };
    const program = typescript.createProgram(files, options);
    const checker = program.getTypeChecker();
    const exported = new Map<Symbol, string>();
    for (const [index, file] of files.entries()) {
        const module = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
        const prefix = index === 0 ? "" : `${MODULES[index]}.`;
        for (const symbol of checker.getExportsOfModule(module)) {
            const name = prefix + symbol.name;
            exported.set(symbol.flags & Alias ? checker.getAliasedSymbol(symbol) : symbol, name);
        }
    }
    const names = new Set(exported.values());
    for (const [symbol, name] of exported) {
        const members =
            symbol.flags & (Class | Interface) ? checker.getDeclaredTypeOfSymbol(symbol).getProperties() : [];
        const statics = symbol.flags & Class ? checker.getTypeOfSymbol(symbol).getProperties() : [];
        for (const member of [...members, ...statics]) {
            const declared = member.declarations?.[0]?.parent;
            const isKind =
                declared && (typescript.isClassLike(declared) || typescript.isInterfaceDeclaration(declared));
            const parent = isKind ? declared.name : undefined;
            // Members of JavaScript itself, private members, members with symbols as names, and those of a base class
            // that is itself public.
            const isOwn = declared?.getSourceFile().fileName.startsWith(join(PACKAGE, "dist"));
            const isNamed = /^[a-z]\w*$/i.test(member.name) && member.name !== "prototype";
            const isInherited = parent && parent.text !== symbol.name && names.has(parent.text);
            // Each error class has its own `code`, `name` and `prototype`.
            const isRepeated =
                name !== "CodatError" && names.has(`CodatError.${member.name}`) && name.endsWith("Error");
            if (isOwn && isNamed && !isInherited && !isRepeated) names.add(`${name}.${member.name}`);
        }
    }
    return names;
}

test("every public name is listed", () => {
    const rows = JSON.parse(readFileSync(join(PACKAGE, "../tests/interface/names.json"), "utf8"));
    const listed = rows.flatMap((row: { node?: string[] }) => row.node ?? []);
    assert.deepEqual([...new Set(listed)].sort(), [...publicNames()].sort());
});
