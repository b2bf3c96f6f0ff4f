/**
 * A plan of many effects, a server that counts them, and `ccos` processes that are killed at a write of the chain.
 *
 * Of each four effects one is a request with an idempotency key, one without, one only reads and one writes a file.
 */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { type Finished, ROOT, type Sandbox } from "../e2e/ccos.ts";

/** What the world saw: how often each effect took place, by its number in the plan. */
export interface CountingServer {
  readonly port: number;
  readonly plain: Map<number, number>;
  /** Requests with a key are one effect however often they come, as the draft of the header has it. */
  readonly keyed: Map<string, number>;
  close(): void;
}

export async function countingServer(): Promise<CountingServer> {
  const plain = new Map<number, number>();
  const keyed = new Map<string, number>();
  const server: Server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const key = request.headers["idempotency-key"];
      if (request.method === "POST" && typeof key === "string")
        keyed.set(key, (keyed.get(key) ?? 0) + 1);
      else if (request.method === "POST")
        plain.set(Number(body), (plain.get(Number(body)) ?? 0) + 1);
      response.end(`ok ${body}`);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    plain,
    keyed,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

export function writeAgent(box: Sandbox, port: number, effects: number): void {
  box.write(
    "agent.rtfs",
    `(agent.config :version "0.1" :agent-id "agent.resumed" :plan "p.rtfs" :profile :networked :features [:network :fs]
       :network {:enabled true :egress {:via :proxy :rules [{:host "localhost" :schemes [:http] :ports [${port}]
         :methods [:GET :POST] :paths ["/*"] :addresses ["127.0.0.0/8" "::1/128"]}]}}
       :capabilities {:http {:enabled true} :fs {:enabled true :paths [{:path "/workspace" :mode :rw}]}})`,
  );
  const url = `http://localhost:${port}`;
  box.write(
    "p.rtfs",
    `(defn effect [i]
       (match (mod i 4)
         0 (call :ccos.network.http-fetch {:url "${url}/keyed" :method "POST" :headers {"idempotency-key" (str "key-" i)} :body (str i)})
         1 (call :ccos.network.http-fetch {:url "${url}/plain" :method "POST" :body (str i)})
         2 (call :ccos.network.http-fetch {:url "${url}/read" :method "GET"})
         _ (call :ccos.io.write-file (str "/workspace/f" i) (str "content " i))))
     (step "work" (count (map effect (range ${effects}))))`,
  );
}

/** At the first write that holds a record of this type: nothing, all or half of it reaches the file. */
export type Moment = `${"before" | "after" | "torn"} ${string}`;

/** The built CLI, killed at this moment; null: not by itself. */
export function startCcos(
  box: Sandbox,
  args: readonly string[],
  moment: Moment | null = null,
): ChildProcessByStdio<null, Readable, Readable> {
  return startWith(box, args, {
    preload: "kill-at-write.cjs",
    env: moment === null ? {} : { CCOS_TEST_KILL: moment },
  });
}

/** The built CLI with a program of this directory before it. */
export function startWith(
  box: Sandbox,
  args: readonly string[],
  { preload, env }: { readonly preload: string; readonly env: Readonly<Record<string, string>> },
): ChildProcessByStdio<null, Readable, Readable> {
  return spawn(
    process.execPath,
    ["--require", join(import.meta.dirname, preload), join(ROOT, "bin", "ccos.cjs"), ...args],
    {
      cwd: box.dir,
      env: { PATH: process.env["PATH"] ?? "", HOME: box.dir, CCOS_HOME: box.home, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
}

/** As {@link startCcos}, to its end. */
export function ccosKilled(
  box: Sandbox,
  args: readonly string[],
  moment: Moment | null,
): Promise<Finished> {
  return finished(startCcos(box, args, moment));
}

export function finished(child: ChildProcessByStdio<null, Readable, Readable>): Promise<Finished> {
  return new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
}

/** Intents in the chains of all runs. */
export function intentsOfAll(box: Sandbox): number {
  const runs = join(box.home, "runs");
  const chains = existsSync(runs)
    ? readdirSync(runs).map((run) => join(runs, run, "chain.jsonl"))
    : [];
  return chains
    .filter((chain) => existsSync(chain))
    .map((chain) => readFileSync(chain, "utf8").split('"type":"CallIntended"').length - 1)
    .reduce((sum, count) => sum + count, 0);
}

/** The last run of this sandbox. */
export function runPath(box: Sandbox): string {
  const runs = join(box.home, "runs");
  return join(runs, readdirSync(runs).sort().at(-1) ?? "");
}

export interface Told {
  readonly type: string;
  readonly data: Record<string, unknown>;
  readonly facts: Record<string, unknown>;
}

/** The whole records of its chain. */
export function recordsOf(box: Sandbox): readonly Told[] {
  const path = join(runPath(box), "chain.jsonl");
  if (!existsSync(path)) return [];
  const text = readFileSync(path, "utf8");
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => (JSON.parse(line) as { body: Told }).body);
}
