/**
 * A memory group that is refused after it worked: the wall was measured with groups, so it must not rise without one.
 * The refusal is real: a read-only mount in a namespace of the child's own. Only root can make groups at all.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const MODULE = join(import.meta.dirname, "..", "..", "src", "host", "control-group.ts");
const SCRIPT = `
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
const { controlGroupsWork, createControlGroup } = await import(${JSON.stringify(MODULE)});
const before = controlGroupsWork();
for (const line of readFileSync("/proc/self/mountinfo", "utf8").split("\\n")) {
  const [left, right] = line.split(" - ");
  if (right !== undefined && right.startsWith("cgroup")) execFileSync("mount", ["-o", "remount,bind,ro", left.split(" ")[4]]);
}
let after = "made";
try {
  if (createControlGroup(64 * 1024 * 1024) === null) after = "null";
} catch (error) {
  after = error.code;
}
process.stdout.write(JSON.stringify({ before, after }));
`;

test("createControlGroup throws when a group that could be made before is refused, and never falls back", () => {
  const isRoot = process.geteuid?.() === 0;
  const prefix = isRoot
    ? ["unshare", "-m"]
    : ["unshare", "-U", "-m", "--map-current-user", "--keep-caps"];
  const [file, ...rest] = [...prefix, process.execPath, "--input-type=module", "-e", SCRIPT];
  const { stdout, stderr } = spawnSync(file, rest, { encoding: "utf8" });
  const seen = JSON.parse(stdout === "" ? "{}" : stdout) as { before?: boolean; after?: string };
  const allowed = seen.before === true ? "ISOLATION_UNAVAILABLE" : "null";
  expect(seen, stderr).toEqual({ before: isRoot && seen.before === true, after: allowed });
});
