import { join } from "node:path";
import { ensurePrivateDir, readOwned, writeAtomic } from "../../host/index.ts";

const LINES_MAX = 1_000;
const BYTES_MAX = 256 * 1024;

function historyPath(stateDir: string): string {
  return join(stateDir, "rtfs-history");
}

/** Newest first, as readline keeps it. A file that is not ours alone is not read. */
export async function loadHistory(stateDir: string): Promise<readonly string[]> {
  const content = await readOwned(historyPath(stateDir), BYTES_MAX);
  if (!content.ok) return [];
  return new TextDecoder().decode(content.value).split("\n").filter(Boolean);
}

/** @param lines - Newest first. Private to the user; the oldest lines are dropped. */
export async function saveHistory(stateDir: string, lines: readonly string[]): Promise<void> {
  await ensurePrivateDir(stateDir);
  let bytes = 0;
  const kept = lines.slice(0, LINES_MAX).filter((line) => {
    bytes += Buffer.byteLength(line) + 1;
    return bytes <= BYTES_MAX;
  });
  await writeAtomic(historyPath(stateDir), Buffer.from(`${kept.join("\n")}\n`), 0o600);
}
