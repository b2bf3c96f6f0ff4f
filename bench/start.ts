/**
 * Start times: the walls beside bare bubblewrap, bare runsc and the `srt` command line; `ccos run` of a pure plan.
 *
 *   npm run build && node bench/start.ts [ROUNDS] [--json FILE]
 *
 * Every round runs every row once, in turn. Host root drops to an unprivileged user for bare bubblewrap and
 * bare runsc, as the product does. Medians, and ratios inside this run only.
 */
import { spawn } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createProviders, type SandboxSpec } from "../src/isolation/index.ts";
import { median, table, writeResults } from "./lib/stats.ts";

const rounds = Number(process.argv[2] ?? 21) || 21;
const root = join(import.meta.dirname, "..");
const dir = mkdtempSync(join(tmpdir(), "ccos-bench-"));
chmodSync(dir, 0o755);
const node =
  existsSync("/usr/bin/node") && process.geteuid?.() === 0 ? await stagedNode() : process.execPath;
const user: { uid?: number; gid?: number } =
  process.geteuid?.() === 0 ? { uid: 200_999, gid: 200_999 } : {};

/** The staged copy that the walls use: a dropped user cannot reach a Node below a private home. */
async function stagedNode(): Promise<string> {
  const { storedExecutable } = await import("../src/host/index.ts");
  return await storedExecutable(process.execPath);
}

function run(
  argv: readonly string[],
  options: { uid?: number; gid?: number; env?: Record<string, string> } = {},
): Promise<void> {
  const [file = "", ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(file, rest, {
      stdio: "ignore",
      env: { PATH: "/usr/sbin:/usr/bin:/bin" },
      ...options,
    });
    child.on("error", reject);
    child.on("close", (status, signal) =>
      status === 0 ? resolve() : reject(new Error(`${argv[0]} ended with ${status ?? signal}`)),
    );
  });
}

/** The walls' own mounts and namespaces, as one plain command line: no limits, no filter, no channel. */
const BWRAP = [
  "bwrap",
  "--unshare-user",
  "--unshare-pid",
  "--unshare-net",
  "--unshare-ipc",
  "--unshare-uts",
  "--unshare-cgroup",
  "--disable-userns",
  "--die-with-parent",
  "--new-session",
  "--cap-drop",
  "ALL",
  "--uid",
  "1000",
  "--gid",
  "1000",
  "--hostname",
  "sandbox",
  "--clearenv",
  "--ro-bind",
  "/usr",
  "/usr",
  "--symlink",
  "usr/bin",
  "/bin",
  "--symlink",
  "usr/lib",
  "/lib",
  "--symlink",
  "usr/lib64",
  "/lib64",
  "--ro-bind",
  node,
  "/ccos/node",
  "--ro-bind-try",
  "/etc/ld.so.cache",
  "/etc/ld.so.cache",
  "--ro-bind-try",
  "/etc/ssl/certs",
  "/etc/ssl/certs",
  "--ro-bind-try",
  "/etc/alternatives",
  "/etc/alternatives",
  "--proc",
  "/proc",
  "--remount-ro",
  "/proc",
  "--dev",
  "/dev",
  "--size",
  "16777216",
  "--tmpfs",
  "/dev/shm",
  "--remount-ro",
  "/dev",
  "--size",
  "16777216",
  "--perms",
  "1777",
  "--tmpfs",
  "/tmp",
  "--size",
  "67108864",
  "--perms",
  "0700",
  "--tmpfs",
  "/work",
  "--remount-ro",
  "/",
  "--chdir",
  "/work",
  "--",
];

/** A bundle by hand with the mounts of the walls, for the bare command line: no filter, no limits, no channel. */
function layBundle(path: string): void {
  const root = join(path, "rootfs");
  const shared = ["/usr", "/etc/ssl/certs", "/etc/alternatives"].filter((each) => existsSync(each));
  const folders = ["proc", "dev", "sys", "tmp", "work", "ccos", ...shared];
  for (const folder of folders) mkdirSync(join(root, folder), { recursive: true });
  for (const name of ["bin", "lib", "lib64"]) symlinkSync(`usr/${name}`, join(root, name));
  const files = [
    ["/etc/ld.so.cache", "/etc/ld.so.cache"],
    [node, "/ccos/node"],
  ] as const;
  for (const [, target] of files) writeFileSync(join(root, target), "");
  const bind = (source: string, destination: string): object => ({
    destination,
    type: "bind",
    source,
    options: ["rbind", "ro"],
  });
  const memory = ["/tmp", "/work"].map((destination) => ({ destination, type: "tmpfs" }));
  const config = {
    ociVersion: "1.0.0",
    process: {
      user: { uid: 1000, gid: 1000 },
      args: ["/ccos/node", "-e", "0"],
      env: ["PATH=/usr/bin:/bin"],
      cwd: "/",
    },
    root: { path: "rootfs", readonly: true },
    mounts: [
      { destination: "/proc", type: "proc" },
      ...memory,
      ...shared.map((each) => bind(each, each)),
      ...files.map(([source, target]) => bind(source, target)),
    ],
    linux: { namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })) },
  };
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  mkdirSync(join(path, "state"));
  if (user.uid !== undefined) chownSync(join(path, "state"), user.uid, user.uid);
}

