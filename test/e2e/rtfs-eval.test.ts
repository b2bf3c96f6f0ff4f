/** `ccos rtfs eval` as a user runs it: values, errors with their places, and a batch that nothing stops. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { ROOT, sandbox } from "./ccos.ts";

const box = sandbox();
afterAll(() => box.remove());

interface Answer {
  readonly id: unknown;
  readonly ok: boolean;
  readonly value?: string;
  readonly error?: { readonly code: string; readonly message: string; readonly span: unknown };
}

async function batch(
  lines: readonly string[],
  flags: readonly string[] = [],
): Promise<{ answers: Answer[]; stderr: string; status: number | null }> {
  const { stdout, stderr, status } = await box.run(["rtfs", "eval", "--batch", ...flags], {
    input: `${lines.join("\n")}\n`,
  });
  const answers = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Answer);
  return { answers, stderr, status };
}

async function one(request: Record<string, unknown>): Promise<Answer> {
  const { answers } = await batch([JSON.stringify({ id: 1, ...request })]);
  return answers[0]!;
}

describe("ccos rtfs eval FILE", () => {
  test("prints the value in RTFS syntax and nothing else", async () => {
    box.write("a.rtfs", '(defn twice [x] (* 2 x))\n[(twice 21) "é" {:k 1.0}]\n');
    const { stdout, stderr, status } = await box.run(["rtfs", "eval", "a.rtfs"]);
    expect({ stdout, stderr, status }).toEqual({
      stdout: '[42 "é" {:k 1.0}]\n',
      stderr: "",
      status: 0,
    });
  });

  test("reads stdin for `-`, and -e takes the text itself", async () => {
    const stdin = await box.run(["rtfs", "eval", "-"], { input: "(+ 1 2)" });
    expect(stdin.stdout).toBe("3\n");
    expect((await box.run(["rtfs", "eval", "-e", "(+ 1 2)"])).stdout).toBe("3\n");
  });

  test("ends with 1 and shows the line with a caret when the program fails", async () => {
    box.write("bad.rtfs", "(def x 1)\n(+ x (/ 1 0))\n");
    const { stdout, stderr, status } = await box.run(["rtfs", "eval", "bad.rtfs"]);
    expect(status).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain("error DivisionByZero");
    expect(stderr).toContain("place bad.rtfs:2:6");
    expect(stderr).toContain("  2 | (+ x (/ 1 0))\n    |      ^^^^^^^");
  });

  test("gives one JSON document with --json, for a value and for an error", async () => {
    const value = await box.json(["rtfs", "eval", "-e", "[1 :a]"]);
    expect(value).toEqual({ status: 0, value: { ok: true, value: "[1 :a]" } });
    const error = await box.json(["rtfs", "eval", "-e", "(undefined-thing 1)"]);
    expect(error).toMatchObject({
      status: 1,
      value: { ok: false, error: { code: "UndefinedSymbol", span: { line: 1, column: 2 } } },
    });
  });

  test("takes level, allow list and stubs from flags", async () => {
    box.write("stubs.json", '{"ccos.echo": {"echo": "first"}}');
    const args = ["rtfs", "eval", "-e", "(call :ccos.echo 7)", "--stubs", "stubs.json"];
    expect((await box.run([...args, "--level", "full"])).stdout).toBe("7\n");
    expect((await box.run([...args, "--level", "controlled", "--allow", "x"])).stderr).toContain(
      "SecurityViolation",
    );
  });

  test("--strict asks for the strict reading, also in a batch", async () => {
    const source = "(let [[a b] [1]] [a b])";
    expect((await box.run(["rtfs", "eval", "-e", source])).stdout).toBe("[1 nil]\n");
    const { stderr, status } = await box.run(["rtfs", "eval", "--strict", "-e", source]);
    expect(status).toBe(1);
    expect(stderr).toContain("TypeValidationError");
    const { answers } = await batch([JSON.stringify({ id: 1, source, strict: true })]);
    expect(answers).toMatchObject([{ ok: false, error: { code: "TypeValidationError" } }]);
    expect((await box.run(["rtfs", "eval", "--batch", "--strict"])).status).toBe(64);
  });

  test("a missing file and a wrong flag keep the exit codes of the command line", async () => {
    expect((await box.run(["rtfs", "eval", "absent.rtfs"])).status).toBe(65);
    expect((await box.run(["rtfs", "eval", "--fuel", "-1", "-e", "1"])).status).toBe(64);
    expect((await box.run(["rtfs", "eval"])).status).toBe(64);
  });
});

describe("ccos rtfs eval --batch", () => {
  test("answers each line in order with its id", async () => {
    const { answers, status } = await batch([
      '{"id":"a","source":"(+ 1 2)"}',
      '{"id":2,"source":"(/ 1 0)"}',
      '{"id":null,"source":"nil"}',
    ]);
    expect(status).toBe(0);
    expect(answers).toEqual([
      { id: "a", ok: true, value: "3" },
      {
        id: 2,
        ok: false,
        error: {
          code: "DivisionByZero",
          message: "/: division by zero",
          span: { file: "<source>", line: 1, column: 1, start: 0, end: 7 },
        },
      },
      { id: null, ok: true, value: "nil" },
    ]);
  });

  test.each([
    ["text that is no JSON", "{nope", "JsonError"],
    ["JSON that is no object", "[1]", "InvalidArgument"],
    ["no source", '{"id":1}', "InvalidArgument"],
    ["a level that does not exist", '{"id":1,"source":"1","level":"root"}', "InvalidArgument"],
    ["a stub of no known shape", '{"id":1,"source":"1","stubs":{"a":{}}}', "InvalidArgument"],
    ["100 000 open brackets", JSON.stringify({ id: 1, source: "(".repeat(1e5) }), "ParseError"],
    ["JSON that nests deep", `{"id":${"[".repeat(1e5)}`, "JsonError"],
    ["an endless loop", '{"id":1,"source":"(defn f [] (f)) (f)"}', "FuelExhausted"],
    ["endless recursion", '{"id":1,"source":"(defn f [x] (+ 1 (f x))) (f 1)"}', "StackOverflow"],
    ["a value whose text is too long", '{"id":1,"source":"(range 0 3000000)"}', "LimitExceeded"],
    [
      "a value that shares itself 60 times over",
      '{"id":1,"source":"(reduce (fn [a _] [a a]) 1 (range 0 60))"}',
      "LimitExceeded",
    ],
  ])("%s is an answer and does not stop the batch", async (_what, line, code) => {
    const { answers, status } = await batch([line, '{"id":"next","source":"42"}']);
    expect(answers).toHaveLength(2);
    expect(answers[0]?.error?.code).toBe(code);
    expect(answers[1]).toEqual({ id: "next", ok: true, value: "42" });
    expect(status).toBe(0);
  });

  test("a line of 20 MB is refused, never kept, and the next is answered", async () => {
    const { answers } = await batch([
      JSON.stringify({ id: 1, source: "x".repeat(20_000_000) }),
      '{"id":2,"source":"42"}',
    ]);
    expect(answers[0]).toMatchObject({ id: null, ok: false, error: { code: "LimitExceeded" } });
    expect(answers[1]?.value).toBe("42");
  });

  test("a program that fills the memory ends its evaluator, not the batch", async () => {
    const bomb = "(map (fn [i] (range 0 1000000)) (range 0 40))";
    const { answers } = await batch(
      [JSON.stringify({ id: "bomb", source: bomb }), '{"id":2,"source":"42"}'],
      ["--memory-mb", "64"],
    );
    expect(answers[0]).toMatchObject({ id: "bomb", ok: false, error: { code: "BudgetExhausted" } });
    expect(answers[1]?.value).toBe("42");
  });

  test("a program past its wall clock is ended, and the next is answered", async () => {
    const { answers } = await batch(
      ['{"id":1,"source":"(defn f [] (f)) (f)"}', '{"id":2,"source":"42"}'],
      ["--timeout-ms", "400", "--fuel", "900000000000"],
    );
    expect(answers[0]).toMatchObject({ id: 1, ok: false, error: { code: "BudgetExhausted" } });
    expect(answers[1]?.value).toBe("42");
  });

  test("ten million items are no bomb", async () => {
    expect(await one({ source: "(count (range 0 10000000))" })).toMatchObject({
      ok: true,
      value: "10000000",
    });
  });

  test("reads a file over one megabyte by its absolute path, line by line", async () => {
    const lines = Array.from({ length: 20_000 }, (_, id) =>
      JSON.stringify({ id, source: `(+ ${id} 1) ; ${"x".repeat(50)}` }),
    );
    const path = box.write("many.jsonl", lines.join("\n"));
    const { stdout, status } = await box.run(["rtfs", "eval", "--batch", path]);
    const answers = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Answer);
    expect(answers.map(({ id }) => id)).toEqual(lines.map((_, id) => id));
    expect(answers.every(({ id, value }) => value === String(Number(id) + 1))).toBe(true);
    expect(status).toBe(0);
  });

  test("CRLF, blank lines and a last line without an end are read", async () => {
    const { stdout } = await box.run(["rtfs", "eval", "--batch"], {
      input: '\r\n{"id":1,"source":"1"}\r\n\n{"id":2,"source":"2"}',
    });
    expect(stdout).toBe('{"id":1,"ok":true,"value":"1"}\n{"id":2,"ok":true,"value":"2"}\n');
  });

  test("bytes that are not UTF-8 are an answer", async () => {
    const child = spawn(process.execPath, [join(ROOT, "bin/ccos.cjs"), "rtfs", "eval", "--batch"]);
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    child.stdin.end(Buffer.from([0x22, 0xff, 0x22, 0x0a]));
    await new Promise((resolve) => child.on("close", resolve));
    expect(JSON.parse(text)).toMatchObject({ id: null, ok: false, error: { code: "JsonError" } });
  });

  test("answers come while the input is still open", async () => {
    const child = spawn(process.execPath, [join(ROOT, "bin/ccos.cjs"), "rtfs", "eval", "--batch"]);
    const answer = new Promise<string>((resolve) =>
      child.stdout.setEncoding("utf8").once("data", resolve),
    );
    child.stdin.write('{"id":1,"source":"(+ 1 1)"}\n');
    expect(await answer).toBe('{"id":1,"ok":true,"value":"2"}\n');
    child.stdin.end();
    await new Promise((resolve) => child.on("close", resolve));
  });

  test("a field that nobody reads is said once on stderr", async () => {
    const { answers, stderr } = await batch([
      '{"id":1,"source":"1","levle":"full"}',
      '{"id":2,"source":"1","levle":"full"}',
    ]);
    expect(answers.every(({ ok }) => ok)).toBe(true);
    expect(stderr.match(/levle/g)).toHaveLength(1);
  });
});

describe("rights of a batch line", () => {
  const source = "(call :ccos.echo 1 [2])";
  const stubs = { "ccos.echo": { echo: "all" } };
  test.each([
    ["pure denies every call", { level: "pure", stubs }, "SecurityViolation"],
    ["no level is pure", {}, "SecurityViolation"],
    ["controlled denies what is not allowed", { level: "controlled", stubs }, "SecurityViolation"],
    [
      "controlled allows what is listed",
      { level: "controlled", allow: ["ccos.echo"], stubs },
      "[1 [2]]",
    ],
    ["an id may have its colon", { level: "controlled", allow: [":ccos.echo"], stubs }, "[1 [2]]"],
    ["full allows all", { level: "full", stubs }, "[1 [2]]"],
    ["stubs without a level allow themselves", { stubs }, "[1 [2]]"],
    ["no stub is an unknown capability", { level: "full" }, "UnknownCapability"],
    ["echo first", { stubs: { "ccos.echo": { echo: "first" } } }, "1"],
    [
      "returns a value",
      { stubs: { "ccos.echo": { returns: "{:a '(1 2)}" } } },
      "{:a (quote (1 2))}",
    ],
    ["fails with a kind", { stubs: { "ccos.echo": { fails: "NetworkError" } } }, "NetworkError"],
  ])("%s", async (_what, rights, expected) => {
    const answer = await one({ source, ...rights });
    expect(answer.ok ? answer.value : answer.error?.code).toBe(expected);
  });

  test("compat seed turns the first version's forms and helpers on, for its line alone", async () => {
    const old = '(parallel [a 1] [b (println "x")])';
    const stubs = { "ccos.io.println": { returns: "nil" } };
    const { answers } = await batch([
      JSON.stringify({ id: 1, source: old, compat: "seed", stubs }),
      JSON.stringify({ id: 2, source: old, stubs }),
    ]);
    expect(answers[0]).toEqual({ id: 1, ok: true, value: "{:a 1 :b nil}" });
    expect(answers[1]?.error?.code).toBe("UndefinedSymbol");
  });

  test("a context key lives as long as its step", async () => {
    const source = '(context/set :k 1) [(step "s" (context/set :k 2) @k) @k]';
    expect((await one({ source })).value).toBe("[2 1]");
  });

  test("a violation can be caught, and nothing reached the stub", async () => {
    const answer = await one({
      source: "(try (call :a 1) (catch SecurityViolation e (:capability e)))",
      stubs: { a: { returns: "1" } },
      level: "pure",
    });
    expect(answer.value).toBe('"a"');
  });
});
