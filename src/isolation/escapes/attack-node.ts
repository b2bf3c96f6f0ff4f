/**
 * The attack programs that run on our own Node as a replaced guest: one bundled CommonJS string each.
 *
 * `surface` tries every way out that JavaScript in a broken evaluator has, permission model and
 * internal bindings included. The other modes go over one limit each, bounded by themselves too.
 *
 * @module
 */
import { type AttackTargets, SPIN_LEAST_MS } from "./attack.ts";

/** What to attack, and how far at most. */
export type NodeAttack =
  | { readonly mode: "surface"; readonly targets: AttackTargets }
  /** Overlong jumps out of the permission model; a wall may end the process for trying. */
  | { readonly mode: "flags"; readonly directory: string }
  | { readonly mode: "descriptors" }
  | { readonly mode: "heap" | "buffers"; readonly bytesMax: number }
  /** `spin`: until that much CPU time was used, and SPIN_LEAST_MS; `sleep`: that long on the wall clock. */
  | { readonly mode: "spin" | "sleep"; readonly ms: number }
  | { readonly mode: "flood" | "fill"; readonly bytesMax: number }
  | { readonly mode: "children"; readonly count: number };

/** The guest file's text. Ends by itself within a few seconds when nothing stops it. */
export function nodeAttack(attack: NodeAttack): Uint8Array {
  const source = `"use strict";\nconst job = ${JSON.stringify(attack)};\n${COMMON}${SURFACE}${LIMITS}`;
  return new TextEncoder().encode(source);
}

const COMMON = String.raw`
const fs = require("node:fs");
const say = (guarantee, attempt, outcome, saw) => {
  const clean = String(saw ?? "").replace(/[\t\n\r]/g, " ").slice(0, 120);
  fs.writeSync(1, [guarantee, attempt, outcome, clean].join("\t") + "\n");
};
const reason = (error) => error?.code ?? error?.message ?? String(error);
const within = (ms, promise) => {
  let timer;
  const late = new Promise((_, refuse) => { timer = setTimeout(() => refuse(new Error("no answer")), ms); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
};
const pending = [];
const attempt = (guarantee, name, run) => {
  pending.push((async () => {
    try {
      const saw = await within(1500, Promise.resolve().then(run));
      say(guarantee, name, "through", saw);
    } catch (error) {
      say(guarantee, name, "blocked", reason(error));
    }
  })());
};
const expected = (guarantee, name, run) => {
  try { say(guarantee, name, "twin", run()); } catch (error) { say(guarantee, name, "blocked", "twin: " + reason(error)); }
};
const refuse = (text) => { throw new Error(text); };
`;