let sandboxes = 0;
const runsc = (): readonly string[] => [
  "runsc",
  `--root=${join(dir, "bundle", "state")}`,
  "--platform=ptrace",
  "--rootless",
  "--ignore-cgroups",
  "--network=none",
  "run",
  "--bundle",
  join(dir, "bundle"),
  `ccos-bench-${process.pid}-${++sandboxes}`,
];

const SPEC: SandboxSpec = {
  limits: {
    wallMs: 30_000,
    cpuMs: 30_000,
    memoryBytes: 512 * 1024 * 1024,
    pidsMax: 64,
    outputBytes: 1024 * 1024,
    diskBytes: 64 * 1024 * 1024,
  },
  files: [],
  binds: [],
  environment: {},
  sockets: false,
};

const providers = createProviders({ nodePath: process.execPath, stateDir: dir });

/** What a wall finds out about the host once, it finds out in the rounds that do not count. */
async function walled(name: string): Promise<void> {
  const provider = providers.find((each) => each.name === name);
  if (provider === undefined) throw new Error(`no provider ${name}`);
  const session = await provider.open(SPEC);
  const execution = await session.execute(
    { kind: "external", argv: ["/ccos/node", "-e", "0"], channel: false },
    new AbortController().signal,
  );
  execution.stdin.end();
  execution.stdout.resume();
  execution.stderr.resume();
  const ending = await execution.ending;
  if (ending.kind !== "exited" || ending.status !== 0)
    throw new Error(`${name}: ${JSON.stringify(ending)}`);
  await session.close();
}

layBundle(join(dir, "bundle"));
writeFileSync(join(dir, "plan.rtfs"), "(+ 1 2)");
writeFileSync(
  join(dir, "agent.rtfs"),
  '(agent.config :version "0.1" :agent-id "agent.bench" :plan "plan.rtfs")',
);
writeFileSync(
  join(dir, "srt.json"),
  JSON.stringify({
    network: { allowedDomains: [], deniedDomains: [] },
    filesystem: { denyRead: [], allowWrite: [dir], denyWrite: [] },
  }),
);
const srt = join(root, "node_modules/@anthropic-ai/sandbox-runtime/dist/cli.js");
const home = { PATH: process.env["PATH"] ?? "", HOME: dir, CCOS_HOME: join(dir, "home") };

const rows: Record<string, () => Promise<void>> = {
  "node -e 0, bare": () => run([node, "-e", "0"], user),
  "bwrap node -e 0, bare": () => run([...BWRAP, "/ccos/node", "-e", "0"], user),
  "process/bubblewrap node -e 0": () => walled("process/bubblewrap"),
  "process/unshare node -e 0": () => walled("process/unshare"),
  "process/landlock node -e 0": () => walled("process/landlock"),
  "runsc run node -e 0, bare": () => run(runsc(), user),
  "gvisor/runsc node -e 0": () => walled("gvisor/runsc"),
  "srt command line node -e 0": () =>
    run([process.execPath, srt, "--settings", join(dir, "srt.json"), "--", node, "-e", "0"], {
      env: home,
    }),
  "node -e 0, then bwrap node -e 0": async () => {
    await run([node, "-e", "0"], user);
    await run([...BWRAP, "/ccos/node", "-e", "0"], user);
  },
  "ccos run, a pure plan": () =>
    run([process.execPath, join(root, "bin/ccos.cjs"), "run", join(dir, "agent.rtfs")], {
      env: home,
    }),
};
const times: Record<string, number[]> = {};
const failures: Record<string, string> = {};
for (let round = -2; round < rounds; round++) {
  for (const [name, start] of Object.entries(rows)) {
    if (failures[name] !== undefined) continue;
    const before = performance.now();
    try {
      await start();
    } catch (cause) {
      failures[name] = cause instanceof Error ? cause.message : String(cause);
      continue;
    }
    if (round >= 0) (times[name] ??= []).push(performance.now() - before);
  }
}
rmSync(dir, { recursive: true, force: true });
const ms = (name: string): number => median(times[name] ?? [Number.NaN]);
const ratios = {
  "walls / bare bwrap (≤ 1.25)": ms("process/bubblewrap node -e 0") / ms("bwrap node -e 0, bare"),
  "gvisor / bare runsc (≤ 1.1)": ms("gvisor/runsc node -e 0") / ms("runsc run node -e 0, bare"),
  "srt added / walls added (≥ 10)":
    (ms("srt command line node -e 0") - ms("node -e 0, bare")) /
    (ms("process/bubblewrap node -e 0") - ms("node -e 0, bare")),
  "ccos run / (node, then bwrap node) (≤ 1.25)":
    ms("ccos run, a pure plan") / ms("node -e 0, then bwrap node -e 0"),
};
const text = [
  table(
    ["start", "median ms"],
    Object.keys(times).map((name) => [name, ms(name).toFixed(1)]),
  ),
  table(
    ["ratio", "value"],
    Object.entries(ratios).map(([name, value]) => [name, value.toFixed(2)]),
  ),
  ...Object.entries(failures).map(([name, why]) => `did not run: ${name}: ${why}`),
].join("\n\n");
process.stdout.write(`${text}\n`);
writeResults("start", {
  rounds,
  medians: Object.fromEntries(Object.keys(times).map((name) => [name, ms(name)])),
  ratios,
  failures,
});
