/**
 * What is visible inside a wall, decided before it is raised and the same for every way of raising it.
 *
 * Read in this order: Layout, layWall, programArgv. Below /usr the host's programs, /ccos our Node and the
 * files given, /work the only disk, /mnt what was granted; no home, no /sys, no host configuration but
 * libraries' caches and certificates. A path that the wall's user could not reach, a mount inside another,
 * or an environment that would steer our own launcher is refused.
 *
 * @module
 */
import { CcosError } from "../foundation/errors.ts";
import {
  closedToOthers,
  openSocketTo,
  placeAt,
  realPath,
  storedExecutable,
} from "../host/index.ts";
import type { SandboxFile, SandboxSpec } from "./provider.ts";

/** A host path shown read-only. */
export interface Shown {
  readonly source: string;
  readonly target: string;
}

export interface Layout {
  readonly shown: readonly Shown[];
  readonly links: readonly { readonly path: string; readonly to: string }[];
  readonly files: readonly SandboxFile[];
  /** Sockets and directories of the spec, after everything else. */
  readonly binds: readonly Shown[];
  /** Files of /proc that say more of the host than a program needs. */
  readonly masked: readonly string[];
  readonly environment: ReadonlyMap<string, string>;
}

export const NODE_INSIDE = "/ccos/node";
export const SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin";
/** The program's user inside; outside it is the wall's own. */
export const UID_INSIDE = 1_000;
/** Bytes of /tmp and /dev/shm each, at most. */
const SCRATCH_BYTES_MAX = 16 * 1024 * 1024;
const ENVIRONMENT_BYTES_MAX = 64 * 1024;

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const etcFile = (name: string, content: string): SandboxFile => ({
  path: `/etc/${name}`,
  content: text(content),
  executable: false,
});
/** Enough for getpwuid and localhost; no resolver. */
const ETC_FILES: readonly SandboxFile[] = [
  etcFile("passwd", `agent:x:${UID_INSIDE}:${UID_INSIDE}:agent:/work:/bin/sh\n`),
  etcFile("group", `agent:x:${UID_INSIDE}:\n`),
  etcFile("nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"),
  etcFile("hosts", "127.0.0.1 localhost\n::1 localhost\n"),
];
const SHARED_ETC = [
  "/etc/ld.so.cache",
  "/etc/ssl/certs",
  "/etc/alternatives",
  "/etc/pki/tls/certs",
  "/etc/pki/ca-trust/extracted",
];
const SYSTEM_DIRECTORIES = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
const MASKED = ["cmdline", "config.gz", "keys", "kallsyms", "modules"].map(
  (name) => `/proc/${name}`,
);

type SystemLayout = Pick<Layout, "shown" | "links" | "masked">;
let system: SystemLayout | null = null;

/** The host's part, looked at once. */
function systemLayout(): SystemLayout {
  if (system !== null) return system;
  const shown: Shown[] = [{ source: "/usr", target: "/usr" }];
  const links: { path: string; to: string }[] = [];
  for (const name of SYSTEM_DIRECTORIES) {
    const place = placeAt(`/${name}`);
    if (place.kind === "symlink") links.push({ path: `/${name}`, to: place.to });
    else if (place.kind === "directory") shown.push({ source: `/${name}`, target: `/${name}` });
  }
  for (const path of SHARED_ETC) {
    const source = realPath(path);
    if (source !== null && closedToOthers(source) === null) shown.push({ source, target: path });
  }
  const masked = MASKED.filter((path) => placeAt(path).kind === "file");
  system = { shown, links, masked };
  return system;
}

/** @param user - The wall's own user when it is not ours. */
export async function layWall(
  spec: SandboxSpec,
  nodePath: string,
  user: { readonly uid: number; readonly gid: number } | undefined,
): Promise<Layout> {
  const host = systemLayout();
  checkTargets(spec);
  if (spec.label !== undefined && !/^[A-Za-z0-9-]{1,64}$/.test(spec.label)) {
    throw refused(`Cannot label the wall "${spec.label}"`, "letters, digits and - make a label");
  }
  const node = await reachableNode(nodePath, user !== undefined);
  return {
    shown: [...host.shown, { source: node, target: NODE_INSIDE }],
    links: host.links,
    files: [...ETC_FILES, ...spec.files],
    binds: spec.binds.map((bind) => ({
      source: reachableSource(bind, user?.gid),
      target: bind.target,
    })),
    masked: host.masked,
    environment: environmentOf(spec.environment),
  };
}

