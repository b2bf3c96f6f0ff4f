/**
 * Things of this host that no wall may let a program reach: listeners, files, a process, a variable.
 *
 * Read in this order: Canaries, openCanaries, look. A measurement opens a set, lets an attack run inside
 * a wall, then looks what happened to the set from this side. File permissions protect nothing here
 * (0666 below 0777), so that only the wall can. Everything is gone after close().
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";

export interface CanaryEndpoint {
  /** `network`: an address that is not loopback (or, where the host has none, 127.0.0.2). */
  readonly kind: "network" | "loopback";
  readonly host: string;
  readonly port: number;
}

/** What was touched since the set was opened. Empty lists, zeros and `true`: nothing. */
export interface CanaryState {
  readonly contacts: Readonly<Record<"network" | "loopback" | "dns" | "unix", number>>;
  readonly decoyAlive: boolean;
  /** Files changed, removed or newly made, by path. */
  readonly touched: readonly string[];
}

export interface Canaries {
  /** 32 hex digits, in every file, in the decoy's environment and in ours as `variable`. */
  readonly token: string;
  readonly variable: string;
  readonly endpoints: readonly CanaryEndpoint[];
  readonly dnsPort: number;
  readonly socketPath: string;
  /** Without the leading NUL. */
  readonly abstractName: string;
  /** Files that hold the token, world-readable and world-writable. */
  readonly files: readonly string[];
  /** Paths that do not exist and must not come to exist. */
  readonly absent: readonly string[];
  readonly decoyPid: number;
  /** The allowed twin: reach every listener and file from this side. Names of what did not answer. */
  reach(): Promise<readonly string[]>;
  look(): Promise<CanaryState>;
  close(): Promise<void>;
}

interface Parts {
  readonly token: string;
  readonly directories: readonly string[];
  readonly counts: Record<"network" | "loopback" | "dns" | "unix", number>;
  readonly servers: Server[];
  readonly udp: UdpSocket;
  readonly decoy: ChildProcess;
}

const VARIABLE = "CCOS_CANARY";

/** @param stateDir - Made when absent; a canary is laid in it and in the system's temporary directory. */
export async function openCanaries(stateDir: string): Promise<Canaries> {
  const token = randomBytes(16).toString("hex");
  const directories = await layFiles(stateDir, token);
  const counts = { network: 0, loopback: 0, dns: 0, unix: 0 };
  const servers: Server[] = [];
  const endpoints = await listenTcp(servers, counts);
  const socketPath = join(directories[0] ?? tmpdir(), "socket");
  const abstractName = `ccos-canary-${token}`;
  await listenUnix(servers, counts, [socketPath, `\0${abstractName}`]);
  await chmod(socketPath, 0o777);
  const udp = createSocket("udp4");
  const dnsPort = await listenDns(udp, counts);
  const decoy = spawnDecoy(token);
  process.env[VARIABLE] = token;
  const parts: Parts = { token, directories, counts, servers, udp, decoy };
  const files = directories.map((each) => join(each, "secret"));
  const absent = absentPaths(directories, token);
  return {
    token,
    variable: VARIABLE,
    endpoints,
    dnsPort,
    socketPath,
    abstractName,
    files,
    absent,
    decoyPid: decoy.pid ?? -1,
    reach: () =>
      reachAll(parts, { endpoints, dnsPort, paths: [socketPath, `\0${abstractName}`], files }),
    look: () => look(parts, files, absent),
    close: () => closeParts(parts, absent),
  };
}

async function layFiles(stateDir: string, token: string): Promise<readonly string[]> {
  await mkdir(stateDir, { recursive: true, mode: 0o700 });
  const directories: string[] = [];
  for (const parent of [tmpdir(), stateDir]) {
    const directory = await mkdtemp(join(parent, "ccos-canary-"));
    await chmod(directory, 0o777);
    const file = join(directory, "secret");
    await writeFile(file, token);
    await chmod(file, 0o666);
    directories.push(directory);
  }
  return directories;
}

function absentPaths(directories: readonly string[], token: string): readonly string[] {
  const named = ["/tmp", "/var/tmp", "/dev/shm", "/usr/lib", "/etc"].map((each) =>
    join(each, token),
  );
  return [...directories.map((each) => join(each, "planted")), ...named];
}

/** A process of the host's own user, holding the token; it ends with us. */
function spawnDecoy(token: string): ChildProcess {
  const life =
    "process.stdin.resume().on('close', () => process.exit()); setTimeout(() => {}, 60000);";
  return spawn(process.execPath, ["-e", life, `decoy-${token}`], {
    env: { [VARIABLE]: token },
    stdio: ["pipe", "ignore", "ignore"],
  });
}

