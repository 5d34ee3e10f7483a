// Temporary folders.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders: string[] = [];
process.on("exit", () => {
    for (const folder of folders) {
        try {
            rmSync(folder, { recursive: true, force: true });
        } catch {
            // Windows removes no module that is loaded.
        }
    }
});

/** Creates a folder, and removes it when the process exits. */
export function temporaryFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), "codat-keys-"));
    folders.push(folder);
    return folder;
}
