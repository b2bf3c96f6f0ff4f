import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readBounded, readChunks, readOwned } from "./file-reading.ts";
import {
  createExclusive,
  cutTail,
  ensurePrivateDir,
  listDirectory,
  openExclusive,
  removeFile,
  writeAtomic,
} from "./files.ts";

let directory = "";
const at = (name: string): string => join(directory, name);
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "ccos-files-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

describe("readBounded", () => {
  test("reads up to the limit and tells absent, too large and unreadable apart", async () => {
    writeFileSync(at("file"), "12345");
    mkdirSync(at("directory"));
    expect(await readBounded(at("file"), 5)).toEqual({ ok: true, value: Buffer.from("12345") });
    expect(await readBounded(at("file"), 4)).toEqual({ ok: false, error: "too-large" });
    expect(await readBounded(at("none"), 5)).toEqual({ ok: false, error: "absent" });
    expect(await readBounded(at("directory"), 5)).toEqual({ ok: false, error: "unreadable" });
    expect(await readBounded("/dev/zero", 5)).toEqual({ ok: false, error: "unreadable" });
  });

  test("does not wait at a FIFO", async () => {
    execFileSync("sh", ["-c", 'mkfifo "$0"', at("fifo")]);
    expect(await readBounded(at("fifo"), 5)).toEqual({ ok: false, error: "unreadable" });
  });

  test("reads an empty file as empty", async () => {
    writeFileSync(at("file"), "");
    expect(await readBounded(at("file"), 0)).toEqual({ ok: true, value: Buffer.from("") });
  });

  test("takes no more than the limit of a file that says it is empty", async () => {
    expect(await readBounded("/proc/self/status", 10)).toEqual({ ok: false, error: "unreadable" });
  });
});

describe("readOwned", () => {
  test("reads what is ours alone, and calls anything else exposed", async () => {
    writeFileSync(at("file"), "x", { mode: 0o600 });
    expect(await readOwned(at("file"), 5)).toEqual({ ok: true, value: Buffer.from("x") });
    for (const mode of [0o640, 0o604, 0o610]) {
      chmodSync(at("file"), mode);
      expect(await readOwned(at("file"), 5)).toEqual({ ok: false, error: "exposed" });
    }
    expect(await readOwned(at("none"), 5)).toEqual({ ok: false, error: "absent" });
  });

  test("follows no symlink", async () => {
    writeFileSync(at("file"), "x", { mode: 0o600 });
    symlinkSync("file", at("link"));
    expect(await readOwned(at("link"), 5)).toEqual({ ok: false, error: "unreadable" });
  });
});

describe("openExclusive", () => {
  test("appends, and refuses what stands there: file, dangling symlink", async () => {
    const file = await openExclusive(at("file"), 0o600);
    expect(await file.write(Buffer.from("ab"))).toBe(2);
    expect(await file.write(Buffer.from("c"))).toBe(1);
    await file.sync();
    await file.close();
    expect(readFileSync(at("file"), "utf8")).toBe("abc");
    symlinkSync("elsewhere", at("link"));
    for (const name of ["file", "link"]) {
      await expect(openExclusive(at(name), 0o600)).rejects.toMatchObject({ code: "EEXIST" });
    }
    expect(existsSync(at("elsewhere"))).toBe(false);
  });
});

describe("writeAtomic and createExclusive", () => {
  test("writeAtomic replaces a symlink, not its target, and leaves nothing beside", async () => {
    writeFileSync(at("target"), "old");
    symlinkSync("target", at("link"));
    await writeAtomic(at("link"), Buffer.from("new"), 0o600);
    expect(readFileSync(at("target"), "utf8")).toBe("old");
    expect(lstatSync(at("link")).isFile()).toBe(true);
    expect(statSync(at("link")).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory).sort()).toEqual(["link", "target"]);
  });

  test("a failed writeAtomic leaves the old content and nothing beside", async () => {
    mkdirSync(at("taken"));
    writeFileSync(at("taken/file"), "x");
    await expect(writeAtomic(at("taken"), Buffer.from("new"), 0o600)).rejects.toThrow();
    expect(readdirSync(directory)).toEqual(["taken"]);
  });

  test("createExclusive: one of many callers creates, the others are told", async () => {
    const wins = await Promise.all(
      Array.from({ length: 8 }, (_, caller) =>
        createExclusive(at("file"), Buffer.from(`${caller}`), 0o600),
      ),
    );
    expect(wins.filter(Boolean).length).toBe(1);
    expect(readFileSync(at("file"), "utf8")).toBe(String(wins.indexOf(true)));
    expect(readdirSync(directory)).toEqual(["file"]);
  });
});

describe("ensurePrivateDir", () => {
  test("makes 0700, leaves ours as it is, refuses what others may write, a symlink and a file", async () => {
    await ensurePrivateDir(at("a"));
    expect(statSync(at("a")).mode & 0o777).toBe(0o700);
    chmodSync(at("a"), 0o755);
    await ensurePrivateDir(at("a"));
    expect(statSync(at("a")).mode & 0o777).toBe(0o755);
    chmodSync(at("a"), 0o1777);
    await expect(ensurePrivateDir(at("a"))).rejects.toThrow("others may write in it");
    symlinkSync("a", at("link"));
    writeFileSync(at("file"), "");
    for (const name of ["link", "file"]) {
      await expect(ensurePrivateDir(at(name))).rejects.toMatchObject({ code: "IO_ERROR" });
    }
    await expect(ensurePrivateDir(at("no/parent"))).rejects.toMatchObject({ code: "IO_ERROR" });
  });
});

describe("readChunks", () => {
  test("gives the whole file in chunks of at most 1 MiB", async () => {
    const content = Buffer.alloc(2_500_000, "abc");
    writeFileSync(at("file"), content);
    const copies: Buffer[] = [];
    for await (const chunk of readChunks(at("file"))) copies.push(Buffer.from(chunk));
    expect(copies.every(({ length }) => length <= 1_048_576)).toBe(true);
    expect(Buffer.concat(copies).equals(content)).toBe(true);
  });

  test("names an absent file and refuses a directory", async () => {
    await expect(readChunks(at("none")).next()).rejects.toMatchObject({ code: "INPUT_NOT_FOUND" });
    await expect(readChunks(directory).next()).rejects.toMatchObject({ code: "INPUT_UNREADABLE" });
  });
});

describe("cutTail, removeFile, listDirectory", () => {
  test("cutTail cuts exactly the tail it was shown, else nothing", async () => {
    writeFileSync(at("file"), "headtail");
    expect(await cutTail(at("file"), 4, Buffer.from("Tail"))).toBe(false);
    expect(await cutTail(at("file"), 4, Buffer.from("tai"))).toBe(false);
    expect(readFileSync(at("file"), "utf8")).toBe("headtail");
    expect(await cutTail(at("file"), 4, Buffer.from("tail"))).toBe(true);
    expect(readFileSync(at("file"), "utf8")).toBe("head");
  });

  test("removeFile says whether there was one; an absent directory lists empty", async () => {
    writeFileSync(at("file"), "");
    expect(await listDirectory(directory)).toEqual(["file"]);
    expect(await removeFile(at("file"))).toBe(true);
    expect(await removeFile(at("file"))).toBe(false);
    expect(await listDirectory(at("none"))).toEqual([]);
    await expect(listDirectory("/proc/self/status")).rejects.toMatchObject({ code: "IO_ERROR" });
  });
});
