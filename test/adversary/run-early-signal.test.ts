/** A run that is told to end while it is still starting leaves nothing. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { pureConfig, ROOT, type Sandbox, sandbox } from "../e2e/ccos.ts";

let box: Sandbox;
beforeAll(async () => {
  box = sandbox();
  box.write("plan.rtfs", "1");
  box.write("agent.rtfs", pureConfig("plan.rtfs"));
  expect((await box.run(["run", "agent.rtfs"])).status).toBe(0);
});
afterAll(() => box.remove());

/** Commands of the processes in a session: what a killed process left, whoever its parent is now. */
function inSession(session: number): readonly string[] {
  const stats = readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      return [readFileSync(join("/proc", name, "stat"), "latin1")];
    } catch {
      return [];
    }
  });
  return stats.filter(
    (stat) => stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3] === String(session),
  );
}

test.each(["SIGTERM", "SIGINT"] as const)("%s at any moment of the start", async (signal) => {
  for (let delayMs = 15; delayMs < 150; delayMs += 9) {
    const child = spawn(process.execPath, [join(ROOT, "bin", "ccos.cjs"), "run", "agent.rtfs"], {
      cwd: box.dir,
      env: { PATH: process.env["PATH"] ?? "", HOME: box.dir, CCOS_HOME: box.home },
      stdio: "ignore",
      detached: true,
    });
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    child.kill(signal);
    await closed;
    const session = child.pid ?? -1;
    await vi.waitFor(() => expect([delayMs, inSession(session)]).toEqual([delayMs, []]), {
      timeout: 3_000,
      interval: 20,
    });
  }
});
