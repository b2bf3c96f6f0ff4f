/** The drive of what a program is shown: the same bytes for the same content, and nothing but what a drive can hold. */
import { createHash } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { closeDescriptors, findExecutable, SYSTEM_DIRECTORIES } from "../../host/index.ts";
import { makeStoreDrive } from "./store-drive.ts";

const isRequired = (process.env["REQUIRE_ISOLATION"] ?? "").includes("microvm/");
const canSquash = findExecutable("mksquashfs", SYSTEM_DIRECTORIES) !== null || isRequired;

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-store-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function shown(name: string, at: Date): string {
  const path = join(directory, name);
  mkdirSync(join(path, "deep"), { recursive: true });
  writeFileSync(join(path, "deep", "b"), "two");
  writeFileSync(join(path, "a"), "one");
  chmodSync(join(path, "a"), 0o755);
  symlinkSync("../../etc/shadow", join(path, "link"));
  utimesSync(join(path, "a"), at, at);
  return path;
}

const bind = (source: string, target = "/mnt/data") =>
  [{ source, target, kind: "directory" }] as const;

async function digestOf(source: string): Promise<string> {
  const drive = await makeStoreDrive(bind(source));
  if (drive === null) throw new Error("a directory is shown");
  const content = readFileSync(`/proc/self/fd/${drive.descriptor}`);
  closeDescriptors([drive.descriptor]);
  expect(drive.digest).toBe(`sha256:${createHash("sha256").update(content).digest("hex")}`);
  return drive.digest;
}

describe.skipIf(!canSquash)("makeStoreDrive", () => {
  test("makes the same bytes of the same content, wherever and whenever it was written", async () => {
    const first = await digestOf(shown("first", new Date(1_000_000)));
    const other = shown("other", new Date(9_000_000));
    expect(await digestOf(other)).toBe(first);
    writeFileSync(join(other, "deep", "b"), "2wo");
    expect(await digestOf(other)).not.toBe(first);
  });

  test("is none where no directory is shown", async () => {
    const socket = { source: "/run/x", target: "/ccos/x.sock", kind: "socket" } as const;
    expect(await makeStoreDrive([socket])).toBeNull();
  });

  test("refuses a socket in it, a file in its place, and a place that is not the drive's", async () => {
    const path = shown("odd", new Date());
    const server = createServer().listen(join(path, "s.sock"));
    await new Promise((resolve) => server.once("listening", resolve));
    const refusal = { code: "ISOLATION_UNAVAILABLE" };
    await expect(makeStoreDrive(bind(path))).rejects.toMatchObject(refusal);
    server.close();
    await expect(makeStoreDrive(bind(join(path, "a")))).rejects.toMatchObject(refusal);
    await expect(makeStoreDrive(bind(path, "/work/data"))).rejects.toMatchObject(refusal);
  });
});
