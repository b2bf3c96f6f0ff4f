/**
 * The first code of the command line. The guest of a run takes longest to start, so its process is begun before the
 * rest of this program is loaded; main.ts does everything else.
 *
 * @module
 */
import { launchEarly } from "../runtime/index.ts";
import { createWorld } from "./world.ts";

export async function start(): Promise<void> {
  const argv = process.argv.slice(2);
  const world = createWorld();
  // Before anything is started: whoever is interrupted ends what it began.
  const signal = interruption();
  const early = isPlanRun(argv) ? await launchEarly(world) : null;
  await early?.started;
  const { main } = await import("./main.ts");
  await main(argv, { world, early, signal });
}

/** Fires when the process is told to end. */
function interruption(): AbortSignal {
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(signal, () => abort.abort(signal));
  return abort.signal;
}

/** `run FILE`, and nothing that ends before a guest is needed. */
function isPlanRun(argv: readonly string[]): boolean {
  const separator = argv.indexOf("--");
  const own = separator < 0 ? argv : argv.slice(0, separator);
  const ends = ["--batch", "--policy", "--help", "-h", "--version"];
  const names = own.map((word) => word.split("=", 1)[0] ?? "");
  return own[0] === "run" && own.length > 1 && !names.some((word) => ends.includes(word));
}