/** Bytes of the scratch file systems beside /work. */
export function scratchBytes(diskBytes: number): number {
  return Math.min(SCRATCH_BYTES_MAX, diskBytes);
}

async function reachableNode(nodePath: string, isForeign: boolean): Promise<string> {
  const source = realPath(nodePath);
  if (source === null) {
    throw refused(`Cannot show Node "${nodePath}" inside`, "there is no such file");
  }
  return isForeign && closedToOthers(source) !== null ? await storedExecutable(source) : source;
}

function reachableSource(bind: SandboxSpec["binds"][number], gid: number | undefined): string {
  const source = realPath(bind.source);
  const found = source === null ? "absent" : placeAt(source).kind;
  if (source === null || found !== bind.kind) {
    throw refused(`Cannot show "${bind.source}" inside`, `it is ${found}, not a ${bind.kind}`);
  }
  if (gid === undefined) return source;
  const barrier = bind.kind === "socket" ? openSocketTo(source, gid) : closedToOthers(source);
  if (barrier === null) return source;
  throw refused(
    `Cannot show "${bind.source}" inside`,
    `the wall's user may not enter "${barrier}"`,
    `Run \`chmod o+rx ${barrier}\` or move it`,
  );
}

const TARGET = /^\/(?:ccos|work|mnt)(?:\/(?!\.{1,2}(?:\/|$))[^/\p{Cc}]{1,100}){1,8}$/u;

/** Every target is a plain path of its own: none twice, none inside another, none over our Node. */
export function checkTargets(spec: Pick<SandboxSpec, "files" | "binds">): void {
  const targets = [
    ...spec.files.map((file) => file.path),
    ...spec.binds.map((bind) => bind.target),
  ];
  const all = [NODE_INSIDE, ...targets].sort();
  for (const target of targets) {
    if (!TARGET.test(target)) {
      throw refused(
        `Cannot put anything at "${target}"`,
        "it is not a plain path below /ccos, /work or /mnt",
      );
    }
  }
  for (const [index, target] of all.entries()) {
    const within = all
      .slice(0, index)
      .find((other) => target === other || target.startsWith(`${other}/`));
    if (within !== undefined)
      throw refused(`Cannot put anything at "${target}"`, `"${within}" is there`);
  }
}

/** Variables that the dynamic linker or the C library of our own launcher would obey. */
const STEERING = /^(?:LD_|GLIBC_TUNABLES$|GCONV_PATH$|LOCPATH$|MALLOC_|PERL)/;

/** @throws {CcosError} `ISOLATION_UNAVAILABLE` for a name that would steer our own launcher, or too much of it. */
export function environmentOf(own: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const variables = new Map([
    ["PATH", SEARCH_PATH],
    ["HOME", "/work"],
    ["TMPDIR", "/tmp"],
    ["LANG", "C.UTF-8"],
  ]);
  let bytes = 0;
  for (const [name, value] of Object.entries(own)) {
    if (!/^[A-Za-z_][A-Za-z0-9_]{0,254}$/.test(name) || value.includes("\0")) {
      throw refused(
        `Cannot set the variable "${name}"`,
        "its name or value is not one of an environment",
      );
    }
    if (STEERING.test(name)) {
      throw refused(
        `Cannot set the variable "${name}"`,
        "it would steer the launcher that limits the program",
      );
    }
    bytes += name.length + Buffer.byteLength(value) + 2;
    variables.set(name, value);
  }
  if (bytes > ENVIRONMENT_BYTES_MAX) {
    throw refused("Cannot set the environment", `${bytes} bytes are over ${ENVIRONMENT_BYTES_MAX}`);
  }
  return variables;
}

function refused(what: string, why: string, fix?: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", { what, why, fix });
}
