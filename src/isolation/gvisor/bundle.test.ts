/** The bundle as a document: what it shows, what it bounds, what it refuses. Whether it holds: walls.test.ts, measure.ts. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SandboxSpec } from "../provider.ts";
import { layWall } from "../staging.ts";
import { bundleOf } from "./bundle.ts";

const MIB = 1024 * 1024;
const SPEC: SandboxSpec = {
  limits: {
    wallMs: 1_000,
    cpuMs: 1_500,
    memoryBytes: 64 * MIB,
    pidsMax: 7,
    outputBytes: MIB,
    diskBytes: 3 * MIB,
  },
  files: [
    { path: "/work/in/a.txt", content: new Uint8Array([1]), executable: false },
    { path: "/ccos/tool", content: new Uint8Array([2]), executable: true },
  ],
  binds: [],
  environment: { OWN: "value" },
  sockets: false,
};

let directory: string;
let server: Server;
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "ccos-bundle-"));
  server = createServer();
  await new Promise<void>((resolve) => server.listen(join(directory, "s.sock"), resolve));
});
afterAll(() => {
  server.close();
  rmSync(directory, { recursive: true });
});

interface Config {
  readonly process: { readonly [key: string]: unknown; readonly rlimits: readonly Limit[] };
  readonly root: unknown;
  readonly mounts: readonly Mount[];
  readonly linux: {
    readonly namespaces: readonly { readonly type: string }[];
    readonly seccomp: { readonly syscalls: readonly Refusal[] };
  };
}
interface Limit {
  readonly type: string;
  readonly soft: number;
}
interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source?: string;
  readonly options?: readonly string[];
}
interface Refusal {
  readonly names: readonly string[];
  readonly action: string;
  readonly args?: readonly object[];
}

async function made(spec: SandboxSpec = SPEC) {
  const layout = await layWall(spec, process.execPath, undefined);
  const content = bundleOf({ command: ["/usr/bin/true", "--", "x"], layout, spec });
  const file = content.files?.find((each) => each.path === "config.json");
  const text = new TextDecoder().decode(file?.content);
  return { content, config: JSON.parse(text) as Config };
}

test("the process is nobody, without a right, bounded by the limits", async () => {
  const { config } = await made();
  const { process: own } = config;
  expect(own["args"]).toEqual(["/usr/bin/true", "--", "x"]);
  expect(own["user"]).toEqual({ uid: 1_000, gid: 1_000 });
  expect(own["noNewPrivileges"]).toBe(true);
  expect(Object.values(own["capabilities"] as object).flat()).toEqual([]);
  expect(own["env"]).toContain("OWN=value");
  const bounds = new Map(own.rlimits.map(({ type, soft }) => [type, soft]));
  expect(bounds.get("RLIMIT_NPROC")).toBe(7);
  expect(bounds.get("RLIMIT_CPU")).toBe(2);
  expect(bounds.get("RLIMIT_CORE")).toBe(0);
  expect(config.linux.namespaces.map(({ type }) => type)).toContain("network");
});

test("everything of the host is read-only, everything writable has a size", async () => {
  const { config } = await made();
  expect(config.root).toEqual({ path: "rootfs", readonly: true });
  const binds = config.mounts.filter((mount) => mount.type === "bind");
  expect(binds.map(({ destination }) => destination)).toContain("/usr");
  for (const { options } of binds) expect(options).toContain("ro");
  const memory = config.mounts.filter(({ type }) => type === "tmpfs");
  const sized = memory.filter(({ options }) => options?.some((each) => each.startsWith("size=")));
  // The one without a size is root's: the program cannot write there.
  expect(memory.filter((each) => !sized.includes(each)).map((each) => each.destination)).toEqual([
    "/dev",
  ]);
  expect(memory.find((each) => each.destination === "/work")?.options).toContain(`size=${3 * MIB}`);
});

test("every mount has a place in the root, and a file below /work is bound over the disk", async () => {
  const binds = [
    { source: join(directory, "s.sock"), target: "/ccos/s.sock", kind: "socket" },
  ] as const;
  const { content, config } = await made({ ...SPEC, binds });
  const places = [
    ...(content.files ?? []).map(({ path }) => path),
    ...(content.folders ?? []),
    ...(content.links ?? []).map(({ path }) => path),
  ];
  for (const { destination, type } of config.mounts)
    if (type === "bind") expect(places).toContain(`rootfs${destination}`);
  const work = config.mounts.find(({ destination }) => destination === "/work/in/a.txt");
  const kept = content.files?.find(({ path }) => path === work?.source);
  expect([...(kept?.content ?? [])]).toEqual([1]);
  const tool = content.files?.find(({ path }) => path === "rootfs/ccos/tool");
  expect([tool?.executable, ...(tool?.content ?? [])]).toEqual([true, 2]);
});

test("the filter refuses sockets altogether, or all but Unix and internet streams and datagrams", async () => {
  const rulesOf = async (sockets: boolean): Promise<readonly Refusal[]> =>
    (await made({ ...SPEC, sockets })).config.linux.seccomp.syscalls;
  const none = (await rulesOf(false)).filter(({ names }) => names.includes("socket"));
  expect(none).toEqual([{ names: ["socket"], action: "SCMP_ACT_ERRNO" }]);
  const some = (await rulesOf(true)).filter(({ names }) => names.includes("socket"));
  expect(some.every(({ args }) => args?.length === 1)).toBe(true);
  const [above, ...equal] = some.flatMap(({ args }) => args ?? []);
  expect(above).toEqual({ index: 0, op: "SCMP_CMP_GT", value: 10 });
  const families = equal.flatMap((each) => ("valueTwo" in each ? [] : [each]));
  expect(families.map((each) => (each as { value: number }).value)).toEqual([
    0, 3, 4, 5, 6, 7, 8, 9,
  ]);
});

test("a label is part of the state's folder, and nothing else can be one", async () => {
  expect((await made({ ...SPEC, label: "mark-7" })).content.writable).toEqual(["state-mark-7"]);
  for (const label of ["", "../x", "a b", "a".repeat(65)])
    await expect(made({ ...SPEC, label })).rejects.toMatchObject({ code: "ISOLATION_UNAVAILABLE" });
});
