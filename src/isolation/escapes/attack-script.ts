/**
 * The attack programs for walls that run no process of the program's: a script for their engine, one text each.
 *
 * The script tries every door that JavaScript in an engine may find: what a host forgot to take away, the engine's own
 * operating-system modules, constructors of host functions, descriptors it was not given. That the engine
 * itself could break is what the wall around it is measured for, in that wall's own row.
 *
 * @module
 */
import type { SandboxProgram } from "../provider.ts";
import type { AttackTargets } from "./attack.ts";

/** What to attack, and how far at most. */
export type ScriptAttack =
  | { readonly mode: "surface"; readonly targets: AttackTargets }
  | { readonly mode: "descriptors" }
  | { readonly mode: "heap" | "buffers"; readonly bytesMax: number }
  /** An engine has no clock of processor time: a loop of that many turns. */
  | { readonly mode: "spin"; readonly turns: number }
  | { readonly mode: "sleep"; readonly ms: number }
  | { readonly mode: "flood" | "fill"; readonly bytesMax: number }
  | { readonly mode: "children"; readonly count: number };

/** Ends by itself within a few seconds when nothing stops it. `name` shows in the engine's command line. */
export function scriptProgram(attack: ScriptAttack, name = "attack"): SandboxProgram {
  const source = `"use strict";\nconst job = ${JSON.stringify(attack)};\n${COMMON}${SURFACE}${LIMITS}`;
  const content = new TextEncoder().encode(source);
  const file = { path: `/work/${name}.js`, content, executable: false };
  const how = { beside: [], args: [], channel: false } as const;
  return { kind: "script", language: "javascript", source: file, ...how };
}

const COMMON = String.raw`
const fs = require("node:fs");
const say = (guarantee, attempt, outcome, saw) =>
  fs.writeSync(1, [guarantee, attempt, outcome, String(saw ?? "").replace(/[\t\n\r]/g, " ").slice(0, 120)].join("\t") + "\n");
const reason = (error) => error?.message ?? String(error);
const pending = [];
const attempt = (guarantee, name, run) => {
  pending.push((async () => {
    try { say(guarantee, name, "through", await run()); } catch (error) { say(guarantee, name, "blocked", reason(error)); }
  })());
};
const expected = (guarantee, name, run) => {
  try { say(guarantee, name, "twin", run()); } catch (error) { say(guarantee, name, "blocked", "twin: " + reason(error)); }
};
const refuse = (text) => { throw new Error(text); };
const found = (value, text) => (value === undefined || value === null ? refuse("there is no " + text) : value);
`;

