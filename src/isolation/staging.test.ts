import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { programArgv } from "./program.ts";
import type { SandboxLimits, SandboxSpec } from "./provider.ts";
import { type Layout, layWall } from "./staging.ts";

const LIMITS: SandboxLimits = {
  wallMs: 1_000,
  cpuMs: 1_000,
  memoryBytes: 256 * 1024 * 1024,
  pidsMax: 8,
  outputBytes: 1_000,
  diskBytes: 4_096,
};
const SPEC: SandboxSpec = { limits: LIMITS, files: [], binds: [], environment: {}, sockets: false };
const room = mkdtempSync(join(tmpdir(), "ccos-staging-"));
chmodSync(room, 0o755);
afterAll(() => rmSync(room, { recursive: true }));

const lay = (over: Partial<SandboxSpec>, user?: { uid: number; gid: number }): Promise<Layout> =>
  layWall({ ...SPEC, ...over }, process.execPath, user);
const file = (path: string, content = "", executable = false) => ({
  path,
  content: new TextEncoder().encode(content),
  executable,
});
const refusal = { code: "ISOLATION_UNAVAILABLE" };

describe("layWall", () => {
  test("refuses a target outside /ccos, /work and /mnt, or one that is no plain path", async () => {
    for (const path of [
      "/etc/passwd",
      "/ccos",
      "/work/",
      "work/x",
      "/work/../etc/x",
      "/work/./x",
      "/work//x",
      "/ccos/a\nb",
      "/ccos/..",
      "",
    ]) {
      await expect(lay({ files: [file(path)] })).rejects.toMatchObject(refusal);
    }
    const odd = await lay({ files: [file("/work/my agent.py"), file("/ccos/..x")] });
    expect(odd.files.map(({ path }) => path)).toEqual(
      expect.arrayContaining(["/work/my agent.py", "/ccos/..x"]),
    );
  });

  test("refuses a target twice, inside another, or over our Node", async () => {
    await expect(lay({ files: [file("/work/a"), file("/work/a")] })).rejects.toMatchObject(refusal);
    await expect(lay({ files: [file("/ccos/node")] })).rejects.toMatchObject(refusal);
    const binds = [{ source: room, target: "/mnt/data", kind: "directory" as const }];
    await expect(lay({ binds, files: [file("/mnt/data/x")] })).rejects.toMatchObject(refusal);
    const beside = await lay({ binds, files: [file("/mnt/data-x")] });
    expect(beside.binds.map(({ target }) => target)).toEqual(["/mnt/data"]);
    expect(beside.files.map(({ path }) => path)).toContain("/mnt/data-x");
  });

  test("refuses variables that would steer the launcher, and what is no variable", async () => {
    for (const name of [
      "LD_PRELOAD",
      "LD_LIBRARY_PATH",
      "GLIBC_TUNABLES",
      "PERL5OPT",
      "A=B",
      "",
      "1A",
      "A\0",
    ]) {
      await expect(lay({ environment: { [name]: "x" } })).rejects.toMatchObject(refusal);
    }
    await expect(lay({ environment: { A: "x\0y" } })).rejects.toMatchObject(refusal);
    await expect(lay({ environment: { A: "x".repeat(70_000) } })).rejects.toMatchObject(refusal);
  });

  test("takes the defaults of the environment and lets the spec win", async () => {
    const { environment } = await lay({ environment: { LANG: "de_DE.UTF-8", OWN: "" } });
    expect([...environment]).toEqual([
      ["PATH", "/usr/local/bin:/usr/bin:/bin"],
      ["HOME", "/work"],
      ["TMPDIR", "/tmp"],
      ["LANG", "de_DE.UTF-8"],
      ["OWN", ""],
    ]);
  });

  test("refuses a bind that is absent, of another kind, or closed to the wall's user", async () => {
    const bind = (source: string) => ({
      binds: [{ source, target: "/mnt/data", kind: "directory" as const }],
    });
    writeFileSync(join(room, "file"), "");
    mkdirSync(join(room, "private"), { mode: 0o700 });
    mkdirSync(join(room, "private", "below"), { mode: 0o755 });
    const stranger = { uid: 200_000, gid: 200_000 };
    await expect(lay(bind(join(room, "absent")))).rejects.toMatchObject(refusal);
    await expect(lay(bind(join(room, "file")))).rejects.toMatchObject(refusal);
    await expect(lay(bind(join(room, "private")), stranger)).rejects.toThrow(join(room, "private"));
    await expect(lay(bind(join(room, "private", "below")), stranger)).rejects.toThrow(
      "may not enter",
    );
    expect((await lay(bind(join(room, "private")))).binds).toHaveLength(1);
  });

  test.runIf(process.getuid?.() === 0)(
    "opens a socket to the wall's own group and to nobody else",
    async () => {
      const { statSync } = await import("node:fs");
      const directory = mkdtempSync(join(room, "sockets-"));
      const source = join(directory, "s.sock");
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(source, resolve));
      await lay(
        { binds: [{ source, target: "/ccos/s.sock", kind: "socket" }] },
        { uid: 200_001, gid: 200_001 },
      );
      const [above, socket] = [statSync(directory), statSync(source)];
      server.close();
      expect([above.gid, above.mode & 0o777]).toEqual([200_001, 0o710]);
      expect([socket.gid, socket.mode & 0o070]).toEqual([200_001, 0o070]);
      expect(socket.mode & 0o002).toBe(0);
    },
  );
});

describe("programArgv", () => {
  const external = (...argv: string[]) => ({ kind: "external", argv, channel: false }) as const;

  test("finds a command where the program would, and keeps the words after it", async () => {
    const layout = await lay({ files: [file("/work/run", "#!/bin/sh\n", true)] });
    expect(programArgv(external("sh", "-c", "x y"), layout, LIMITS)).toEqual([
      "/usr/bin/sh",
      "-c",
      "x y",
    ]);
    expect(programArgv(external("./run"), layout, LIMITS)).toEqual(["/work/run"]);
    expect(programArgv(external("/bin/sh"), layout, LIMITS)).toEqual(["/bin/sh"]);
    expect(programArgv(external("/ccos/node"), layout, LIMITS)).toEqual(["/ccos/node"]);
  });

  test("refuses what is not there, not executable, or reads another interpreter", async () => {
    const files = [file("/work/plain", "x"), file("/work/bad", "#! /opt/none/python3 -u\n", true)];
    const layout = await lay({ files });
    for (const command of [
      "",
      "none-such",
      "/work/plain",
      "/work/bad",
      "/root/.bashrc",
      "/etc/passwd",
      "/usr/bin",
      "a\0b",
    ]) {
      expect(() => programArgv(external(command), layout, LIMITS)).toThrow(/Cannot run/);
    }
  });

  test("starts a guest with a bounded heap and stack, and its own files", async () => {
    const layout = await lay({});
    const guest = file("/ccos/guest.cjs");
    const beside = [file("/ccos/guest.cache")];
    expect(programArgv({ kind: "rtfs", guest, beside, stackKiB: 3_900 }, layout, LIMITS)).toEqual([
      "/ccos/node",
      "--no-experimental-sqlite",
      "--no-experimental-ffi",
      "--no-experimental-webstorage",
      "--no-addons",
      "--disable-sigusr1",
      "--freeze-flags-after-init",
      "--no-additive-safe-int-feedback",
      "--min-semi-space-size=8",
      "--stack-size=3900",
      "--max-old-space-size=192",
      "--permission",
      "--allow-fs-read=/ccos/guest.cjs",
      "--allow-fs-read=/ccos/guest.cache",
      "/ccos/guest.cjs",
    ]);
  });
});
