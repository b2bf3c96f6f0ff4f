import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readContained } from "./contained-reading.ts";

/** Of coreutils and perl-base: every Debian has them. */
const MKFIFO = "/usr/bin/mkfifo";
const PERL = "/usr/bin/perl";

let base: string;
let root: string;
let outside: string;
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), "ccos-contained-")));
  root = join(base, "root");
  outside = join(base, "outside");
  mkdirSync(join(root, "sub"), { recursive: true });
  mkdirSync(outside);
  writeFileSync(join(outside, "secret"), "OUTSIDE");
  writeFileSync(join(root, "sub/a"), "inside");
});
afterEach(() => rmSync(base, { recursive: true }));

function read(below: string, bytesMax = 100): string {
  const content = readContained(root, below, bytesMax);
  return content.ok ? Buffer.from(content.value).toString() : `refused: ${content.error}`;
}

describe("readContained", () => {
  test("reads a file below the root, also when the root itself is a symlink", () => {
    expect(read("sub/a")).toBe("inside");
    symlinkSync("root", join(base, "other"));
    const content = readContained(join(base, "other"), "sub/a", 100);
    expect(content.ok && Buffer.from(content.value).toString()).toBe("inside");
  });

  test("a symlink as the file or on the way is refused, out of the root and within it", () => {
    symlinkSync("../outside/secret", join(root, "file"));
    symlinkSync("../outside", join(root, "dir"));
    symlinkSync("sub", join(root, "within"));
    for (const below of ["file", "dir/secret", "within/a"]) {
      expect([below, read(below)]).toEqual([below, "refused: linked"]);
    }
  });

  test("absent is told from unreadable: no file, no directory, a file on the way", () => {
    for (const below of ["b", "no/a", "sub/a/b"]) expect(read(below)).toBe("refused: absent");
    execFileSync(MKFIFO, [join(root, "fifo")]);
    for (const below of ["fifo", "sub"]) expect(read(below)).toBe("refused: unreadable");
  });

  test("a file of the largest size is read, one byte more is refused", () => {
    expect(read("sub/a", 6)).toBe("inside");
    expect(read("sub/a", 5)).toBe("refused: too-large");
  });

  test.each(["", "/a", "../outside/secret", "sub/../sub/a", "./a", "sub//a", "sub/"])(
    "%j is no path of plain components",
    (below) => {
      expect(() => read(below)).toThrow(TypeError);
    },
  );

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
      // On a busy machine the other process may stand still for many turns.
      const deadlineMs = Date.now() + 20_000;
      const isEnough = (turn: number): boolean => turn >= 3000 && seen.has("inside");
      for (let turn = 0; !isEnough(turn) && Date.now() < deadlineMs; turn++)
        seen.add(read("dir/deep/secret"));
      expect(seen).toContain("inside");
      expect(seen).not.toContain("OUTSIDE");
    } finally {
      swapper.kill("SIGKILL");
    }
  });
});