const SURFACE = String.raw`
const outside = [
  ["constructor of a host function", () => require.constructor("return this")()],
  ["constructor of an error", () => { try { fs.readSync(99, new Uint8Array(1)); } catch (error) { return error.constructor.constructor("return this")(); } }],
  ["indirect eval", () => (0, eval)("this")],
];
const node = (name) => {
  for (const [, world] of outside) {
    const there = world()?.process;
    if (there?.binding !== undefined || there?.mainModule !== undefined || there?.getBuiltinModule !== undefined)
      return there.getBuiltinModule?.(name) ?? there.mainModule.require(name);
  }
  return require(name);
};
const globalNamed = (name) => found(globalThis[name], name);
function attackNetwork({ network, dnsPort, unix, abstract }) {
  for (const [kind, host, port] of network) {
    attempt(kind, "fetch " + host, () => globalNamed("fetch")("http://" + host + ":" + port));
    attempt(kind, "node:net " + host, () => node("node:net").connect({ host, port }) && "dialled");
    attempt(kind, "import node:net " + host, async () => (await import("node:net")).connect({ host, port }) && "dialled");
    attempt(kind, "WebSocket " + host, () => new (globalNamed("WebSocket"))("ws://" + host + ":" + port) && "dialled");
  }
  attempt("dns", "node:dns", () => node("node:dns").promises.lookup("example.com"));
  attempt("dns", "node:dgram", () => node("node:dgram").createSocket("udp4").send("ccos-canary-query", dnsPort, "127.0.0.1"));
  attempt("unix-sockets", "path", () => node("node:net").connect({ path: unix }) && "dialled");
  attempt("unix-sockets", "abstract", () => node("node:net").connect({ path: "\0" + abstract }) && "dialled");
  attempt("unix-sockets", "import", async () => (await import("node:net")).connect({ path: unix }) && "dialled");
}
function attackFiles({ files, absent }) {
  for (const [index, path] of files.entries()) {
    attempt("files-read", "readFileSync " + index, () => node("node:fs").readFileSync(path, "utf8"));
    attempt("files-read", "import " + index, async () => JSON.stringify(await import(path)));
    attempt("files-read", "std.loadFile " + index, async () => (await import("std")).loadFile(path));
    attempt("files-read", "std global " + index, () => globalNamed("std").loadFile(path));
    attempt("files-write", "appendFileSync " + index, () => node("node:fs").appendFileSync(path, "x"));
    attempt("files-write", "truncateSync " + index, () => node("node:fs").truncateSync(path, 0));
  }
  for (const path of absent) attempt("files-write", "create", () => node("node:fs").writeFileSync(path, "x"));
  attempt("files-write", "std.open", async () => (await import("std")).open(absent[0], "w"));
  attempt("files-write", "process.report", () => process.report.writeReport(absent[0]));
  expected("files-write", "own output", () => fs.writeSync(1, "\n"));
  expected("files-read", "own input", () => fs.readSync(0, new Uint8Array(1)));
}
function attackProcesses({ decoyPid, hostPid, variable }) {
  attempt("environment", "own", () => (variable in process.env ? "has the host's variable" : refuse("absent")));
  attempt("environment", "std.getenv", async () => found((await import("std")).getenv(variable), "variable"));
  attempt("environment", "node", () => found(node("node:process").env[variable], "variable"));
  expected("environment", "own", () => typeof process.env);
  attempt("processes", "kill", () => { process.kill(decoyPid, "SIGTERM"); return "signalled"; });
  attempt("processes", "supervisor", () => { process.kill(hostPid, 0); return "pid " + hostPid; });
  attempt("processes", "read /proc", () => (node("node:fs").readFileSync("/proc/" + decoyPid + "/cmdline", "latin1").includes("decoy-") ? "command line" : refuse("another process")));
  attempt("processes", "os.kill", async () => (await import("os")).kill(decoyPid, 15));
  expected("processes", "own", () => process.argv.length);
}
function attackEngine() {
  for (const name of ["node:child_process", "node:worker_threads", "node:vm", "node:wasi", "node:inspector", "node:module", "node:ffi"])
    attempt("kernel-surface", name, () => node(name) && "loaded");
  attempt("kernel-surface", "process.binding", () => process.binding("spawn_sync") && "reached");
  attempt("kernel-surface", "process.dlopen", () => process.dlopen({ exports: {} }, "/nonexistent.node"));
  attempt("kernel-surface", "os.exec", async () => (await import("os")).exec(["true"]));
  attempt("kernel-surface", "Worker", () => new (globalNamed("Worker"))("data:,") && "started");
  attempt("kernel-surface", "WebAssembly", () => globalNamed("WebAssembly") && "an engine in the engine");
  attempt("kernel-surface", "host function", () => found(globalThis.hostRead ?? globalThis.hostWrite, "host function") && "reached");
  for (const [name, world] of outside)
    attempt("kernel-surface", name, () => (world() === globalThis ? refuse("its own globals") : "another world"));
}
function attackDescriptors() {
  for (let fd = 0; fd < 1024; fd++) {
    try { fs.writeSync(fd, ""); say("descriptors", String(fd), fd < 4 ? "twin" : "through", "write"); continue; } catch (error) { if (fd < 4) say("descriptors", String(fd), "twin", reason(error)); }
    if (fd > 3) try { fs.readSync(fd, new Uint8Array(1)); say("descriptors", String(fd), "through", "read"); } catch { }
  }
}
async function surface(targets) {
  attackNetwork(targets); attackFiles(targets); attackProcesses(targets); attackEngine();
  await Promise.all(pending);
  say("kernel-surface", "own", "twin", "the program ran");
}
`;

const LIMITS = String.raw`
const MIB = 1048576;
function eat(make, bytesMax) {
  let held = [];
  try {
    for (let bytes = 8 * MIB; bytes <= bytesMax; bytes += 8 * MIB) {
      held.push(make());
      say("memory", job.mode, "progress", bytes);
    }
  } catch (error) {
    held = null;
    say("memory", job.mode, "blocked", reason(error));
    return;
  }
  say("memory", job.mode, "through", bytesMax);
}
function flood(bytesMax) {
  const block = new Uint8Array(65536).fill(0x2e);
  for (let bytes = 0; bytes < bytesMax; bytes += block.length) fs.writeSync(1 + ((bytes / block.length) % 2), block);
}
function fill() {
  for (const directory of ["/tmp", "/work", "/dev/shm", "/ccos"]) {
    try { node("node:fs").writeFileSync(directory + "/fill", "x"); say("disk", directory, "progress", job.bytesMax * 2); }
    catch (error) { say("disk", directory, "blocked", reason(error)); }
  }
  say("disk", "all", "progress", 0);
}
function children() {
  let started = 0;
  try { node("node:child_process").spawn("/bin/true"); started++; } catch (error) { say("pids", "spawn", "blocked", reason(error)); }
  say("pids", "children", "progress", started === 0 ? 0 : job.count);
}
const runs = {
  surface: () => surface(job.targets),
  descriptors: attackDescriptors,
  heap: () => eat(() => "x".repeat(8 * MIB), job.bytesMax),
  buffers: () => eat(() => new Uint8Array(8 * MIB).fill(1), job.bytesMax),
  spin: () => { let n = 0; while (n < job.turns) n++; say("cpu", "spin", "progress", job.turns); },
  sleep: () => { say("tree-gone", "up", "twin", "sleeping"); setTimeout(() => {}, job.ms); },
  flood: () => flood(job.bytesMax),
  fill,
  children,
};
await runs[job.mode]();
`;
