import { describe, expect, test } from "vitest";
import { CcosError } from "../foundation/errors.ts";
import type { IsolationProvider, Probe, SandboxProgram } from "./provider.ts";
import { selectProvider } from "./select.ts";

interface Described {
  readonly strength: number;
  readonly runs?: readonly SandboxProgram["kind"][];
  readonly sockets?: boolean;
  readonly probe?: Probe;
}

function provider(name: string, { strength, runs, sockets, probe }: Described): IsolationProvider {
  return {
    name,
    strength,
    runs: new Set(runs ?? ["rtfs", "external"]),
    sockets: sockets ?? true,
    probe: () => Promise.resolve(probe ?? { kind: "ready", version: "1" }),
    open: () => Promise.reject(new Error("never opened")),
  };
}

const missing: Probe = { kind: "missing", what: ["its tool"], hint: "install its tool" };
const plan = { kind: "rtfs", mode: "process", sockets: false } as const;

describe("selectProvider", () => {
  test("takes the strongest that is ready, in whatever order they come", async () => {
    const weak = provider("weak", { strength: 20 });
    const strong = provider("strong", { strength: 40 });
    const absent = provider("absent", { strength: 50, probe: missing });
    expect((await selectProvider([weak, absent, strong], plan)).name).toBe("strong");
  });

  test("passes over one that does not run the program or cannot grant sockets", async () => {
    const rtfsOnly = provider("rtfs-only", { strength: 40, runs: ["rtfs"] });
    const noSockets = provider("no-sockets", { strength: 30, sockets: false });
    const fit = provider("fit", { strength: 20 });
    const asked = { kind: "external", mode: "process", sockets: true } as const;
    expect((await selectProvider([rtfsOnly, noSockets, fit], asked)).name).toBe("fit");
  });

  test("never goes below the minimum asked", async () => {
    const wall = provider("process/bubblewrap", { strength: 40 });
    for (const mode of ["container", "gvisor", "microvm"]) {
      await expect(selectProvider([wall], { ...plan, mode })).rejects.toMatchObject({
        code: "ISOLATION_UNAVAILABLE",
      });
    }
  });

  test("takes a heavier kind only when it is asked for or no lighter one stands", async () => {
    const walls = [
      provider("vm", { strength: 85 }),
      provider("container", { strength: 60 }),
      provider("light", { strength: 20 }),
      provider("lighter", { strength: 10 }),
    ];
    const taken = async (mode: string, from = walls): Promise<string> =>
      (await selectProvider(from, { ...plan, mode })).name;
    expect(
      await Promise.all(
        ["wasm", "process", "container", "gvisor", "microvm"].map((mode) => taken(mode)),
      ),
    ).toEqual(["light", "light", "container", "container", "vm"]);
    expect(await taken("process", walls.slice(0, 2))).toBe("container");
  });

  test("says of each wall why not, and how to get it", async () => {
    const absent = provider("process/absent", { strength: 40, probe: missing });
    const other = provider("process/other", { strength: 20, runs: ["external"] });
    const refusal = await selectProvider([absent, other], plan).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(CcosError);
    const { why, fix } = refusal as CcosError;
    expect(why).toBe("process/absent: its tool; process/other: does not run rtfs programs");
    expect(fix).toBe("install its tool");
  });

  test("refuses a mode that is no wall", async () => {
    const wall = provider("process/bubblewrap", { strength: 40 });
    await expect(selectProvider([wall], { ...plan, mode: "constructor" })).rejects.toMatchObject({
      code: "ISOLATION_UNAVAILABLE",
    });
  });
});
