/**
 * `npm run soak -- TARGET [RUNS]`: a target's random tests, long and with a new seed. A failure prints the seed and the
 * smallest case; both belong into the test as a law.
 */
import { spawn } from "node:child_process";

const TARGETS = new Map([["rtfs-reader", "test/fuzz/reader.test.ts"]]);
const [name = "", runs = "100000"] = process.argv.slice(2);
const file = TARGETS.get(name);
if (file === undefined || !/^[1-9]\d{0,8}$/.test(runs)) {
  console.error(`usage: npm run soak -- ${[...TARGETS.keys()].join("|")} [RUNS]`);
  process.exit(64);
}
const options = ["--testTimeout=86400000"];
const child = spawn("vitest", ["run", file, ...options], {
  stdio: "inherit",
  env: { ...process.env, SOAK_RUNS: runs },
});
child.on("error", (error) => {
  console.error(String(error));
  process.exit(69);
});
child.on("close", (status) => process.exit(status ?? 70));