async function listenTcp(servers: Server[], counts: Parts["counts"]): Promise<CanaryEndpoint[]> {
  const addresses = Object.values(networkInterfaces()).flatMap((rows) => rows ?? []);
  const outer = addresses.find((each) => !each.internal && each.family === "IPv4")?.address;
  const wanted: [CanaryEndpoint["kind"], string][] = [
    ["network", outer ?? "127.0.0.2"],
    ["loopback", "127.0.0.1"],
  ];
  if (addresses.some((each) => each.address === "::1")) wanted.push(["loopback", "::1"]);
  const endpoints: CanaryEndpoint[] = [];
  for (const [kind, host] of wanted) {
    const port = await listen(servers, { host, port: 0 }, () => counts[kind]++);
    endpoints.push({ kind, host, port });
  }
  return endpoints;
}

async function listenUnix(
  servers: Server[],
  counts: Parts["counts"],
  paths: string[],
): Promise<void> {
  for (const path of paths) await listen(servers, { path }, () => counts.unix++);
}

function listen(
  servers: Server[],
  where: { host: string; port: number } | { path: string },
  touched: () => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      touched();
      socket.on("error", () => socket.destroy());
      socket.end("canary\n", () => socket.destroy());
    });
    servers.push(server);
    server.once("error", reject);
    server.listen(where, () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
}

function listenDns(udp: UdpSocket, counts: Parts["counts"]): Promise<number> {
  return new Promise((resolve, reject) => {
    udp.once("error", reject);
    udp.on("message", (query, from) => {
      counts.dns++;
      udp.send(answerA(query), from.port, from.address);
    });
    udp.bind(0, "127.0.0.1", () => resolve(udp.address().port));
  });
}

/** The query with one A record, 192.0.2.1, whatever was asked. */
function answerA(query: Uint8Array): Uint8Array {
  const head = Buffer.from(query);
  if (head.length < 12) return head;
  let end = 12;
  while (end < head.length && head[end] !== 0) end += (head[end] ?? 0) + 1;
  const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 192, 0, 2, 1]);
  const reply = Buffer.concat([head.subarray(0, Math.min(end + 5, head.length)), answer]);
  reply.writeUInt16BE(0x8180, 2);
  reply.writeUInt16BE(1, 6);
  reply.writeUInt32BE(0, 8);
  return reply;
}

interface Reachable {
  readonly endpoints: readonly CanaryEndpoint[];
  readonly dnsPort: number;
  readonly paths: readonly string[];
  readonly files: readonly string[];
}

async function reachAll(parts: Parts, targets: Reachable): Promise<readonly string[]> {
  const failed: string[] = [];
  const before = { ...parts.counts };
  const check = async (name: string, works: Promise<boolean>): Promise<void> => {
    if (!(await works)) failed.push(name);
  };
  for (const { kind, host, port } of targets.endpoints) await check(kind, answers({ host, port }));
  for (const path of targets.paths) await check("unix-sockets", answers({ path }));
  await check("dns", resolves(targets.dnsPort));
  for (const file of targets.files) {
    await check(
      "files-read",
      readFile(file, "utf8").then(
        (text) => text === parts.token,
        () => false,
      ),
    );
  }
  Object.assign(parts.counts, before);
  return failed;
}

function answers(where: { host: string; port: number } | { path: string }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(where);
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on("data", () => resolve(true));
    socket.on("error", () => resolve(false));
    socket.on("close", () => resolve(false));
  });
}

async function resolves(port: number): Promise<boolean> {
  const resolver = new Resolver({ timeout: 1_000, tries: 1 });
  resolver.setServers([`127.0.0.1:${port}`]);
  return await resolver.resolve4("canary.test").then(
    (found) => found[0] === "192.0.2.1",
    () => false,
  );
}

async function look(
  parts: Parts,
  files: readonly string[],
  absent: readonly string[],
): Promise<CanaryState> {
  const touched = absent.filter((path) => existsSync(path));
  for (const file of files) {
    const text = await readFile(file, "utf8").catch(() => null);
    if (text !== parts.token) touched.push(file);
  }
  for (const directory of parts.directories) {
    const known = new Set(["secret", "socket", "planted"]);
    const names = await readdir(directory).catch(() => []);
    touched.push(...names.filter((name) => !known.has(name)).map((name) => join(directory, name)));
  }
  const { exitCode, signalCode } = parts.decoy;
  return {
    contacts: { ...parts.counts },
    decoyAlive: exitCode === null && signalCode === null,
    touched,
  };
}

async function closeParts(parts: Parts, absent: readonly string[]): Promise<void> {
  if (process.env[VARIABLE] === parts.token) delete process.env[VARIABLE];
  parts.decoy.kill("SIGKILL");
  parts.udp.close();
  for (const server of parts.servers) server.close();
  for (const path of [...parts.directories, ...absent])
    await rm(path, { recursive: true, force: true });
}
