/** `npm run soak -- TARGET …`: long runs by hand; a dated result of each is committed in bench/results. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

/** The program of each target, and how its name begins. */
const PROGRAMS: Readonly<Record<string, string>> = {
  "rtfs-": "../fuzz/soak.ts",
  walls: "many-walls.ts",
  kernel: "kernel.ts",
  clones: "clones.ts",
};

const [target = "", ...rest] = process.argv.slice(2);
const known = Object.keys(PROGRAMS).find((name) => target.startsWith(name));
if (known === undefined) {
  console.error(
    "usage: npm run soak -- rtfs-all|rtfs-TARGET [OPTIONS]\n       npm run soak -- walls COUNT WALL… [--out FILE]\n       npm run soak -- kernel [--out FILE]\n       npm run soak -- clones COUNT IMAGE [--out FILE]",
  );
  process.exit(64);
}
const args = known.endsWith("-") ? [target, ...rest] : rest;
const program = join(import.meta.dirname, PROGRAMS[known] ?? "");
process.exit(spawnSync(process.execPath, [program, ...args], { stdio: "inherit" }).status ?? 70);
