/**
 * Runs once before the suite: one run of the built CLI measures this host's wall (and each that a test asks for), and every test that drives the CLI
 * starts from a copy of what was measured.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..", "..");

export function setup(): () => void {
  const dir = mkdtempSync(join(tmpdir(), "ccos-warm-"));
  const cli = join(ROOT, "bin", "ccos.cjs");
  if (!existsSync(join(ROOT, "dist", "start.cjs")))
    throw new Error("dist/ is missing: run `npm run build`");
  writeFileSync(join(dir, "plan.rtfs"), "1");
  writeFileSync(join(dir, "agent.rtfs"), '(agent.config :agent-id "agent.warm" :plan "plan.rtfs")');
  const home = join(dir, "home");
  const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",");
  // Unnamed: the wall that a run gets. One that a run must ask for is measured where tests require it.
  const named = ["gvisor/runsc"].filter((wall) => required.includes(wall));
  for (const wall of [undefined, ...named]) {
    execFileSync(process.execPath, [cli, "run", join(dir, "agent.rtfs")], {
      env: { ...process.env, CCOS_HOME: home, ...(wall === undefined ? {} : { CCOS_WALLS: wall }) },
      stdio: ["ignore", "ignore", "pipe"],
    });
  }
  process.env["CCOS_TEST_WARM_HOME"] = home;
  return () => rmSync(dir, { recursive: true, force: true });
}
