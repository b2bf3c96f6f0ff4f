/** `ccos rtfs repl` from a pipe, as scripts and tests use it, and on a terminal. */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ROOT, sandbox } from "./ccos.ts";

const box = sandbox();
afterAll(() => box.remove());

async function repl(
  input: string,
  flags: readonly string[] = [],
): Promise<{ out: readonly string[]; stderr: string; status: number | null }> {
  const { stdout, stderr, status } = await box.run(["rtfs", "repl", ...flags], { input });
  return { out: stdout.split("\n").slice(0, -1), stderr, status };
}

describe("ccos rtfs repl", () => {
  test("keeps definitions, and prints each value on stdout", async () => {
    const { out, stderr, status } = await repl("(defn f [x] (* 2 x))\n(def y (f 4))\n(+ y 1)\n");
    expect(out).toEqual(["#<function f>", "8", "9"]);
    expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  });

  test("an open bracket, string or comment continues on the next line", async () => {
    expect((await repl('(+ 1\n\n  2)\n"a\nb"\n#| x\n y |# 3\n')).out).toEqual([
      "3",
      '"a\\nb"',
      "3",
    ]);
  });

  test("a function defined again serves the functions before it", async () => {
    const { out } = await repl("(defn f [] 1)\n(defn g [] (f))\n(defn f [] 2)\n(g)\n");
    expect(out.at(-1)).toBe("2");
  });

  test("an error shows its line, loses nothing and counts in the exit code", async () => {
    const { out, stderr, status } = await repl("(def x 1)\n(+ x\n (/ 1 0))\nx\n");
    expect(out).toEqual(["1", "1"]);
    expect(stderr).toContain("error DivisionByZero");
    expect(stderr).toContain("  2 |  (/ 1 0))\n    |  ^^^^^^^");
    expect(status).toBe(1);
  });

  test("a definition that failed is not kept", async () => {
    expect((await repl("(def x (/ 1 0))\nx\n")).stderr).toContain("`x` is not defined");
  });

  test("input that ends inside a bracket is an error, not silence", async () => {
    const { stderr, status } = await repl("(+ 1");
    expect(stderr).toContain("`(` is never closed");
    expect(status).toBe(1);
  });

  test("an endless program ends by its fuel and the conversation goes on", async () => {
    const { out, stderr } = await repl("(defn f [] (f))\n(f)\n(+ 1 1)\n", ["--fuel", "100000"]);
    expect(stderr).toContain("FuelExhausted");
    expect(out.at(-1)).toBe("2");
  });

  test("a program that fills the memory costs its evaluator only", async () => {
    const bomb = "(map (fn [i] (range 0 1000000)) (range 0 40))";
    const { out, stderr } = await repl(`(def x 7)\n${bomb}\nx\n`, ["--memory-mb", "64"]);
    expect(stderr).toContain("BudgetExhausted");
    expect(out).toEqual(["7", "7"]);
  });

  test(":help, :doc, :type, :ast, :ir, :effects, :security and :info answer", async () => {
    const { out, status } = await repl(
      [
        "; Twice.\n(defn twice [x : int] :int (* 2 x))",
        ":doc twice",
        ":doc reduce",
        ":type [1]",
        ":ast (f 1)",
        ":ir (if 1 2 3)",
        ":effects (call :ccos.network.http-fetch 1)",
        ":security (twice 1)",
        ":security (call :ccos.user.ask 1)",
        ":security (call :ccos.network.http-fetch 1)",
        ":explain (-> 1 twice)",
        ":info",
      ].join("\n"),
    );
    const text = out.join("\n");
    expect(text).toContain("(twice [x : int]) : int   function");
    expect(text).toContain("(reduce a b c?)   library");
    expect(text).toContain('"vector"');
    expect(text).toContain("list 1:1\n  symbol f 1:2");
    expect(text).toContain("if\n  test: const 1");
    expect(text).toContain("calls ccos.network.http-fetch");
    expect(text).toContain("pure: it calls nothing");
    expect(text).toContain("controlled: it calls ccos.user.ask");
    expect(text).toContain("full: it calls ccos.network.http-fetch");
    expect(text).toContain("(-> 1 twice)\npure: it calls nothing\npure: it calls nothing");
    expect(text).toContain("definitions  1: twice");
    expect(status).toBe(0);
    expect((await repl(":help\n")).out.join("\n")).toContain(":load FILE");
  });

  test(":set changes level, stubs and what is shown; a wrong word is an error", async () => {
    const { out, stderr, status } = await repl(
      [
        "(call :ccos.echo 1)",
        ":set level full",
        ":set stub :ccos.echo returns [1 2]",
        ":set types on",
        ":set timing on",
        "(call :ccos.echo 1)",
        ":set colour blue",
      ].join("\n"),
    );
    expect(out).toEqual(["[1 2]"]);
    expect(stderr).toContain("SecurityViolation");
    expect(stderr).toContain(": vector");
    expect(stderr).toMatch(/\d ms/);
    expect(stderr).toContain("Usage: :set");
    expect(status).toBe(1);
  });

  test(":load takes a file's definitions, :quit ends at once", async () => {
    box.write("lib.rtfs", "(defn triple [x]\n  (* 3 x))\n(triple 1)\n");
    const { out } = await repl(":load lib.rtfs\n(triple 5)\n:quit\n(triple 6)\n");
    expect(out).toEqual(["3", "15"]);
    expect((await repl(":load absent.rtfs\n1\n")).stderr).toContain("INPUT_NOT_FOUND");
  });

  test("from a pipe it keeps no history", async () => {
    await repl("(+ 1 1)\n");
    expect(existsSync(join(box.home, "rtfs-history"))).toBe(false);
  });
});

