import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createFileAccess, type FileAccess, type FileAnswer } from "./file-access.ts";

/** Of coreutils and perl-base: every Debian has them. */
const MKFIFO = "/usr/bin/mkfifo";
const PERL = "/usr/bin/perl";

let base: string;
let root: string;
let outside: string;
let files: FileAccess;

beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), "ccos-files-")));
  root = join(base, "root");
  outside = join(base, "outside");
  mkdirSync(join(root, "sub"), { recursive: true });
  mkdirSync(outside);
  writeFileSync(join(outside, "secret"), "OUTSIDE");
  writeFileSync(join(root, "a"), "inside");
  files = createFileAccess({
    roots: new Map([["/w", root]]),
    fileBytesMax: 1000,
    writtenBytesMax: 5000,
  });
});
afterEach(() => rmSync(base, { recursive: true }));

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const read = (path: string, bytesMax = 100) => files.read(path, bytesMax);
const why = (answer: FileAnswer<unknown>): string =>
  answer.ok ? "allowed" : `${answer.code} ${answer.message}`;

describe("createFileAccess", () => {
  test("reads, replaces, appends and deletes a regular file below a root", async () => {
    expect(await read("/w/a")).toEqual({
      ok: true,
      value: Buffer.from("inside"),
      facts: { bytes: 6 },
    });
    expect(await files.write("/w/sub/n", text("new"))).toEqual({
      ok: true,
      value: null,
      facts: { bytes: 3 },
    });
    expect(await files.append("/w/sub/n", text("er"))).toEqual({
      ok: true,
      value: null,
      facts: { bytes: 2 },
    });
    expect(readFileSync(join(root, "sub/n"), "utf8")).toBe("newer");
    expect(readdirSync(join(root, "sub"))).toEqual(["n"]);
    expect(await files.exists("/w/sub/n")).toMatchObject({ ok: true, value: true });
    expect(await files.delete("/w/sub/n")).toMatchObject({ ok: true, value: true });
    expect(await files.delete("/w/sub/n")).toMatchObject({ ok: true, value: false });
    expect(await files.exists("/w/no/such")).toMatchObject({ ok: true, value: false });
  });

  test.each([
    ["/etc/passwd"],
    ["/ww/a"],
    ["/w/../outside/secret"],
    ["/w/sub/.."],
    ["/w/./a"],
    ["/w//a"],
    ["/w/a/"],
    ["/w/a\0"],
    ["w/a"],
    [""],
    ["/w/\ud800"],
  ])("a path no root covers, or not in normal form, is FILE_DENIED: %j", async (path) => {
    expect(why(await read(path))).toContain("FILE_DENIED");
    expect(why(await files.write(path, text("x")))).toContain("FILE_DENIED");
    expect(why(await files.delete(path))).toContain("FILE_DENIED");
  });

  test("a symlink as the file is never followed, read, replaced or deleted", async () => {
    symlinkSync("/etc/passwd", join(root, "l"));
    symlinkSync(join(outside, "secret"), join(root, "m"));
    symlinkSync("a", join(root, "n"));
    for (const path of ["/w/l", "/w/m", "/w/n"]) {
      expect(why(await read(path))).toContain("symbolic link");
      expect(why(await files.write(path, text("x")))).toContain("symbolic link");
      expect(why(await files.append(path, text("x")))).toContain("symbolic link");
      expect(why(await files.delete(path))).toContain("symbolic link");
      expect(await files.exists(path)).toMatchObject({ ok: true, value: false });
    }
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("OUTSIDE");
  });

  test("a dangling symlink is not written through", async () => {
    symlinkSync(join(outside, "made"), join(root, "d"));
    expect(why(await files.write("/w/d", text("x")))).toContain("symbolic link");
    expect(why(await files.append("/w/d", text("x")))).toContain("symbolic link");
    expect(readdirSync(outside)).toEqual(["secret"]);
  });

  test("a symlink in the middle is refused, out of the root and within it", async () => {
    symlinkSync(outside, join(root, "out"));
    symlinkSync("sub", join(root, "in"));
    writeFileSync(join(root, "sub/f"), "x");
    for (const path of ["/w/out/secret", "/w/in/f"]) {
      expect(why(await read(path))).toMatch(/symbolic link|not a directory/);
      expect(why(await files.write(path, text("x")))).toMatch(/symbolic link|not a directory/);
      expect(why(await files.delete(path))).toMatch(/symbolic link|not a directory/);
    }
    mkdirSync(join(outside, "deep"));
    expect(why(await files.write("/w/out/deep/f", text("x")))).toContain("symbolic link");
    expect(readdirSync(join(outside, "deep"))).toEqual([]);
  });

  test("a root that is itself reached through a symlink serves what is below it", async () => {
    symlinkSync(root, join(base, "alias"));
    const aliased = createFileAccess({ roots: new Map([["/w", join(base, "alias")]]) });
    expect(await aliased.read("/w/a", 100)).toMatchObject({ ok: true });
  });

  test("a root may be one file, and the deepest root serves a path", async () => {
    const one = createFileAccess({
      roots: new Map([
        ["/w", root],
        ["/w/other", join(outside, "secret")],
      ]),
    });
    expect(await one.read("/w/other", 100)).toMatchObject({
      ok: true,
      value: Buffer.from("OUTSIDE"),
    });
    expect(why(await one.read("/w/other/x", 100))).toContain("IO_ERROR");
  });

  test("a FIFO, a directory, a socket-like or a device is refused without waiting", async () => {
    execFileSync(MKFIFO, [join(root, "fifo")]);
    const devices = createFileAccess({ roots: new Map([["/d", "/dev"]]) });
    for (const answer of [
      await read("/w/fifo"),
      await files.write("/w/fifo", text("x")),
      await files.append("/w/fifo", text("x")),
      await files.delete("/w/fifo"),
      await read("/w/sub"),
      await files.write("/w/sub", text("x")),
      await files.delete("/w/sub"),
      await devices.read("/d/zero", 100),
      await devices.append("/d/null", text("x")),
    ]) {
      expect(why(answer)).toContain("not a regular file");
    }
  });

  test("a file with another hard link is not written", async () => {
    linkSync(join(outside, "secret"), join(root, "hard"));
    expect(why(await files.write("/w/hard", text("x")))).toContain("hard link");
    expect(why(await files.append("/w/hard", text("x")))).toContain("hard link");
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("OUTSIDE");
  });

  test("limits: read size, file size by write and by append, the run's quota", async () => {
    expect(why(await read("/w/a", 5))).toContain("over 5 bytes");
    expect(why(await files.write("/w/big", new Uint8Array(1001)))).toContain("over 1000 bytes");
    for (let count = 0; count < 4; count++) await files.append("/w/big", new Uint8Array(250));
    expect(why(await files.append("/w/big", text("x")))).toContain("over 1000 bytes");
    for (let count = 0; count < 3; count++) await files.write("/w/big", new Uint8Array(1000));
    expect(why(await files.write("/w/big", new Uint8Array(1000)))).toContain("quota");
  });

  test("a name over 255 bytes and a missing directory are errors in words, without host paths", async () => {
    const long = why(await files.write(`/w/${"x".repeat(256)}`, text("x")));
    expect(long).toContain("255 bytes");
    const missing = why(await files.write("/w/no/f", text("x")));
    expect(missing).toContain("no such file or directory");
    expect(long + missing).not.toContain(base);
  });

  test("replacing keeps the mode, leaves no temporary file, and drops set-id bits", async () => {
    chmodSync(join(root, "a"), 0o4640);
    await files.write("/w/a", text("x"));
    expect((statSync(join(root, "a")).mode & 0o7777).toString(8)).toBe("640");
    expect(readdirSync(root).sort()).toEqual(["a", "sub"]);
  });

  test("a directory that is swapped for a symlink meanwhile never leads outside", async () => {
    mkdirSync(join(root, "dir/deep"), { recursive: true });
    mkdirSync(join(outside, "deep"));
    writeFileSync(join(root, "dir/deep/secret"), "inside");
    writeFileSync(join(outside, "deep/secret"), "OUTSIDE");
    const script =
      'chdir shift; $|=1; print "ready\\n"; while (1) { rename "dir","held"; symlink "../outside","dir"; unlink "dir"; rename "held","dir"; }';
    const swapper = spawn(PERL, ["-e", script, root]);
    try {
      await new Promise((resolve) => swapper.stdout.once("data", resolve));
      const seen = new Set<string>();
      for (let turn = 0; turn < 3000; turn++) {
        const answer = await read("/w/dir/deep/secret");
        seen.add(answer.ok ? Buffer.from(answer.value).toString() : "refused");
        if (turn % 10 === 0) await files.write("/w/dir/deep/w", text(""));
        if (turn % 10 === 5) await files.delete("/w/dir/deep/secret2");
      }
      expect([...seen].sort()).toEqual(["inside", "refused"]);
      expect(readdirSync(join(outside, "deep"))).toEqual(["secret"]);
    } finally {
      swapper.kill("SIGKILL");
    }
  });
});
