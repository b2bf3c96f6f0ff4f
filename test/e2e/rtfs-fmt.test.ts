/** `ccos rtfs fmt` as a user runs it. */
import { chmodSync, lstatSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { sandbox } from "./ccos.ts";

const box = sandbox();
afterAll(() => box.remove());

const UGLY = "(defn f [x]\n(+ x   1)) ; one more\n";
const NEAT = "(defn f [x]\n  (+ x 1)) ; one more\n";
const read = (name: string): string => readFileSync(join(box.dir, name), "utf8");

describe("ccos rtfs fmt", () => {
  test("prints the layout and touches nothing", async () => {
    box.write("a.rtfs", UGLY);
    const { stdout, stderr, status } = await box.run(["rtfs", "fmt", "a.rtfs"]);
    expect({ stdout, stderr, status }).toEqual({ stdout: NEAT, stderr: "", status: 0 });
    expect(read("a.rtfs")).toBe(UGLY);
  });

  test("reads stdin", async () => {
    expect((await box.run(["rtfs", "fmt", "-"], { input: UGLY })).stdout).toBe(NEAT);
  });

  test("--check names what would change and ends with 1, then with 0", async () => {
    box.write("c/a.rtfs", UGLY);
    box.write("c/b.rtfs", NEAT);
    const before = await box.run(["rtfs", "fmt", "--check", "c"]);
    expect(before).toMatchObject({ stdout: "c/a.rtfs\n", status: 1 });
    expect(before.stderr).toContain("1 of 2 files would change");
    await box.run(["rtfs", "fmt", "--write", "c"]);
    expect((await box.run(["rtfs", "fmt", "--check", "c"])).status).toBe(0);
  });

  test("--write keeps the mode and follows a link to the file", async () => {
    const path = box.write("w/real.rtfs", UGLY);
    chmodSync(path, 0o664);
    symlinkSync("real.rtfs", join(box.dir, "w/link.rtfs"));
    await box.run(["rtfs", "fmt", "--write", "w/link.rtfs"]);
    expect(read("w/real.rtfs")).toBe(NEAT);
    expect(statSync(path).mode & 0o777).toBe(0o664);
    expect(lstatSync(join(box.dir, "w/link.rtfs")).isSymbolicLink()).toBe(true);
  });

  test("a text that does not read is shown and left alone, the others are written", async () => {
    box.write("m/bad.rtfs", "(defn f [x\n");
    box.write("m/good.rtfs", UGLY);
    const { stderr, status } = await box.run(["rtfs", "fmt", "--write", "m"]);
    expect(status).toBe(65);
    expect(stderr).toContain("place m/bad.rtfs:1:9");
    expect(read("m/bad.rtfs")).toBe("(defn f [x\n");
    expect(read("m/good.rtfs")).toBe(NEAT);
  });

  test("--width moves the margin", async () => {
    const source = "(some-function (first-argument 1) (second-argument 2))";
    const run = (width: string): Promise<{ stdout: string }> =>
      box.run(["rtfs", "fmt", "-", "--width", width], { input: source });
    expect((await run("100")).stdout.split("\n")).toHaveLength(2);
    expect((await run("40")).stdout.split("\n").length).toBeGreaterThan(2);
  });

  test.each([
    ["no file", []],
    ["two files without a mode", ["a.rtfs", "a.rtfs"]],
    ["both modes", ["--check", "--write", "a.rtfs"]],
    ["stdin to be written", ["--write", "-"]],
    ["a width that is none", ["--width", "7", "a.rtfs"]],
  ])("%s is a usage error", async (_what, args) => {
    box.write("a.rtfs", NEAT);
    expect((await box.run(["rtfs", "fmt", ...args])).status).toBe(64);
  });

  test("--json tells what changed", async () => {
    box.write("j.rtfs", UGLY);
    const { value } = await box.json(["rtfs", "fmt", "j.rtfs"]);
    expect(value).toEqual({
      ok: true,
      files: [{ file: "j.rtfs", changed: true, problems: [], text: NEAT }],
    });
  });
});