/** Types each word after `wait` was seen, on a terminal of its own; prints all that came back. */
const TERMINAL = `
import json, os, pty, select, sys, time
node, cli, home, talk = sys.argv[1:5]
pid, fd = pty.fork()
if pid == 0:
    env = {"PATH": os.environ["PATH"], "HOME": home, "CCOS_HOME": home, "TERM": "xterm"}
    os.execve(node, [node, cli, "rtfs", "repl", "--fuel", "900000000000"], env)
shown = b""
seen = 0
def until(word):
    global shown, seen
    end = time.time() + 20
    while time.time() < end:
        at = shown.find(word.encode(), seen)
        if at >= 0:
            seen = at + len(word)
            return
        if select.select([fd], [], [], 0.1)[0]:
            try: shown += os.read(fd, 65536)
            except OSError: return
for wait, keys in json.loads(talk):
    until(wait)
    time.sleep(0.1)
    os.write(fd, keys.encode())
until("never")
sys.stdout.write(shown.decode("utf8", "replace"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;
const hasPython = spawnSync("python3", ["--version"]).status === 0;

describe.skipIf(!hasPython)("ccos rtfs repl on a terminal", () => {
  test("completes, drops an input, ends a program at Ctrl-C, and keeps a private history", async () => {
    const talk: readonly (readonly [wait: string, keys: string])[] = [
      ["rtfs>", "(defn greeting [] 41)\r"],
      ["#<function", "(gree"],
      ["(gree", "\t"],
      ["ting", ")\r"],
      ["\n41", "(defn f [] (f)) (f)\r"],
      [" (f)\r\r\n", "\u0003"],
      ["CANCELLED", "(+ 1\r"],
      ["...", "\u0003"],
      ["...", "(* 6 7)\r"],
      ["\n42", "\u0004"],
    ];
    const cli = join(ROOT, "bin", "ccos.cjs");
    const shown = await new Promise<string>((resolve, reject) => {
      const args = ["-c", TERMINAL, process.execPath, cli, box.home, JSON.stringify(talk)];
      execFile("python3", args, { timeout: 60_000 }, (error, stdout) =>
        error === null ? resolve(stdout) : reject(error),
      );
    });
    expect(shown).toContain("CANCELLED");
    expect(shown).toContain("42");
    const history = join(box.home, "rtfs-history");
    expect(statSync(history).mode & 0o777).toBe(0o600);
    expect(readFileSync(history, "utf8").split("\n").slice(0, 2)).toEqual(["(* 6 7)", "(+ 1"]);
  });
});
