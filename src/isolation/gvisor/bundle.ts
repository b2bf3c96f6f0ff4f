/**
 * What runsc is given: an OCI bundle, made anew for each wall from the layout that every wall shares.
 *
 * Read in this order: bundleOf, mountsOf, filterRules. The root is a read-only skeleton; what is shown of
 * the host is bound over empty places in it, what may be written is a tmpfs of its size. The filter inside
 * the sandbox is a second layer: what every other wall refuses with EPERM would reach the sentry only, and shall
 * not reach even that.
 *
 * @module
 */
import { type DirectoryContent, type PrivateFile, placeAt } from "../../host/index.ts";
import { kernelLimits } from "../limits.ts";
import type { SandboxFile, SandboxSpec } from "../provider.ts";
import { DENIED_CALLS } from "../seccomp-tables.ts";
import { type Layout, type Shown, scratchBytes, UID_INSIDE } from "../staging.ts";

/** Folder of the bundle that runsc keeps its state in: its path is in the command line of each of its processes. */
export function stateFolder({ label }: Pick<SandboxSpec, "label">): string {
  return label === undefined ? "state" : `state-${label}`;
}

const ROOT = "rootfs";
const WORK = "/work/";

export interface BundleParts {
  /** As it runs inside; the first word is absolute. */
  readonly command: readonly string[];
  readonly layout: Layout;
  readonly spec: SandboxSpec;
}

/** The bundle's directory: `config.json`, the skeleton of the root, files, and the state folder. */
export function bundleOf(parts: BundleParts): DirectoryContent {
  const { layout, spec } = parts;
  // A file below /work lies on a tmpfs, which is mounted over the root: it is kept aside and bound over it.
  const inWork = layout.files.filter((file) => file.path.startsWith(WORK));
  const inRoot = layout.files.filter((file) => !file.path.startsWith(WORK));
  const kept = inWork.map((file, index) => ({ source: `files/${index}`, target: file.path, file }));
  const shown = [...layout.shown, ...layout.binds];
  const isDirectory = ({ source }: Shown): boolean => placeAt(source).kind === "directory";
  const points = [...shown.filter((each) => !isDirectory(each)), ...kept];
  const config = JSON.stringify(configOf(parts, [...shown, ...kept]));
  return {
    files: [
      { path: "config.json", content: new TextEncoder().encode(config), executable: false },
      ...inRoot.map((file) => placed(file, `${ROOT}${file.path}`)),
      ...kept.map(({ source, file }) => placed(file, source)),
      ...points.map(({ target }) => placed(NOTHING, `${ROOT}${target}`)),
    ],
    folders: [
      ...["proc", "dev", "sys", "tmp", "work", "run", "ccos"].map((name) => `${ROOT}/${name}`),
      ...shown.filter(isDirectory).map(({ target }) => `${ROOT}${target}`),
    ],
    links: layout.links.map(({ path, to }) => ({ path: `${ROOT}${path}`, to })),
    writable: [stateFolder(spec)],
  };
}

const NOTHING = { content: new Uint8Array(), executable: false };

function placed(file: Omit<SandboxFile, "path">, path: string): PrivateFile {
  return { path, content: file.content, executable: file.executable };
}

function configOf({ command, layout, spec }: BundleParts, shown: readonly Shown[]): object {
  const none = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };
  return {
    ociVersion: "1.0.0",
    process: {
      terminal: false,
      user: { uid: UID_INSIDE, gid: UID_INSIDE },
      args: command,
      env: [...layout.environment].map(([name, value]) => `${name}=${value}`),
      cwd: "/work",
      capabilities: none,
      noNewPrivileges: true,
      rlimits: rlimitsOf(spec),
    },
    root: { path: ROOT, readonly: true },
    hostname: "wall",
    mounts: mountsOf(spec, shown),
    linux: {
      namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })),
      seccomp: { defaultAction: "SCMP_ACT_ALLOW", syscalls: filterRules(spec.sockets) },
    },
  };
}

