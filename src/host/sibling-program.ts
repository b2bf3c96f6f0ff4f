import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * A program of ours beside the running code: `name.ts` in sources, `name.cjs` beside the bundle.
 *
 * @param codeUrl - `import.meta.url` of the asking module; absent or empty in a bundle.
 * @returns Null when there is none.
 */
export function siblingProgram(name: string, codeUrl: string | undefined): string | null {
  const path =
    codeUrl === undefined || codeUrl === ""
      ? join(typeof __dirname === "string" ? __dirname : "/", `${name}.cjs`)
      : join(dirname(fileURLToPath(codeUrl)), `${name}.ts`);
  return existsSync(path) ? path : null;
}

/** Where the built guests are, for a module two folders below the package: `dist/guest`. */
export function guestDirectory(codeUrl: string | undefined): string {
  return codeUrl === undefined || codeUrl === ""
    ? join(typeof __dirname === "string" ? __dirname : "/", "guest")
    : join(dirname(fileURLToPath(codeUrl)), "..", "..", "dist", "guest");
}