const SURFACE = String.raw`
const dial = (where) => new Promise((yes, no) => {
  const socket = require("node:net").connect(where);
  socket.on("connect", () => { yes("connected"); socket.destroy(); });
  socket.on("error", no);
});
const binding = (name) => process.binding(name);
const rawTcp = (host, port) => new Promise((yes, no) => {
  const { TCP, TCPConnectWrap, constants } = binding("tcp_wrap");
  const handle = new TCP(constants.SOCKET);
  const request = new TCPConnectWrap();
  request.oncomplete = (status) => (status === 0 ? yes("connected by tcp_wrap") : no(new Error("tcp_wrap status " + status)));
  const status = host.includes(":") ? handle.connect6(request, host, port) : handle.connect(request, host, port);
  if (status !== 0) no(new Error("tcp_wrap status " + status));
});
const rawPipe = (path) => new Promise((yes, no) => {
  const { Pipe, PipeConnectWrap, constants } = binding("pipe_wrap");
  const handle = new Pipe(constants.SOCKET);
  const request = new PipeConnectWrap();
  request.oncomplete = (status) => (status === 0 ? yes("connected by pipe_wrap") : no(new Error("pipe_wrap status " + status)));
  const status = handle.connect(request, path);
  if (status !== undefined && status !== 0) no(new Error("pipe_wrap status " + status));
});
function attackNetwork({ network, dnsPort, unix, abstract }) {
  for (const [kind, host, port] of network) {
    attempt(kind, "connect " + host, () => dial({ host, port }));
    attempt(kind, "tcp_wrap " + host, () => rawTcp(host, port));
  }
  const [, host, port] = network[0];
  attempt("network", "fetch", async () => { await fetch("http://" + host + ":" + port); return "answered"; });
  attempt("dns", "query to a server of ours", async () => {
    const { Resolver } = require("node:dns").promises;
    const resolver = new Resolver({ timeout: 1000, tries: 1 });
    resolver.setServers(["127.0.0.1:" + dnsPort]);
    return (await resolver.resolve4("canary.test"))[0];
  });
  attempt("dns", "datagram", () => new Promise((yes, no) => {
    const socket = require("node:dgram").createSocket("udp4");
    socket.on("error", no);
    socket.on("message", () => yes("answered"));
    socket.send(Buffer.from("ccos-canary-query"), dnsPort, "127.0.0.1", (error) => error && no(error));
  }));
  attempt("dns", "getaddrinfo", async () => (await require("node:dns").promises.lookup("example.com")).address);
  attempt("unix-sockets", "connect path", () => dial({ path: unix }));
  attempt("unix-sockets", "connect abstract", () => dial({ path: "\0" + abstract }));
  attempt("unix-sockets", "pipe_wrap", () => rawPipe(unix));
}
function attackFiles({ files, absent, hostPid }) {
  for (const [index, path] of files.entries()) {
    attempt("files-read", "open " + index, () => fs.readFileSync(path, "utf8"));
    attempt("files-read", "through /proc " + index, () => fs.readFileSync("/proc/" + hostPid + "/root" + path, "utf8"));
    attempt("files-write", "append " + index, () => { fs.appendFileSync(path, "x"); return "appended"; });
    attempt("files-write", "truncate " + index, () => { fs.truncateSync(path, 0); return "truncated"; });
  }
  attempt("files-read", "loadEnvFile", () => { process.loadEnvFile(files[0]); return "read"; });
  attempt("files-read", "require", () => { require(files[0]); return "read"; });
  attempt("files-read", "openAsBlob", async () => (await fs.openAsBlob(files[0])).text());
  attempt("files-read", "sqlite", () => { new (require("node:sqlite").DatabaseSync)(files[0], { readOnly: true }); return "opened"; });
  attempt("files-read", "list the temporary directory", () => fs.readdirSync(require("node:path").dirname(files[0])).join());
  for (const path of absent) attempt("files-write", "create " + path.split("/").slice(1, -1).join("/"), () => { fs.writeFileSync(path, "x"); return "created"; });
  attempt("files-write", "report", () => process.report.writeReport(absent[0]));
  attempt("files-write", "sqlite", () => { new (require("node:sqlite").DatabaseSync)(absent[0]).exec("create table a(b)"); return "created"; });
  attempt("files-write", "chmod", () => { fs.chmodSync(files[0], 0o600); return "changed"; });
  expected("files-write", "own output", () => fs.writeSync(1, "\n"));
  expected("files-read", "own program", () => fs.readFileSync(__filename).length > 0 || refuse("empty"));
}
function attackProcesses({ decoyPid, hostPid, variable }) {
  attempt("environment", "own", () => (variable in process.env ? "has the host's variable" : refuse("absent")));
  attempt("environment", "/proc", () => {
    for (const name of fs.readdirSync("/proc")) {
      if (!/^[0-9]+$/.test(name)) continue;
      let text = "";
      try { text = fs.readFileSync("/proc/" + name + "/environ", "latin1"); } catch (error) { text = reason(error); }
      if (text.includes(variable + "=")) return "in /proc/" + name + "/environ";
    }
    return refuse("absent");
  });
  expected("environment", "own", () => typeof process.env);
  attempt("processes", "see", () => { process.kill(decoyPid, 0); return "pid " + decoyPid; });
  attempt("processes", "terminate", () => { process.kill(decoyPid, "SIGTERM"); return "signalled"; });
  attempt("processes", "_debugProcess", () => { process._debugProcess(decoyPid); return "signalled"; });
  attempt("processes", "read /proc", () => fs.readFileSync("/proc/" + decoyPid + "/cmdline", "latin1").includes("decoy-") ? "command line" : refuse("another process"));
  attempt("processes", "supervisor", () => { process.kill(hostPid, 0); return "pid " + hostPid; });
  expected("processes", "own", () => process.kill(process.pid, 0));
}
function attackRuntime() {
  const child = require("node:child_process");
  attempt("kernel-surface", "child process", () => { const done = child.spawnSync(process.execPath, ["-e", "0"]); if (done.error) throw done.error; return "started"; });
  attempt("kernel-surface", "spawn_sync", () => {
    const options = { file: process.execPath, args: ["node", "-e", "0"], envPairs: [], stdio: [{ type: "pipe", readable: true }] };
    const done = binding("spawn_sync").spawn(options);
    return done.error ? refuse("status " + done.error) : "started";
  });
  attempt("kernel-surface", "worker", () => new Promise((yes, no) => {
    const worker = new (require("node:worker_threads").Worker)("0", { eval: true });
    worker.on("error", no); worker.on("exit", () => yes("ran"));
  }));
  attempt("kernel-surface", "inspector", () => { require("node:inspector").open(0, "127.0.0.1"); return "opened"; });
  attempt("kernel-surface", "addon", () => { process.dlopen({ exports: {} }, "/nonexistent.node"); return "loaded"; });
  attempt("kernel-surface", "wasi", () => { new (require("node:wasi").WASI)({ version: "preview1", preopens: { "/": "/" } }); return "preopened /"; });
  attempt("kernel-surface", "internal bindings", () => require("internal/test/binding").internalBinding("fs") && "reached");
}
function attackDescriptors() {
  for (let fd = 0; fd < 1024; fd++) {
    let found;
    try { found = fs.fstatSync(fd); } catch (error) { if (error.code === "EBADF") continue; say("descriptors", String(fd), "blocked", reason(error)); continue; }
    say("descriptors", String(fd), fd < 4 ? "twin" : "progress", found.dev + ":" + found.ino);
  }
}
async function surface(targets) {
  attackNetwork(targets); attackFiles(targets); attackProcesses(targets); attackRuntime();
  await Promise.all(pending);
  say("kernel-surface", "own", "twin", "the program ran");
  try { process.execve(process.execPath, ["node", "-e", "require('fs').writeSync(1,'kernel-surface\\texecve\\tthrough\\treplaced\\n')"], {}); }
  catch (error) { say("kernel-surface", "execve", "blocked", reason(error)); }
  process.exit(0);
}
`;

