/**
 * Runs once before the suite: one run of the built CLI measures this host's wall (and each that a test asks for), and every test that drives the CLI
 * starts from a copy of what was measured.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testImage } from "../contract/image.ts";

/** The image of the machines is measured once too, which takes a minute. */
const machineConfig = (
  image: string,
): string => `(agent.config :agent-id "agent.warm" :plan "plan.rtfs"
  :orchestrator {:isolation {:mode :microvm :fs {:ephemeral true :mounts {:capabilities {:mode :ro}}}}
                 :dlp {:enabled true :policy :strict}}
  :microvm {:kernel {:image "${image}/kernel" :cmdline "quiet"} :rootfs {:image "${image}/root"}
            :resources {:mem_mb 512}}
  :marketplace {:readonly true})`;
const ROOT = join(import.meta.dirname, "..", "..");

export function setup(): () => void {
  const dir = mkdtempSync(join(tmpdir(), "ccos-warm-"));
  const cli = join(ROOT, "bin", "ccos.cjs");
  if (!existsSync(join(ROOT, "dist", "start.cjs")))
    throw new Error("dist/ is missing: run `npm run build`");
  writeFileSync(join(dir, "plan.rtfs"), "1");
  writeFileSync(join(dir, "agent.rtfs"), '(agent.config :agent-id "agent.warm" :plan "plan.rtfs")');
  const home = join(dir, "home");
  const run = (config: string, wall?: string): void => {
    execFileSync(process.execPath, [cli, "run", join(dir, config)], {
      env: { ...process.env, CCOS_HOME: home, ...(wall === undefined ? {} : { CCOS_WALLS: wall }) },
      stdio: ["ignore", "ignore", "pipe"],
    });
  };
  run("agent.rtfs");
  // One that a run must ask for is measured where tests require it.
  const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",");
  if (required.includes("gvisor/runsc")) run("agent.rtfs", "gvisor/runsc");
  const { imageDir } = testImage();
  if (imageDir !== undefined) {
    writeFileSync(join(dir, "machine.rtfs"), machineConfig(imageDir));
    run("machine.rtfs");
  }
  process.env["CCOS_TEST_WARM_HOME"] = home;
  return () => rmSync(dir, { recursive: true, force: true });
}
