import { join, resolve } from "node:path";
import { listDirectory, placeAt, realPath } from "../../host/index.ts";

const DEPTH_MAX = 16;
const FILES_MAX = 10_000;

/**
 * The files that `names` mean: a file is itself, a directory is every file below it that ends in
 * `suffix`. Names beginning with a dot and `node_modules` are passed over, links below a directory
 * too. In the order given, sorted inside a directory, at most 10 000.
 */
export async function findFiles(
  cwd: string,
  names: readonly string[],
  suffix: string,
): Promise<readonly string[]> {
  const found: string[] = [];
  const visit = async (name: string, depth: number): Promise<void> => {
    for (const entry of (await listDirectory(resolve(cwd, name))).toSorted()) {
      if (entry.startsWith(".") || entry === "node_modules" || found.length >= FILES_MAX) continue;
      const path = join(name, entry);
      const place = placeAt(resolve(cwd, path));
      if (place.kind === "file" && entry.endsWith(suffix)) found.push(path);
      if (place.kind === "directory" && depth < DEPTH_MAX) await visit(path, depth + 1);
    }
  };
  for (const name of names) {
    const real = name === "-" ? null : realPath(resolve(cwd, name));
    if (real !== null && placeAt(real).kind === "directory") await visit(name, 0);
    else found.push(name);
  }
  return found;
}
