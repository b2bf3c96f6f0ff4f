/** The acceptance cases of the first version: programs of each kind under a context, and what is told of them. */
import { randomBytes } from "node:crypto";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { boundsOf } from "../../src/config/index.ts";
import { readForms } from "../../src/rtfs/index.ts";
import {
  describeProgram,
  execute,
  type ExecuteOptions,
  type ExecutionContext,
  type ExecutionProgram,
  findRun,
  reachOfProgram,
  verifyRun,
  type World,
} from "../../src/runtime/index.ts";
import { VERSION } from "../../src/cli/version.ts";
import { ROOT } from "../e2e/ccos.ts";

const home = mkdtempSync(join(tmpdir(), "ccos-accept-"));
const warm = process.env["CCOS_TEST_WARM_HOME"];
if (warm !== undefined) cpSync(join(warm, "walls"), join(home, "walls"), { recursive: true });
afterAll(() => rmSync(home, { recursive: true, force: true }));

const world: World = {
  stateDir: home,
  nodePath: process.execPath,
  guestDir: join(ROOT, "dist", "guest"),
  version: VERSION,
  environment: {},
  nowMs: Date.now,
  randomBytes: (length) => randomBytes(length),
};

interface Asked extends Partial<Omit<ExecutionContext, "capabilityPermissions">> {
  readonly permissions?: readonly string[];
}

function run({ permissions = [], ...context }: Asked, options: ExecuteOptions = {}) {
  const full: ExecutionContext = {
    executionId: "test-exec",
    program: null,
    capabilityId: null,
    capabilityPermissions: permissions,
    args: [],
    runtimeContext: { level: "controlled", capabilities: permissions },
    ...context,
  };
  return execute(world, full, options);
}

const source = (text: string): ExecutionProgram => ({ kind: "rtfs-source", source: text });
const echo: ExecutionProgram = { kind: "external", path: "/bin/echo", args: ["hello"] };

function form(text: string): ExecutionProgram {
  const forms = readForms(text, { file: "form" });
  if (!forms.ok || forms.value[0] === undefined) throw new Error(text);
  return { kind: "rtfs-ast", form: forms.value[0] };
}

describe("programs", () => {
  test("describe themselves", () => {
    const described: readonly (readonly [ExecutionProgram, string])[] = [
      [{ kind: "bytecode", bytes: new Uint8Array([1, 2, 3, 4, 5]) }, "RTFS bytecode (5 bytes)"],
      [source("(+ 1 2)"), "RTFS source: (+ 1 2)"],
      [form("(+ 1 2)"), "RTFS AST"],
      [{ kind: "native", handler: "x" }, "Native function"],
      [{ kind: "external", path: "/bin/ls", args: ["-la"] }, 'External program: /bin/ls ["-la"]'],
    ];
    for (const [program, text] of described) expect(describeProgram(program)).toBe(text);
  });

  test.each([
    ['(http-fetch "https://api.example.com")', true, true],
    ['(call :ccos.network.http-fetch "https://api.example.com")', true, false],
    ['(read-file "/tmp/test.txt")', true, true],
    ['(call :ccos.io.read-file "/tmp/test.txt")', false, true],
    ["(+ 1 2)", false, false],
    ['(str "http file network io")', false, false],
    ["(((", true, true],
  ])("%s: network %s, files %s", (text, network, files) => {
    expect(reachOfProgram(source(text))).toEqual({ network, files });
  });

  test("that cannot be judged may touch both", () => {
    const unknown = { network: true, files: true };
    expect(reachOfProgram(echo)).toEqual(unknown);
    expect(reachOfProgram({ kind: "native", handler: "x" })).toEqual(unknown);
    expect(reachOfProgram({ kind: "bytecode", bytes: new Uint8Array() })).toEqual(unknown);
  });
});

