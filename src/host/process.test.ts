import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  anonymousFile,
  closeDescriptors,
  findExecutable,
  type SpawnedProcess,
  signalName,
  spawnProcess,
} from "./process.ts";

async function outputOf(child: SpawnedProcess): Promise<string> {
  let text = "";
  child.readable(1)?.on("data", (chunk: Buffer) => {
    text += chunk.toString("utf8");
  });
  await child.closed;
  return text;
}

const PIPES = ["null", "pipe", "null"] as const;

describe("spawnProcess", () => {
  test("gives exactly the environment named", async () => {
    process.env["CCOS_TEST_SECRET"] = "from the host";
    const child = await spawnProcess({
      argv: ["/usr/bin/env"],
      env: { ONLY: "this" },
      descriptors: PIPES,
    });
    expect(await outputOf(child)).toBe("ONLY=this\n");
    delete process.env["CCOS_TEST_SECRET"];
  });

  test("hands a descriptor of ours to the child at its place", async () => {
    const file = anonymousFile(new TextEncoder().encode("content"));
    const argv = ["/bin/cat", "/proc/self/fd/4"];
    const child = await spawnProcess({ argv, env: {}, descriptors: [...PIPES, "closed", file] });
    expect(await outputOf(child)).toBe("content");
    closeDescriptors([file]);
  });

  test("says how the process ended: status or signal", async () => {
    const sh = (script: string) =>
      spawnProcess({
        argv: ["/bin/sh", "-c", script],
        env: {},
        descriptors: ["null", "null", "null"],
      });
    expect(await (await sh("exit 137")).exited).toEqual({ kind: "exited", status: 137 });
    expect(await (await sh("kill -KILL $$")).exited).toEqual({
      kind: "signaled",
      signal: "SIGKILL",
    });
  });

  test("refuses a program that does not exist with PROVIDER_CRASHED", async () => {
    const request = { argv: ["/nonexistent/program"], env: {}, descriptors: PIPES };
    await expect(spawnProcess(request)).rejects.toMatchObject({ code: "PROVIDER_CRASHED" });
  });

  test("refuses a name to be searched for", async () => {
    const request = { argv: ["env"], env: {}, descriptors: PIPES };
    await expect(spawnProcess(request)).rejects.toThrow(TypeError);
  });
});

describe("a descriptor that we inherited without close-on-exec", () => {
  test("is /dev/null in the child and named to it", async () => {
    const script = `
      const { spawnProcess } = await import(${JSON.stringify(join(import.meta.dirname, "process.ts"))});
      let named;
      const argv = (surplus) => (named = surplus, ["/bin/readlink", "/proc/self/fd/40"]);
      const child = await spawnProcess({ argv, env: {}, descriptors: ["null", "pipe", "null"] });
      let text = "";
      child.readable(1).on("data", (chunk) => { text += chunk; });
      await child.closed;
      process.stdout.write(JSON.stringify({ named, link: text.trim() }));`;
    const file = openSync("/etc/hostname", "r");
    const holes = Array.from({ length: 37 }, () => "closed" as const);
    const child = await spawnProcess({
      argv: [process.execPath, "--input-type=module", "-e", script],
      env: {},
      descriptors: [...PIPES, ...holes, file],
    });
    const { named, link } = JSON.parse(await outputOf(child)) as { named: number[]; link: string };
    closeSync(file);
    expect(named).toContain(40);
    expect(link).toBe("/dev/null");
  });
});

describe("anonymousFile", () => {
  test("holds its content, has no name and cannot be written", () => {
    const content = Uint8Array.from({ length: 300_000 }, (_, index) => index % 251);
    const file = anonymousFile(content);
    expect(new Uint8Array(readFileSync(file))).toEqual(content);
    expect(
      /^flags:\s+(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${file}`, "utf8"))?.[1]?.at(-1),
    ).toBe("0");
    closeDescriptors([file]);
  });
});

describe("findExecutable", () => {
  test("takes regular executable files of the named directories only", () => {
    const directory = mkdtempSync(join(tmpdir(), "ccos-find-"));
    writeFileSync(join(directory, "yes"), "", { mode: 0o755 });
    writeFileSync(join(directory, "no"), "", { mode: 0o644 });
    symlinkSync("/nonexistent", join(directory, "dangling"));
    expect(findExecutable("yes", ["/nonexistent", directory])).toBe(join(directory, "yes"));
    expect(findExecutable("no", [directory])).toBeNull();
    expect(findExecutable("dangling", [directory])).toBeNull();
    expect(findExecutable("../bin/sh", ["/usr"])).toBeNull();
    rmSync(directory, { recursive: true });
  });
});

test("signalName gives the standard name and null for what is no signal", () => {
  expect([signalName(6), signalName(9), signalName(24), signalName(0), signalName(64)]).toEqual([
    "SIGABRT",
    "SIGKILL",
    "SIGXCPU",
    null,
    null,
  ]);
});