const LIMITS = String.raw`
const MIB = 1048576;
const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
function eat(make, bytesMax) {
  const held = [];
  for (let bytes = 8 * MIB; bytes <= bytesMax; bytes += 8 * MIB) {
    held.push(make());
    say("memory", job.mode, "progress", bytes);
  }
  pause(700);
  say("memory", job.mode, "through", held.length * 8 * MIB);
}
function flood(bytesMax) {
  const block = Buffer.alloc(65536, 0x2e);
  for (let bytes = 0; bytes < bytesMax; bytes += block.length) {
    try { fs.writeSync(1 + ((bytes / block.length) % 2), block); } catch (error) { if (error.code !== "EAGAIN") return; pause(1); }
  }
}
function fill(bytesMax) {
  let total = 0;
  for (const directory of [process.cwd(), "/tmp", "/work", "/dev/shm", "/var/tmp", "/run"]) {
    try {
      for (let n = 0; n * MIB < bytesMax; n++) { fs.writeFileSync(directory + "/fill-" + n, Buffer.alloc(MIB, 1)); total += MIB; }
    } catch (error) { say("disk", directory, "blocked", reason(error)); }
  }
  say("disk", "all", "progress", total);
}
function children(count) {
  let started = 0;
  const { spawn } = require("node:child_process");
  const live = [];
  try { for (; started < count; started++) live.push(spawn(process.execPath, ["-e", "setTimeout(()=>{},3000)"])); } catch (error) { say("pids", "spawn", "blocked", reason(error)); }
  say("pids", "children", "progress", started);
  for (const each of live) each.kill("SIGKILL");
}
function flags(directory) {
  say("files-write", "own", "twin", "the program ran");
  const v8 = require("node:v8");
  v8.setFlagsFromString("--trace-turbo");
  v8.setFlagsFromString("--trace-turbo-path=" + directory);
  const hot = new Function("a", "let s = 0; for (let i = 0; i < 1e6; i++) s += i * a; return s");
  for (let i = 0; i < 50; i++) hot(i);
}
const runs = {
  surface: () => surface(job.targets),
  flags: () => flags(job.directory),
  descriptors: attackDescriptors,
  heap: () => eat(() => Array.from({ length: MIB }, (_, n) => n + 0.5), job.bytesMax),
  buffers: () => eat(() => Buffer.alloc(8 * MIB, 1), job.bytesMax),
  spin: () => { const end = Date.now() + ${SPIN_LEAST_MS}; while (process.cpuUsage().user < job.ms * 1000 || Date.now() < end); say("cpu", "spin", "progress", job.ms); },
  sleep: () => { say("tree-gone", "up", "twin", process.pid); setTimeout(() => {}, job.ms); },
  flood: () => flood(job.bytesMax),
  fill: () => fill(job.bytesMax),
  children: () => children(job.count),
};
runs[job.mode]();
`;
