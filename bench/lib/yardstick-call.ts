/**
 * A yardstick for the machine: checks of one shape, a grant with a host, canonical JSON of the
 * arguments (`canonicalize`) and their SHA-256, two hash-linked lines in a file that is not synced. The same kinds of work as a call
 * through the gate, always the same amount; where 150 000 gate calls were asked it made 207 000.
 */
import { hash } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import canonicalize from "canonicalize";

interface Arguments {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly tags: readonly string[];
  readonly body: string | null;
}

const ARGS: Arguments = {
  url: "https://api.example.com/v1/items?limit=10",
  method: "GET",
  headers: { accept: "application/json", "x-trace": "abc123" },
  timeoutMs: 5000,
  tags: ["a", "b"],
  body: null,
};
const GRANTS = new Map([["bench.pure", { hosts: new Set(["api.example.com"]), msMax: 10_000 }]]);
const BUFFER_LENGTH = 65_536;

const isValid = (args: Arguments): boolean =>
  typeof args.url === "string" &&
  typeof args.method === "string" &&
  Object.values(args.headers).every((value) => typeof value === "string") &&
  Number.isInteger(args.timeoutMs) &&
  args.tags.every((tag) => typeof tag === "string") &&
  (args.body === null || typeof args.body === "string") &&
  Object.keys(args).length === 6;

const isGranted = (capability: string, args: Arguments): boolean => {
  const grant = GRANTS.get(capability);
  if (grant === undefined || args.timeoutMs > grant.msMax) return false;
  return grant.hosts.has(new URL(args.url).hostname);
};

/** Calls per second with one caller; the lines go to a new file at `path`. */
export async function yardstickCalls(calls: number, path: string): Promise<number> {
  const file = openSync(path, "ax");
  let link = "0".repeat(64);
  let buffered = "";
  const append = (seq: number, decision: string, digest: string): void => {
    const body = `{"args":"${digest}","cap":"bench.pure","decision":"${decision}","prev":"${link}","seq":${seq}}`;
    link = hash("sha256", body, "hex");
    buffered += `${body}${link}\n`;
    if (buffered.length < BUFFER_LENGTH) return;
    writeSync(file, buffered);
    buffered = "";
  };
  const call = async (seq: number): Promise<number> => {
    if (!isValid(ARGS)) throw new Error("invalid");
    const digest = hash("sha256", canonicalize(ARGS) ?? "", "hex");
    if (!isGranted("bench.pure", ARGS)) throw new Error("denied");
    append(2 * seq, "allow", digest);
    const result = await Promise.resolve(ARGS.url.length);
    append(2 * seq + 1, "done", digest);
    return result;
  };
  const started = performance.now();
  for (let seq = 0; seq < calls; seq++) await call(seq);
  const perSecond = calls / ((performance.now() - started) / 1000);
  closeSync(file);
  return perSecond;
}