function rlimitsOf({ limits }: SandboxSpec): readonly object[] {
  const { cpuSeconds, dataBytes, fileBytes, stackBytes, descriptorsMax } = kernelLimits(limits);
  const bounds: readonly (readonly [name: string, soft: number, hard: number])[] = [
    ["CPU", cpuSeconds, cpuSeconds + 1],
    ["FSIZE", fileBytes, fileBytes],
    ["DATA", dataBytes, dataBytes],
    ["STACK", stackBytes, stackBytes],
    ["CORE", 0, 0],
    ["NPROC", limits.pidsMax, limits.pidsMax],
    ["NOFILE", descriptorsMax, descriptorsMax],
  ];
  return bounds.map(([name, soft, hard]) => ({ type: `RLIMIT_${name}`, soft, hard }));
}

function mountsOf({ limits }: SandboxSpec, shown: readonly Shown[]): readonly object[] {
  const scratch = scratchBytes(limits.diskBytes);
  const memory = (destination: string, mode: string, size: number): object => ({
    destination,
    type: "tmpfs",
    source: "tmpfs",
    options: [
      "nosuid",
      "nodev",
      `mode=${mode}`,
      `size=${size}`,
      `uid=${UID_INSIDE}`,
      `gid=${UID_INSIDE}`,
    ],
  });
  return [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["nosuid"] },
    memory("/dev/shm", "1777", scratch),
    memory("/tmp", "1777", scratch),
    memory("/work", "0700", limits.diskBytes),
    // A relative source is one of the bundle's own.
    ...shown.map(({ source, target }) => ({
      destination: target,
      type: "bind",
      source,
      options: ["rbind", "ro", "nosuid", "nodev"],
    })),
  ];
}

interface Condition {
  readonly index: number;
  readonly op: "SCMP_CMP_EQ" | "SCMP_CMP_NE" | "SCMP_CMP_GT" | "SCMP_CMP_MASKED_EQ";
  readonly value: number;
  readonly valueTwo?: number;
}

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCKET_TYPE_MASK = 0xf;
const SOCK_RAW = 3;
const SOCK_PACKET = 10;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const NAMESPACE_FLAGS = [
  0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
];

type Rule = (names: readonly string[], ...args: readonly Condition[]) => object;

const rule =
  (action: string): Rule =>
  (names, ...args) => ({ names, action, ...(args.length === 0 ? {} : { args }) });
/** EPERM. */
const refuse = rule("SCMP_ACT_ERRNO");
/** ENOSYS, as a call that is traced by nobody: libraries then take the older way. */
const hide = rule("SCMP_ACT_TRACE");

function filterRules(sockets: boolean): readonly object[] {
  const families = Array.from({ length: AF_INET6 }, (_, family) => family).filter(
    (family) => family !== AF_UNIX && family !== AF_INET,
  );
  const types = [SOCK_RAW, SOCK_PACKET];
  return [
    refuse([...DENIED_CALLS.keys()]),
    // Its flags are behind a pointer, where no filter sees them.
    hide(["clone3"]),
    refuse(["socketpair"], { index: 0, op: "SCMP_CMP_NE", value: AF_UNIX }),
    ...NAMESPACE_FLAGS.map((flag) =>
      refuse(["clone"], { index: 0, op: "SCMP_CMP_MASKED_EQ", value: flag, valueTwo: flag }),
    ),
    ...(sockets
      ? [
          refuse(["socket"], { index: 0, op: "SCMP_CMP_GT", value: AF_INET6 }),
          ...families.map((value) => refuse(["socket"], { index: 0, op: "SCMP_CMP_EQ", value })),
          ...types.map((valueTwo) => {
            const op = "SCMP_CMP_MASKED_EQ";
            return refuse(["socket"], { index: 1, op, value: SOCKET_TYPE_MASK, valueTwo });
          }),
        ]
      : [refuse(["socket"])]),
  ];
}
