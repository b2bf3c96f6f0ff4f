/**
 * The least policy for what a program wants: of a plan by its effects, of any other program by what it asked for in vain.
 *
 * Read in this order: wishesOfPlan, wishesOfRun, proposalOf. Nothing is granted while it is learnt: a plan is not run, and
 * another program runs where every call and every tunnel is denied and recorded. Each rule names one method, host, port
 * and path; what cannot be named so is told, not guessed.
 *
 * @module
 */
import type { ChainRecord } from "../chain/index.ts";
import { FILE_CAPABILITIES } from "../config/index.ts";
import { type AccessRequest, parsePathPattern } from "../policy/index.ts";
import type { Admission } from "./admission.ts";
import { recordedRequest, requestOf } from "./policy-life.ts";

export interface Wishes {
  readonly requests: readonly AccessRequest[];
  /** What is wanted and cannot be said as a rule. */
  readonly unknown: readonly string[];
}

/** Every call that the plan can make. */
export function wishesOfPlan({ sites }: Admission): Wishes {
  const requests: AccessRequest[] = [];
  const unknown: string[] = [];
  for (const { capability, target, effects, span } of sites) {
    const touches = effects.includes("network") || effects.includes("fs");
    const request = capability === null ? null : requestOf(capability, target);
    if (request === null || (target === null && touches))
      unknown.push(
        `line ${span.line}: ${capability ?? "a computed id"}, a target known at run time`,
      );
    else requests.push(request);
  }
  return { requests, unknown };
}

/** Every call and tunnel that was denied in a run. */
export function wishesOfRun(records: readonly ChainRecord[]): Wishes {
  const denied = records.filter(
    ({ body }) => body.type === "CallDenied" || body.type === "EgressDenied",
  );
  const read = denied.map((record) => ({ record, request: recordedRequest(record) }));
  return {
    requests: read.flatMap(({ request }) => request ?? []),
    unknown: read
      .filter(({ request }) => request === null)
      .map(({ record }) => `record ${record.body.seq}`),
  };
}

/** A config in which nothing is granted, and everything that is wanted shows. */
export function deadEndConfig(mode: string): string {
  return `(agent.config :version "0.1" :agent-id "policy.learn" :features [:network]
  :orchestrator {:isolation {:mode :${mode}}} :capabilities {:allow []}
  :network {:enabled true :egress {:via :proxy :rules [{:host "nothing.invalid" :tunnel true}]}})`;
}

interface HttpWish {
  readonly scheme: string;
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly methods: Set<string>;
}

/** The fields of an agent.config that grant exactly this, as text; and what is left to a person. */
export function proposalOf(wishes: Wishes): {
  readonly text: string;
  readonly unknown: readonly string[];
} {
  const unknown = [...wishes.unknown];
  const http = new Map<string, HttpWish>();
  const tunnels = new Set<string>();
  const files = new Map<string, "ro" | "rw">();
  const ids = new Set<string>();
  for (const { capability, resource } of wishes.requests) {
    if (!isOfBlock(capability)) ids.add(capability);
    switch (resource?.kind) {
      case "http": {
        const { scheme, host, port } = resource.target;
        const path = resource.target.path.split("?")[0] ?? "/";
        const key = JSON.stringify([scheme, host, port, path]);
        if (!parsePathPattern(path).ok)
          unknown.push(`${resource.method} ${resource.target.url}: no rule can name its path`);
        else if (http.has(key)) http.get(key)?.methods.add(resource.method);
        else http.set(key, { scheme, host, port, path, methods: new Set([resource.method]) });
        break;
      }
      case "connect":
        tunnels.add(JSON.stringify([resource.host, resource.port]));
        break;
      case "file":
        if (resource.operation !== "read" || !files.has(resource.path))
          files.set(resource.path, resource.operation === "read" ? "ro" : "rw");
        break;
      case "environment":
        unknown.push(`the variable ${resource.name}: declare it under :env or :secrets`);
        break;
      case undefined:
        break;
    }
  }
  const text = configText({ http: [...http.values()], tunnels: [...tunnels], files, ids });
  return { text, unknown: [...new Set(unknown)].sort() };
}

/** Granted by switching its block on, not by its name. */
function isOfBlock(capability: string): boolean {
  const network = ["ccos.network.http-fetch", "ccos.network.connect"];
  return [...network, ...FILE_CAPABILITIES].includes(capability);
}

interface Proposed {
  readonly http: readonly HttpWish[];
  readonly tunnels: readonly string[];
  readonly files: ReadonlyMap<string, "ro" | "rw">;
  readonly ids: ReadonlySet<string>;
}

const quoted = (text: string): string => JSON.stringify(text);
const words = (items: readonly string[]): string => items.map((each) => `:${each}`).join(" ");

function configText({ http, tunnels, files, ids }: Proposed): string {
  const rules = [
    ...http.map(
      ({ scheme, host, port, path, methods }) =>
        `{:host ${quoted(host)} :schemes [:${scheme}] :ports [${port}] :methods [${words([...methods].sort())}] :paths [${quoted(path)}]}`,
    ),
    ...tunnels.map((key) => {
      const [host, port] = JSON.parse(key) as [string, number];
      return `{:host ${quoted(host)} :ports [${port}] :methods [] :tunnel true}`;
    }),
  ].sort();
  const paths = [...files].map(([path, mode]) => `{:path ${quoted(path)} :mode :${mode}}`).sort();
  const features = [...(rules.length > 0 ? ["network"] : []), ...(paths.length > 0 ? ["fs"] : [])];
  const allow = [...ids].sort().map(quoted).join(" ");
  return (
    [
      ...(features.length > 0 ? [`:features [${words(features)}]`] : []),
      ...(rules.length > 0
        ? [
            `:network {:enabled true\n          :egress {:via :proxy\n                   :rules [${rules.join("\n                           ")}]}}`,
          ]
        : []),
      `:capabilities {:allow [${allow}]`,
      ...(http.length > 0 ? ["               :http {:enabled true}"] : []),
      ...(paths.length > 0
        ? [
            `               :fs {:enabled true\n                    :paths [${paths.join("\n                            ")}]}`,
          ]
        : []),
    ].join("\n") + "}"
  );
}
