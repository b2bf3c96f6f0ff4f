/** Macros and modules through the tools: expanding, evaluating, checking and testing over several files. */
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { sandbox } from "./ccos.ts";

const box = sandbox();
afterAll(() => box.remove());
box.write(
  "lib/math/area.rtfs",
  "(module math.area (:exports [rect])\n  (import math.base)\n  (defn rect [w h] (math.base/times w h)))\n",
);
box.write("lib/math/base.rtfs", "(module math.base\n  (defn times [a b] (* a b)))\n");
box.write("lib/main.rtfs", "(import math.area :as area)\n(area/rect 6 7)\n");

describe("modules from files", () => {
  test("eval finds them beside the file, through each other", async () => {
    const { stdout, stderr, status } = await box.run(["rtfs", "eval", "lib/main.rtfs"]);
    expect({ stdout, stderr, status }).toEqual({ stdout: "42\n", stderr: "", status: 0 });
  });

  test("--module-path names other directories", async () => {
    const source = "(import math.base) (math.base/times 2 3)";
    const args = ["rtfs", "eval", "-e", source];
    expect((await box.run(args)).stderr).toContain("ModuleNotFound");
    expect((await box.run([...args, "--module-path", "absent:lib"])).stdout).toBe("6\n");
  });

  test("an error inside a module shows that module's line", async () => {
    box.write("lib/broken.rtfs", "(module broken\n  (defn f [x]\n    (/ x 0)))\n");
    box.write("lib/uses.rtfs", "(import broken)\n(broken/f 1)\n");
    const { stderr } = await box.run(["rtfs", "eval", "lib/uses.rtfs"]);
    expect(stderr).toContain("place lib/broken.rtfs:3:5");
    expect(stderr).toContain("  3 |     (/ x 0)))");
  });

  test("a name cannot lead out of the module path", async () => {
    box.write("secret.rtfs", "(module secret (def x 1))");
    for (const name of ["../secret", "..secret", "/etc/passwd"]) {
      const { status, stdout } = await box.run([
        "rtfs",
        "eval",
        "-e",
        `(import ${name})`,
        "--module-path",
        "lib",
      ]);
      expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    }
  });

  test("a batch has no files: only modules of its own line", async () => {
    const lines = [
      { id: 1, source: "(import math.base) 1" },
      { id: 2, source: "(module m (def x 5)) (import m) m/x" },
    ];
    const { stdout } = await box.run(["rtfs", "eval", "--batch"], {
      input: lines.map((line) => JSON.stringify(line)).join("\n"),
    });
    const answers = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as object);
    expect(answers).toMatchObject([{ error: { code: "ModuleNotFound" } }, { value: "5" }]);
  });

  test("check, test and repl find them too", async () => {
    box.write(
      "lib/a.test.rtfs",
      '(import math.area)\n(deftest "area" (is (= 6 (math.area/rect 2 3))))\n',
    );
    expect((await box.run(["rtfs", "check", "lib/main.rtfs"])).status).toBe(0);
    expect((await box.run(["rtfs", "test", "lib"])).stderr).toContain("1 passed");
    const input = "(import math.base)\n(math.base/times 3 4)\n";
    const { stdout } = await box.run(["rtfs", "repl", "--module-path", "lib"], { input });
    expect(stdout).toContain("12\n");
  });
});

describe("ccos rtfs effects", () => {
  test("follows modules beside the file and on the module path, and takes stdin", async () => {
    box.write("lib/net.rtfs", '(defn get-it [] (call :ccos.io.read-file "/a/b"))\n');
    box.write("lib/plan.rtfs", '(import net)\n(step "s" (net/get-it))\n');
    const beside = await box.run(["rtfs", "effects", "lib/plan.rtfs"]);
    expect(beside).toMatchObject({ status: 0 });
    expect(beside.stdout).toContain("lib/net.rtfs line 1  ccos.io.read-file  fs paths /a/b");
    const input = '(import net) (step "s" (net/get-it))';
    const args = ["rtfs", "effects", "-", "--module-path", "lib"];
    expect((await box.run(args, { input })).stdout).toContain("lib/net.rtfs line 1");
    const lacking = await box.run(["rtfs", "effects", "-"], { input });
    expect(lacking.status).toBe(65);
    expect(lacking.stderr).toContain("There is no module `net`");
  });

  test("a module behind a symbolic link is refused, by every tool", async () => {
    symlinkSync("../secret.rtfs", join(box.dir, "lib/linked.rtfs"));
    box.write("secret.rtfs", "(module linked (def x 1))");
    box.write("lib/links.rtfs", "(import linked) linked/x\n");
    for (const verb of ["eval", "check", "expand", "effects"]) {
      const { status, stderr } = await box.run(["rtfs", verb, "lib/links.rtfs"]);
      expect([verb, status]).toEqual([verb, 65]);
      expect(stderr).toContain("symbolic link");
    }
  });
});

describe("ccos rtfs expand", () => {
  test("prints the program after its macros, and what it prints runs the same", async () => {
    box.write(
      "m.rtfs",
      "(defmacro unless [c & body] `(if ~c nil (do ~@body)))\n(unless false 1 (+ 1 2))\n",
    );
    const { stdout, status } = await box.run(["rtfs", "expand", "m.rtfs"]);
    expect(status).toBe(0);
    expect(stdout).toContain("(if false nil (do 1 (+ 1 2)))");
    expect(stdout).not.toContain("defmacro");
    expect((await box.run(["rtfs", "eval", "-"], { input: stdout })).stdout).toBe("3\n");
  });

  test("links modules", async () => {
    const { stdout, status } = await box.run(["rtfs", "expand", "lib/main.rtfs"]);
    expect(status).toBe(0);
    expect(stdout).toContain("math.base/times");
  });

  test("a macro that fails is shown where it is called, and ends with 65", async () => {
    box.write("e.rtfs", "(defmacro two [a b] a)\n(two 1)\n");
    const { stderr, status } = await box.run(["rtfs", "expand", "e.rtfs"]);
    expect(status).toBe(65);
    expect(stderr).toContain("MacroError");
    expect(stderr).toContain("place e.rtfs:2:1");
  });

  test("a macro bomb is stopped", async () => {
    box.write("bomb.rtfs", "(defmacro b [x] `(do (b ~x) (b ~x)))\n(b 1)\n");
    const { status, stdout } = await box.run(["rtfs", "expand", "bomb.rtfs"], {
      timeoutMs: 20_000,
    });
    expect({ status, stdout }).toEqual({ status: 65, stdout: "" });
  });

  test(":expand shows one expression in a conversation", async () => {
    const input = "(defmacro twice [x] `(do ~x ~x))\n:expand (twice 1)\n";
    expect((await box.run(["rtfs", "repl"], { input })).stdout).toContain("(do 1 1)");
  });
});
