import { describe, expect, test } from "vitest";
import { CcosError } from "../foundation/errors.ts";
import type { IsolationProvider, Probe, SandboxProgram } from "./provider.ts";
import { type Selection, selectWall } from "./select.ts";

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
const plan = { kind: "rtfs", mode: "process", sockets: false, named: null } as const;

const holdsAll = () => Promise.resolve({ broken: null, measured: null });

async function select(providers: readonly IsolationProvider[], selection: Selection) {
  return (await selectWall(providers, selection, holdsAll)).provider;
}

describe("selectWall", () => {
  test("takes the strongest that is ready, in whatever order they come", async () => {
    const weak = provider("weak", { strength: 20 });
    const strong = provider("strong", { strength: 40 });
    const absent = provider("absent", { strength: 50, probe: missing });
    expect((await select([weak, absent, strong], plan)).name).toBe("strong");
  });

  test("passes over one that does not run the program or cannot grant sockets", async () => {
    const rtfsOnly = provider("rtfs-only", { strength: 40, runs: ["rtfs"] });
    const noSockets = provider("no-sockets", { strength: 30, sockets: false });
    const fit = provider("fit", { strength: 20 });
    const asked = { ...plan, kind: "external", sockets: true } as const;
    expect((await select([rtfsOnly, noSockets, fit], asked)).name).toBe("fit");
  });

  test("never goes below the minimum asked", async () => {
    const wall = provider("process/bubblewrap", { strength: 40 });
    for (const mode of ["container", "gvisor", "microvm"]) {
      await expect(select([wall], { ...plan, mode })).rejects.toMatchObject({
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
      (await select(from, { ...plan, mode })).name;
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
    const refusal = await select([absent, other], plan).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(CcosError);
    const { why, fix } = refusal as CcosError;
    expect(why).toBe("process/absent: its tool; process/other: does not run rtfs programs");
    expect(fix).toBe("install its tool");
  });

  test("passes over one that lacks a script's language, and says why", async () => {
    const withoutLanguages = new Map([["python", "it has no Python"]] as const);
    const engine = { ...provider("engine", { strength: 40, runs: ["script"] }), withoutLanguages };
    const process = provider("process", { strength: 20, runs: ["script"] });
    const asked = { kind: "script", mode: "wasm", sockets: false } as const;
    const python = { ...asked, language: "python" } as const;
    expect((await select([engine, process], { ...python, named: null })).name).toBe("process");
    const script = { ...asked, language: "javascript" } as const;
    expect((await select([engine, process], { ...script, named: null })).name).toBe("engine");
    await expect(select([engine], { ...python, named: null })).rejects.toMatchObject({
      why: "engine: does not run scripts in python: it has no Python",
    });
  });

  test("refuses a mode that is no wall", async () => {
    const wall = provider("process/bubblewrap", { strength: 40 });
    await expect(select([wall], { ...plan, mode: "constructor" })).rejects.toMatchObject({
      code: "ISOLATION_UNAVAILABLE",
    });
  });

  test("takes only what is named, by name, kind or way, and says who named it", async () => {
    const walls = [
      provider("process/strong", { strength: 40 }),
      provider("process/weak", { strength: 30 }),
    ];
    for (const value of ["process/weak", "weak"]) {
      const named = { value, from: "ccos.toml" };
      expect((await select(walls, { ...plan, named })).name).toBe("process/weak");
    }
    const kind = { value: "process", from: "ccos.toml" };
    expect((await select(walls, { ...plan, named: kind })).name).toBe("process/strong");
    const refusal = select(walls, { ...plan, named: { value: "gvisor", from: "ccos.toml" } });
    await expect(refusal).rejects.toThrow('process/strong: ccos.toml names "gvisor"');
  });

  test("never names its way below the minimum", async () => {
    const weak = provider("process/weak", { strength: 5 });
    const named = { value: "process/weak", from: "--provider" };
    await expect(select([weak], { ...plan, named })).rejects.toThrow("weaker");
  });

  test("passes over a wall that was measured not to hold, and explains every candidate", async () => {
    const walls = [
      provider("torn", { strength: 55 }),
      provider("absent", { strength: 50, probe: missing }),
      provider("fit", { strength: 40 }),
      provider("spare", { strength: 30 }),
      provider("other", { strength: 20, runs: ["external"] }),
      provider("thin", { strength: 1 }),
    ];
    const { candidates } = await selectWall(walls, plan, ({ name }) =>
      Promise.resolve({ broken: name === "torn" ? "dns (it answered)" : null, measured: null }),
    );
    expect(candidates.map(({ name, verdict, why }) => `${name} ${verdict}: ${why}`)).toEqual([
      "torn not-held: measured not to hold dns (it answered)",
      "absent missing: its tool",
      'fit taken: at least "process" was asked',
      "spare not-needed: fit comes before it",
      "other unfit: does not run rtfs programs",
      'thin weaker: is weaker than "process"',
    ]);
  });
});
