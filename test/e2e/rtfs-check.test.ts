/** `ccos rtfs check` and `ccos rtfs test` as a user runs them. */
import { afterAll, describe, expect, test } from "vitest";
import { sandbox } from "./ccos.ts";

const box = sandbox();
afterAll(() => box.remove());

describe("ccos rtfs check", () => {
  test("says nothing on stdout for a good file and ends with 0", async () => {
    box.write("good.rtfs", "(defn f [x] (+ x 1))\n(f 1)\n");
    const { stdout, stderr, status } = await box.run(["rtfs", "check", "good.rtfs"]);
    expect({ stdout, stderr, status }).toEqual({
      stdout: "",
      stderr: "1 file checked, no problems\n",
      status: 0,
    });
  });

  test("shows every problem of every file with its line and a caret", async () => {
    box.write("one.rtfs", "(let [x 1]\n  (+ y z))\n");
    box.write("two.rtfs", "(def a [1 2)\n");
    const { stderr, status } = await box.run(["rtfs", "check", "one.rtfs", "two.rtfs"]);
    expect(status).toBe(65);
    expect(stderr).toContain("place one.rtfs:2:6\n    |\n  2 |   (+ y z))\n    |      ^\n");
    expect(stderr).toContain("place one.rtfs:2:8");
    expect(stderr).toContain("note  `[` is opened here");
    expect(stderr).toContain("2 files checked, 3 problems");
  });

  test("finds what is certain to fail, and warns of what fails only where it is reached", async () => {
    box.write("types.rtfs", "(defn f [x] (+ x 1))\n(f 1 2)\n");
    const { stderr, status } = await box.run(["rtfs", "check", "types.rtfs"]);
    expect(status).toBe(65);
    expect(stderr).toContain("error ArityMismatch");
    expect(stderr).toContain("place types.rtfs:2:1");
    box.write("perhaps.rtfs", '(defn f [] (+ 1 "s"))\n(if (= args []) 1 (f))\n');
    const perhaps = await box.run(["rtfs", "check", "perhaps.rtfs"]);
    expect(perhaps.stderr).toContain("warning TypeError");
    expect(perhaps.status).toBe(0);
  });

  test("runs nothing: an endless program is checked at once", async () => {
    box.write("loop.rtfs", "(defn f [] (f)) (f)");
    expect((await box.run(["rtfs", "check", "loop.rtfs"])).status).toBe(0);
  });

  test("gives the same findings as JSON", async () => {
    box.write("bad.rtfs", "(foo)");
    const { status, value } = await box.json(["rtfs", "check", "bad.rtfs"]);
    expect(status).toBe(65);
    expect(value).toMatchObject({
      ok: false,
      files: [
        {
          file: "bad.rtfs",
          ok: false,
          problems: [{ code: "UndefinedSymbol", span: { file: "bad.rtfs", line: 1, column: 2 } }],
        },
      ],
    });
  });

  test("takes directories, passes configs over there, and sends a named one to `ccos check`", async () => {
    box.write("dir/a.rtfs", "1");
    box.write("dir/deep/b.rtfs", '(agent.config :version "0.1")');
    box.write("dir/.hidden/c.rtfs", "(");
    const { stderr, status } = await box.run(["rtfs", "check", "dir"]);
    expect(stderr).toBe("1 file checked, no problems\n1 agent config: see `ccos check`\n");
    expect(status).toBe(0);
    const named = await box.run(["rtfs", "check", "dir/deep/b.rtfs"]);
    expect(named.stderr).toContain("run `ccos check FILE`");
    expect(named.status).toBe(65);
  });

  test("a file name that holds a terminal sequence cannot move the cursor", async () => {
    box.write("e\u001b[2Jvil.rtfs", "(");
    const { stderr } = await box.run(["rtfs", "check", "e\u001b[2Jvil.rtfs"]);
    expect(stderr).not.toContain("\u001b");
  });
});

describe("ccos rtfs test", () => {
  test("passes a file whose assertions hold, and counts them", async () => {
    box.write(
      "ok.test.rtfs",
      `(defn twice [x] (* 2 x))
       (deftest "doubles" (is (= 4 (twice 2))) (let [x 3] (is (= 6 (twice x)))) (= 1 1))
       (deftest "asks" {:stubs {"ccos.echo" {:returns {:a [1]}}}} (is (= [1] (:a (call :ccos.echo)))))
       (deftest "denies" (is (throws SecurityViolation (call :ccos.echo))))`,
    );
    const { stdout, stderr, status } = await box.run(["rtfs", "test", "ok.test.rtfs"]);
    expect(stdout).toBe("");
    expect(stderr).toContain("3 passed, 0 failed");
    expect(status).toBe(0);
  });

  test("shows both sides of an equality that does not hold, with its place", async () => {
    box.write("no.test.rtfs", '(deftest "adds"\n  (is (= {:sum 5} {:sum (+ 2 2)})))');
    const { stderr, status } = await box.run(["rtfs", "test", "no.test.rtfs"]);
    expect(status).toBe(1);
    expect(stderr).toContain("place no.test.rtfs:2:3");
    expect(stderr).toContain("expected {:sum 5}\n  actual   {:sum 4}");
  });

  test.each([
    ["an expression that is false", '(deftest "a" (< 2 1))', "false is not true"],
    ["an error that is not thrown", '(deftest "a" (is (throws TypeError 1)))', "no such error"],
    ["an error", '(deftest "a" (/ 1 0))', "DivisionByZero"],
    ["endless work", '(defn f [] (f)) (deftest "a" (f))', "FuelExhausted"],
    ["no test at all", "(def x 1)", "There is no test"],
    ["a test without a name", "(deftest foo 1)", "A test has a name"],
    ["two tests of one name", '(deftest "a" 1) (deftest "a" 1)', 'the name "a"'],
    ["an option that does not exist", '(deftest "a" {:levle :full} 1)', "no such option"],
    ["a wrong level", '(deftest "a" {:level :root} 1)', "InvalidArgument"],
  ])("fails on %s", async (_what, source, message) => {
    box.write("case.test.rtfs", source);
    const { stderr, status } = await box.run(["rtfs", "test", "case.test.rtfs"]);
    expect(status).toBe(1);
    expect(stderr).toContain(message);
  });

  test("tests share definitions and nothing else", async () => {
    box.write(
      "own.test.rtfs",
      '(def x 1) (deftest "a" (def x 2) (is (= x 2))) (deftest "b" (is (= x 1)))',
    );
    expect((await box.run(["rtfs", "test", "own.test.rtfs"])).status).toBe(0);
  });

  test("without names it takes the *.test.rtfs below the directory, as JSON too", async () => {
    const other = sandbox();
    other.write("a/x.test.rtfs", '(deftest "one" true) (deftest "two" false)');
    other.write("a/y.rtfs", "(");
    const { status, value } = await other.json(["rtfs", "test"]);
    expect(status).toBe(1);
    expect(value).toMatchObject({ ok: false, passed: 1, failed: 1 });
    other.remove();
  });
});
