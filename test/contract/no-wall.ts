/**
 * A wall that holds nothing: the planted violation that every attack must get through.
 *
 * Runs programs as an ordinary process, as `nobody` when the test runs as root, so that an attack that
 * succeeds does no harm. No limit of the spec is kept but a deadline of its own.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { copyFile, chmod, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import type { Duplex } from "node:stream";
import type {
  Ending,
  Execution,
  IsolationProvider,
  SandboxProgram,
  Session,
} from "../../src/isolation/provider.ts";

const DEADLINE_MS = 30_000;

/**
 * @param nodePath - A Node that `nobody` may run.
 * @param parent - Guests are written below it; everybody may enter it.
 */
export function noWall(nodePath: string, parent: string): IsolationProvider {
  return {
    name: "test/no-wall",
    strength: 0,
    runs: new Set(["rtfs", "external"] as const),
    sockets: true,
    probe: () => Promise.resolve({ kind: "ready", version: "none" }),
    open: () => Promise.resolve(openSession(nodePath, parent)),
  };
}

/** An engine that hides nothing: a script in it finds all of Node. */
export function openEngine(nodePath: string, parent: string): IsolationProvider {
  return { ...noWall(nodePath, parent), name: "test/open-engine", runs: new Set(["script"]) };
}

/** A copy of our Node that every user can run. */
export async function publicNode(): Promise<{ path: string; remove: () => void }> {
  const directory = await mkdtemp(join(tmpdir(), "ccos-node-"));
  const path = join(directory, "node");
  await copyFile(process.execPath, path);
  await chmod(path, 0o755);
  await chmod(directory, 0o755);
  return { path, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

function openSession(nodePath: string, parent: string): Session {
  const directory = mkdtempSync(join(parent, "guest-"));
  let stop: () => void = () => undefined;
  return {
    execute(program) {
      const { execution, kill } = run(argvOf(program, nodePath, directory));
      stop = kill;
      return Promise.resolve(execution);
    },
    close() {
      stop();
      rmSync(directory, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

function argvOf(program: SandboxProgram, nodePath: string, directory: string): readonly string[] {
  if (program.kind === "external") return program.argv;
  const { path: name, content } = fileOf(program);
  const path = join(directory, basename(name).replace(/\.js$/, ".cjs"));
  writeFileSync(path, content, { mode: 0o644 });
  chmodSync(directory, 0o755);
  return [nodePath, path];
}

function fileOf(program: SandboxProgram): { path: string; content: Uint8Array | string } {
  if (program.kind === "rtfs") return program.guest;
  if (program.kind !== "script") throw new TypeError(`This wall runs no ${program.kind} programs`);
  const { path, content } = program.source;
  return { path, content: `(async () => {${new TextDecoder().decode(content)}\n})()` };
}

function run(argv: readonly string[]): { execution: Execution; kill: () => void } {
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const child = spawn(argv[0] ?? "", argv.slice(1), {
    ...user,
    cwd: "/tmp",
    stdio: ["pipe", "pipe", "pipe", "pipe"],
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
  const ending = new Promise<Ending>((resolve) => {
    child.on("error", () => resolve({ kind: "exited", status: 127 }));
    child.on("exit", (status, signal) => {
      clearTimeout(timer);
      resolve(
        status === null
          ? { kind: "signaled", signal: signal ?? "SIGKILL" }
          : { kind: "exited", status },
      );
    });
  });
  const channel = child.stdio[3] as Duplex;
  channel.on("error", () => channel.destroy());
  const { stdin, stdout, stderr } = child;
  return {
    execution: {
      channel: { readable: channel, writable: channel },
      stdin,
      stdout,
      stderr,
      ending,
      usage: () => null,
      restartClock: () => true,
    },
    kill: () => child.kill("SIGKILL"),
  };
}
