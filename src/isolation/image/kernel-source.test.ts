/**
 * Building a kernel, with sources of the test's own whose `vmlinux` is the probe of KVM: what the steps ask, refuse and leave.
 *
 * The real sources take too long for a test: `npm run soak -- kernel`.
 * Skipped without make and its companions, unless REQUIRE_ISOLATION names a wall with a machine.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findExecutable, processesNaming, SYSTEM_DIRECTORIES } from "../../host/index.ts";
import { KVM_PROBE_PROGRAM } from "../vm/kvm-probe-program.ts";
import { hasPvhEntry } from "./elf.ts";
import { disobeyed, KERNEL_CONFIG } from "./kernel-config.ts";
import { buildKernel, type KernelSources } from "./kernel-source.ts";

const REAL = ["make", "tar", "xz", "strip"];
const STOOD_FOR = ["gcc", "ld", "flex", "bison", "bc"];
const isRequired = (process.env["REQUIRE_ISOLATION"] ?? "").includes("microvm/");
const places = new Map(REAL.map((name) => [name, findExecutable(name, SYSTEM_DIRECTORIES)]));
const canMake = isRequired || [...places.values()].every((path) => path !== null);
const probe = gunzipSync(Buffer.from(KVM_PROBE_PROGRAM, "base64"));

const MAKEFILE = `
tinyconfig:
\t@echo CONFIG_TINY=y > .config
olddefconfig:
\t@sed -i '/=n$$/d' .config
kernelrelease:
\t@test -e vmlinux && echo 9.9.1-ccos || echo 9.9.1
vmlinux:
\t@echo "  CC one.o"
\t@env | grep ^KBUILD_BUILD > ../environment
\t@cp probe.elf vmlinux
`;

let directory: string;
let from: KernelSources;
let said: string[];
let ending: AbortController;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-sources-"));
  said = [];
  ending = new AbortController();
  const tools = join(directory, "tools");
  mkdirSync(tools);
  for (const [name, path] of places) symlinkSync(path ?? "/nonexistent", join(tools, name));
  for (const name of STOOD_FOR) symlinkSync("/bin/true", join(tools, name));
  writeFileSync(join(directory, "gelf.h"), "");
  from = { sources: directory, directories: [tools], elfHeader: join(directory, "gelf.h") };
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function pack(makefile = MAKEFILE, version = "9.9"): void {
  const name = `linux-source-${version}`;
  const sources = join(directory, name);
  mkdirSync(sources);
  // As in the real sources: names that a step must not write to.
  for (const folder of ["kernel", "init", "tools"]) mkdirSync(join(sources, folder));
  writeFileSync(join(sources, "Makefile"), makefile);
  writeFileSync(join(sources, "probe.elf"), probe);
  execFileSync("tar", ["-C", directory, "-cJf", join(directory, `${name}.tar.xz`), name]);
}

const build = () => buildKernel({ signal: ending.signal, say: (line) => said.push(line) }, from);

/** Directories of a build that are there. */
const rooms = (): readonly string[] =>
  readdirSync(tmpdir()).filter((name) => name.startsWith(`ccos-wall-${process.pid}-`));

