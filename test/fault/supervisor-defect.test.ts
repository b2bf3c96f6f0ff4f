/** A defect in the supervisor itself while it keeps a service alive: it ends with it, and says nothing else. */
import { cpSync, mkdirSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createWorld } from "../../src/cli/world.ts";
import { changeDeployment, makePackage, supervise } from "../../src/deploy/index.ts";
import { removeTree } from "../../src/host/index.ts";
import type { RunInputs } from "../../src/runtime/index.ts";
import { ROOT } from "../e2e/ccos.ts";

const INPUTS: RunInputs = {
  configFile: "agent.rtfs",
  configSource: '(agent.config :version "0.1" :agent-id "agent.service")',
  planFile: null,
  planSource: null,
  modules: [],
  production: false,
  command: ["sh", "-c", "exit 0"],
  staged: [],
};
const dir = mkdtempSync(join(tmpdir(), "ccos-defect-"));
afterAll(() => removeTree(dir));

test("a service that is kept alive no more is not said to be served", async () => {
  const stateDir = join(dir, "home");
  const warm = join(process.env["CCOS_TEST_WARM_HOME"] ?? "", "walls");
  mkdirSync(stateDir, { mode: 0o700 });
  cpSync(warm, join(stateDir, "walls"), { recursive: true, preserveTimestamps: true });
  const world = { ...createWorld(), stateDir, guestDir: join(ROOT, "dist", "guest") };
  const out = join(dir, "package");
  await makePackage(world, { inputs: INPUTS, staged: [], imageDir: null, out });
  const { signal } = new AbortController();
  const asking = { hear: () => undefined, signal };
  const change = { verb: "deploy", package: out, key: null, health: null, drainMs: 0 } as const;
  await changeDeployment(world, "defect", change, asking);
  const supervised = supervise(world, "defect", {
    given: { production: false },
    warm: 0,
    present: () => {
      throw new TypeError("a defect");
    },
    service: { out: () => undefined, error: () => undefined },
    drainMs: 0,
    tell: () => undefined,
    signal,
  });
  await expect(supervised).rejects.toThrow("a defect");
});