describe("execute", () => {
  test("runs RTFS source and form behind a wall, pure by default", async () => {
    for (const program of [source("(+ 3 4)"), form("(+ 3 4)")]) {
      const result = await run({ program, runtimeContext: null });
      expect(result).toMatchObject({ ok: true, value: 7 });
      expect(result.metadata.executionId).toBe("test-exec");
      expect(result.metadata.durationMs).toBeGreaterThan(0);
      expect(result.metadata.provider).toMatch(/\//);
      expect(result.metadata.networkRequests).toEqual([]);
    }
  });

  test("binds arguments, and takes them as values", async () => {
    const program = source('(str arg0 "-" (+ arg1 1) "-" (count args))');
    const result = await run({ program, args: ['"(+ 1 2)', 41] });
    expect(result).toMatchObject({ ok: true, value: '"(+ 1 2)-42-2' });
  });

  test("says what the host metered, and only that", async () => {
    const result = await run({ program: source("(reduce + (range 200000))") });
    const { cpuMs, memoryBytesPeak, meter, truncated } = result.metadata;
    expect(["control-group", "process-tree"]).toContain(meter);
    expect(cpuMs).toBeGreaterThan(0);
    expect(memoryBytesPeak).toBeGreaterThan(1024 * 1024);
    expect(truncated).toBe(false);
    expect(result.metadata).not.toHaveProperty("exitStatus");
  });

  test("refuses bytes that are no module, naming the load failure", async () => {
    const program = { kind: "bytecode", bytes: new Uint8Array([1, 2, 3, 4, 5]) } as const;
    const refused = run({ program });
    await expect(refused).rejects.toThrow("Cannot load the WASM module");
    await expect(refused).rejects.toMatchObject({ code: "INVALID_PROGRAM" });
  });

  test("runs an external program with the permission, and refuses it without", async () => {
    const result = await run({ program: echo, permissions: ["external_program"] });
    expect(result).toMatchObject({ ok: true, value: "hello\n", metadata: { exitStatus: 0 } });
    await expect(run({ program: echo })).rejects.toThrow("SecurityViolation");
    const context = { program: echo, permissions: ["external_program"], runtimeContext: null };
    await expect(run(context)).rejects.toThrow("SecurityViolation");
  });

  test("cuts output at its limit, and says so", async () => {
    const program: ExecutionProgram = { kind: "external", path: "/usr/bin/yes", args: [] };
    const result = await run({ program, permissions: ["external_program"] });
    expect(result).toMatchObject({ ok: false, error: { code: "LIMIT_OUTPUT" } });
    expect(result.metadata.truncated).toBe(true);
  });

  test("calls a native handler with the permission, on the host, and refuses it without", async () => {
    const handlers = new Map([["double", ([n]: readonly unknown[]) => Number(n) * 2]]);
    const program = { kind: "native", handler: "double" } as const;
    const permissions = ["native_function"];
    const result = await run({ program, permissions, args: [21] }, { handlers });
    expect(result).toMatchObject({ ok: true, value: 42, metadata: { provider: "native" } });
    const recorded = await verifyRun(world, await findRun(home, result.metadata.run));
    expect(recorded.kind).toBe("valid");
    await expect(run({ program }, { handlers })).rejects.toThrow("SecurityViolation");
    await expect(run({ program, permissions })).rejects.toMatchObject({ code: "INVALID_PROGRAM" });
  });

  test("tells a handler that fails, and one that is late", async () => {
    const handlers = new Map([
      ["broken", () => Promise.reject(new Error("no luck"))],
      ["late", () => new Promise<never>(() => undefined)],
    ]);
    const permissions = ["native_function"];
    const broken = { kind: "native", handler: "broken" } as const;
    expect(await run({ program: broken, permissions }, { handlers })).toMatchObject({
      ok: false,
      error: { code: "PROGRAM_ERROR", message: "no luck" },
    });
    const late = { program: { kind: "native", handler: "late" } as const, permissions };
    expect(await run({ ...late, config: { timeoutMs: 20 } }, { handlers })).toMatchObject({
      ok: false,
      error: { code: "LIMIT_TIME" },
    });
  });

  test("denies a capability that the permissions do not name", async () => {
    const program = source('(call :ccos.network.http-fetch "https://api.example.com")');
    const result = await run({ program, permissions: ["ccos.math.add"] });
    expect(result).toMatchObject({ ok: false, error: { kind: "SecurityViolation" } });
  });

  test("denies what the runtime context does not hold, whatever the permissions say", async () => {
    const program = source("(call :ccos.math.add 1 2)");
    const permissions = ["ccos.math.add"];
    expect(await run({ program, permissions })).toMatchObject({ ok: true, value: 3 });
    const narrow = { level: "controlled", capabilities: ["ccos.echo"] } as const;
    const any = { level: "controlled", capabilities: ["*"] } as const;
    for (const runtimeContext of [narrow, any, null])
      expect(await run({ program, permissions, runtimeContext })).toMatchObject({ ok: false });
  });

  test("grants no other capability of the kind than those permitted", async () => {
    const config = { fsPolicy: { ReadWrite: ["/workspace"] } };
    const write = source('(call :ccos.io.write-file "/workspace/a" "x")');
    const exists = source('(call :ccos.io.file-exists "/workspace/a")');
    for (const permissions of [["ccos.io.file-exists"], ["ccos.io.log", "ccos.io.file-exists"]]) {
      expect(await run({ program: write, permissions, config })).toMatchObject({ ok: false });
      expect(await run({ program: exists, permissions, config })).toMatchObject({ value: false });
    }
    expect(await run({ program: exists, permissions: ["ccos.io.log"], config })).toMatchObject({
      ok: false,
    });
  });

  test("has a NetworkError where the permission is there and the network is not", async () => {
    const program = source('(call :ccos.network.http-fetch "https://nowhere.invalid/")');
    const permissions = ["ccos.network.http-fetch"];
    const config = { networkPolicy: { AllowList: ["nowhere.invalid"] } };
    const result = await run({ program, permissions, config });
    expect(result).toMatchObject({ ok: false, error: { kind: "NetworkError" } });
    expect(result.metadata.networkRequests).toMatchObject([
      { url: "https://nowhere.invalid/", method: "GET" },
    ]);
    expect(result.metadata.networkRequests[0]).not.toHaveProperty("statusCode");
  });

  test("holds files to their policy, and records each", async () => {
    const program = source(
      '(call :ccos.io.write-file "/workspace/a" "four") (call :ccos.io.read-file "/workspace/a")',
    );
    const permissions = ["ccos.io.*"];
    const config = { fsPolicy: { ReadWrite: ["/workspace"] } };
    const result = await run({ program, permissions, config });
    expect(result).toMatchObject({ ok: true, value: "four" });
    expect(result.metadata.fileOperations).toMatchObject([
      { path: "/workspace/a", operation: "write", bytesProcessed: 4 },
      { path: "/workspace/a", operation: "read", bytesProcessed: 4 },
    ]);
    const readOnly = { fsPolicy: { ReadOnly: ["/workspace"] } };
    expect(await run({ program, permissions, config: readOnly })).toMatchObject({ ok: false });
    expect(await run({ program, permissions })).toMatchObject({ ok: false });
  });

  test("ends when it is cancelled, and tells what it did until then", async () => {
    const abort = new AbortController();
    const program: ExecutionProgram = { kind: "external", path: "/bin/sleep", args: ["60"] };
    const running = run({ program, permissions: ["external_program"] }, { signal: abort.signal });
    setTimeout(() => abort.abort(), 500);
    const result = await running.catch((cause: unknown) => cause);
    expect(result).toMatchObject({ ok: false, error: { code: "CANCELLED" } });
  });

  test("is bound by the operator", async () => {
    const permissions = ["ccos.io.*"];
    const program = source('(call :ccos.io.write-file "/workspace/a" "x")');
    const config = { fsPolicy: { ReadWrite: ["/workspace"] } };
    const bounds = boundsOf({
      settings: null,
      environment: "testing",
      asked: { timeout: null, memoryLimitMb: null, wall: null, provider: null },
    });
    expect(await run({ program, permissions, config })).toMatchObject({ ok: true });
    expect(await run({ program, permissions, config }, { bounds })).toMatchObject({ ok: false });
    const production = { ...bounds, environment: "production" as const };
    await expect(run({ program, provider: "mock" }, { bounds: production })).rejects.toMatchObject({
      code: "ENVIRONMENT_REFUSED",
    });
  });

  test("refuses policies that grant what nobody named", async () => {
    const program = source("1");
    for (const config of [
      { networkPolicy: "Full" } as const,
      { networkPolicy: { DenyList: ["a.example.com"] } },
      { fsPolicy: "Full" } as const,
    ])
      await expect(run({ program, config })).rejects.toMatchObject({ code: "UNENFORCEABLE" });
  });

  test("refuses a context with neither program nor capability", async () => {
    await expect(run({})).rejects.toMatchObject({ code: "INVALID_PROGRAM" });
    await expect(run({ provider: "mock" })).rejects.toMatchObject({ code: "INVALID_PROGRAM" });
  });
});

describe("a capability without a program", () => {
  test("is called through the gate", async () => {
    const permissions = ["ccos.math.add"];
    const result = await run({ capabilityId: "ccos.math.add", permissions, args: [1, 2] });
    expect(result).toMatchObject({ ok: true, value: 3 });
    expect(await run({ capabilityId: "ccos.math.add", args: [1, 2] })).toMatchObject({ ok: false });
  });

  test("is no way to write a program", async () => {
    const permissions = ["ccos.*"];
    for (const capabilityId of ['x") (call "ccos.math.add', "", "a b", "(+ 1 2)"])
      await expect(run({ capabilityId, permissions })).rejects.toMatchObject({
        code: "UNKNOWN_CAPABILITY",
      });
  });
});

describe("the mock", () => {
  const mock = { provider: "mock", runtimeContext: null } as const;

  test("answers a capability without a program", async () => {
    const permissions = ["ccos.math.add"];
    const asked = { ...mock, capabilityId: "ccos.math.add", permissions, args: [1, 2] };
    const [first, second] = [await run(asked), await run(asked)];
    expect(first).toMatchObject({ ok: true, metadata: { provider: "mock" } });
    expect(first.ok && first.value).toContain("Mock capability execution");
    expect(second.ok && second.value).toBe(first.ok && first.value);
  });

  test("answers programs of any kind with a text, runs none and meters nothing", async () => {
    const ran: string[] = [];
    const handlers = new Map([["told", () => ran.push("it ran")]]);
    for (const program of [
      source("(+ 1 2)"),
      echo,
      { kind: "native", handler: "told" } as const,
      { kind: "bytecode", bytes: new Uint8Array([1, 2, 3]) } as const,
    ]) {
      const result = await run({ ...mock, program }, { handlers });
      expect(typeof (result.ok && result.value)).toBe("string");
      expect(result.metadata.durationMs).toBeGreaterThan(0);
      expect(result.metadata).not.toHaveProperty("cpuMs");
      expect(result.metadata).not.toHaveProperty("meter");
    }
    expect(ran).toEqual([]);
  });
});