describe.skipIf(!canMake)("buildKernel", () => {
  test("gives the version and the bytes that were made, says what it does, leaves nothing", async () => {
    pack();
    pack(MAKEFILE.replace("9.9.1", "9.10.1"), "9.10");
    const { version, image } = await build();
    expect(version).toBe("9.10.1-ccos");
    expect(hasPvhEntry(image)).toBe(true);
    expect(said.join("\n")).toMatch(/unpacking .*9\.10\.tar\.xz\n.*compiling/);
    expect(rooms()).toEqual([]);
  });

  test("fixes what would differ from one build to the next", async () => {
    const where = join(directory, "seen");
    pack(MAKEFILE.replace("../environment", where));
    await build();
    expect(readFileSync(where, "utf8").trim().split("\n").sort()).toEqual([
      "KBUILD_BUILD_HOST=ccos",
      "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970",
      "KBUILD_BUILD_USER=ccos",
      "KBUILD_BUILD_VERSION=1",
    ]);
  });

  test("refuses sources that do not obey a line of the configuration, and names it", async () => {
    const stubborn =
      "@sed -i '/=n$$/d; /CONFIG_DM_VERITY=/d' .config; echo CONFIG_MODULES=y >> .config";
    pack(MAKEFILE.replace("@sed -i '/=n$$/d' .config", () => stubborn));
    await expect(build()).rejects.toMatchObject({
      code: "INPUT_NOT_FOUND",
      why: expect.stringMatching(/CONFIG_DM_VERITY=y.*CONFIG_MODULES=n/),
    });
  });

  test("refuses a kernel that no monitor can start", async () => {
    pack(MAKEFILE.replace("cp probe.elf", "cp /bin/true"));
    await expect(build()).rejects.toMatchObject({ why: expect.stringContaining("PVH") });
  });

  test("says which step failed, with its last words", async () => {
    pack(MAKEFILE.replace("cp probe.elf vmlinux", "echo no such thing >&2; exit 3"));
    await expect(build()).rejects.toMatchObject({
      code: "IO_ERROR",
      why: expect.stringContaining("no such thing"),
    });
    expect(rooms()).toEqual([]);
  });

  test("an interruption ends the compilers too, and leaves nothing", async () => {
    const marker = "987654.321";
    pack(MAKEFILE.replace("cp probe.elf vmlinux", `sleep ${marker} & echo started; wait`));
    const compiling = build();
    const refusal = expect(compiling).rejects.toMatchObject({ code: "CANCELLED" });
    await expect
      .poll(async () => (await processesNaming(`sleep\0${marker}`)).length, { timeout: 20_000 })
      .toBe(1);
    ending.abort();
    await refusal;
    await expect.poll(() => processesNaming(`sleep\0${marker}`), { timeout: 20_000 }).toEqual([]);
    expect(rooms()).toEqual([]);
  });
});

test("names every package that is missing, and says when there are no sources", async () => {
  const nothing = { ...from, directories: [], elfHeader: "/nonexistent" };
  const watch = { signal: ending.signal, say: () => undefined };
  await expect(buildKernel(watch, nothing)).rejects.toMatchObject({
    code: "INPUT_NOT_FOUND",
    fix: "apt install make gcc binutils flex bison bc tar xz-utils libelf-dev",
  });
  for (const name of REAL) rmSync(join(directory, "tools", name));
  for (const name of REAL) symlinkSync("/bin/true", join(directory, "tools", name));
  await expect(buildKernel(watch, from)).rejects.toMatchObject({
    code: "INPUT_NOT_FOUND",
    fix: "apt install linux-source-6.1",
  });
});

describe("the configuration", () => {
  test("has no line twice, and is obeyed by itself", () => {
    const names = KERNEL_CONFIG.map((line) => line.split("=")[0]);
    expect(new Set(names).size).toBe(names.length);
    for (const line of KERNEL_CONFIG)
      expect(line).toMatch(/^CONFIG_[A-Z0-9_]+=("[a-z,-]+"|[yn]|-?\d+)$/);
    const on = KERNEL_CONFIG.filter((line) => !line.endsWith("=n"));
    expect(disobeyed(["# CONFIG_MODULES is not set", ...on].join("\n"))).toEqual([]);
  });

  test("a line that is off and is on again, or is on with another value, is not obeyed", () => {
    const on = KERNEL_CONFIG.filter((line) => !line.endsWith("=n"));
    const config = [...on, "CONFIG_MODULES=y"].join("\n").replace("NR_CPUS=32", "NR_CPUS=2");
    expect(disobeyed(config)).toEqual(["CONFIG_NR_CPUS=32", "CONFIG_MODULES=n"]);
  });
});

test("hasPvhEntry tells a kernel for monitors from other files", () => {
  expect(hasPvhEntry(probe)).toBe(true);
  expect(hasPvhEntry(readFileSync(process.execPath).subarray(0, 4_096))).toBe(false);
  expect(hasPvhEntry(new TextEncoder().encode("no kernel"))).toBe(false);
  for (let length = 0; length < 400; length++) hasPvhEntry(probe.subarray(0, length));
});
