/**
 * A chain as OCSF events: class API Activity (6003) of schema 1.3.0, one JSON object a line for each call and tunnel.
 *
 * @module
 */
import type { JsonObject } from "../../foundation/json.ts";
import type { ChainRecord } from "../record.ts";
import { activitiesOf, type Activity, type CallFacts, factsOf, textOf } from "./activity.ts";

const CLASS = 6003;
const OTHER = 99;

/** What verbs do to what they name: create, read, update, delete. */
const ACTIVITIES: ReadonlyMap<string, number> = new Map([
  ["POST", 1],
  ["GET", 2],
  ["HEAD", 2],
  ["read", 2],
  ["PUT", 3],
  ["PATCH", 3],
  ["write", 3],
  ["DELETE", 4],
  ["delete", 4],
]);
const NAMES: ReadonlyMap<number, string> = new Map([
  [1, "Create"],
  [2, "Read"],
  [3, "Update"],
  [4, "Delete"],
]);

export async function* ocsfLines(
  records: AsyncIterable<ChainRecord>,
): AsyncGenerator<string, void, undefined> {
  let agent = "";
  for await (const activity of activitiesOf(records)) {
    if (activity.kind === "record" && activity.body.type === "RunStarted") {
      agent = textOf(activity.body.data["agent"]);
    }
    if (activity.kind !== "call" && activity.kind !== "tunnel") continue;
    yield `${JSON.stringify(eventOf(activity, agent))}\n`;
  }
}

function eventOf(activity: Activity & { kind: "call" | "tunnel" }, agent: string): JsonObject {
  const facts = factsOf(activity);
  const { intent, outcome, state } = activity;
  const { chain, seq } = (outcome ?? intent)!;
  const verb = facts.resource.split(" ")[0] ?? "";
  const id = ACTIVITIES.get(verb) ?? OTHER;
  const denied = state === "denied";
  return {
    activity_id: id,
    activity_name: NAMES.get(id) ?? facts.capability,
    category_uid: 6,
    category_name: "Application Activity",
    class_uid: CLASS,
    class_name: "API Activity",
    type_uid: CLASS * 100 + id,
    severity_id: denied ? 3 : state === "failed" ? 2 : 1,
    time: facts.endMs,
    start_time: facts.beginMs,
    end_time: facts.endMs,
    duration: facts.endMs - facts.beginMs,
    status_id: state === "done" ? 1 : state === "open" ? 0 : 2,
    status: state,
    ...(facts.code === "" ? {} : { status_code: facts.code, status_detail: facts.reason }),
    metadata: {
      version: "1.3.0",
      product: { name: "ccos", vendor_name: "ccos" },
      log_name: chain,
      sequence: seq,
      uid: `${chain}/${seq}`,
    },
    actor: { app_name: agent === "" ? chain : agent, app_uid: chain },
    api: {
      operation: facts.capability,
      request: { uid: `${chain}/${activity.kind}/${activity.number}` },
      ...(facts.code === "" ? {} : { response: { error: facts.code, message: facts.reason } }),
    },
    src_endpoint: { name: chain },
    ...targetOf(facts, verb),
    unmapped: { rule: facts.rule, step: facts.step, facts: facts.facts },
  };
}

function targetOf({ resource }: CallFacts, verb: string): JsonObject {
  if (resource === "") return {};
  const target = resource.slice(verb.length + 1);
  const resources = [{ name: target === "" ? resource : target }];
  const url = URL.parse(target);
  if (url === null || url.hostname === "") return { resources };
  const port = url.port === "" ? (url.protocol === "http:" ? 80 : 443) : Number(url.port);
  return {
    resources,
    dst_endpoint: { hostname: url.hostname, port },
    http_request: { http_method: verb, url: { url_string: target } },
  };
}
