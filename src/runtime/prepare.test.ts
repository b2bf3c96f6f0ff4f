/** Attacks G60: what passes the proxy past DLP does not start. */
import { expect, test } from "vitest";
import { CcosError } from "../foundation/errors.ts";
import { prepareRun, type RunInputs } from "./prepare.ts";

const INSPECT = '{:host "a.example.com" :inspect true}';
const TUNNEL = '{:host "b.example.com" :tunnel true}';
const CALLS = '{:host "c.example.com"}';
const LOOKS = ":dlp {:enabled true :policy :strict}";
const CANARY = ':dlp {:canaries ["canary-of-the-house"]}';

function started(dlp: string, rules: string, program: Partial<RunInputs>): string {
  const source = `(agent.config :version "0.1" :agent-id "agent.test" :plan "p.rtfs" :orchestrator {${dlp}}
    :network {:enabled true :egress {:via :proxy :rules [${rules}]}} :capabilities {:http {:enabled true}})`;
  const given = { configFile: "c.rtfs", configSource: source, modules: [], staged: [] };
  const none = { planFile: null, planSource: null, command: ["x"], production: false };
  try {
    prepareRun({ ...given, ...none, ...program });
    return "starts";
  } catch (cause) {
    if (!(cause instanceof CcosError)) throw cause;
    return `${cause.code} ${JSON.stringify(cause.details?.["fields"])}`;
  }
}

const plan = { planFile: "p.rtfs", planSource: "1", command: null } as const;
const ENABLED = 'UNENFORCEABLE ["orchestrator.dlp.enabled"]';

test.each<[string, string, Partial<RunInputs>, string]>([
  [LOOKS, INSPECT, {}, ENABLED],
  [CANARY, INSPECT, {}, 'UNENFORCEABLE ["orchestrator.dlp.canaries"]'],
  [LOOKS, `${TUNNEL} ${CALLS}`, {}, ENABLED],
  [LOOKS, TUNNEL, {}, "starts"],
  [LOOKS, CALLS, {}, "starts"],
  [LOOKS, INSPECT, plan, "starts"],
  ["", INSPECT, {}, "starts"],
])("a program under %s with %s (%o): %s", (dlp, rules, program, said) => {
  expect(started(dlp, rules, program)).toBe(said);
});
