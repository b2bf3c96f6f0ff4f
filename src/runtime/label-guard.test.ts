import { describe, expect, test } from "vitest";
import { createRegistry } from "../capability/index.ts";
import { builtinProviders } from "../capability/index.ts";
import type { JsonObject } from "../foundation/json.ts";
import { type AccessRequest, DECLASSIFY, type FlowPolicy, parseTarget } from "../policy/index.ts";
import { keyword, type Value, Vector } from "../rtfs/index.ts";
import type { AdmittedCall } from "./gate-guard.ts";
import { createLabelGuard } from "./label-guard.ts";

const registry = createRegistry(builtinProviders());
const FLOW: FlowPolicy = {
  sources: [
    { rule: "labels.sources[0]", place: { kind: "host", host: "crm.test" }, labels: ["pii"] },
    { rule: "labels.sources[1]", place: { kind: "injection" }, labels: ["untrusted"] },
  ],
  sinks: [],
};

function world() {
  const records: { type: string; data: JsonObject }[] = [];
  const guard = createLabelGuard(FLOW, {
    append(input) {
      records.push({ type: input.type, data: input.data });
      return undefined as never;
    },
  });
  return { guard, records };
}

function call(
  id: string,
  resource: AccessRequest["resource"],
  args: readonly Value[] = [],
): AdmittedCall {
  const capability = registry.find(id)!;
  const request = { capability: id, resource };
  return {
    number: 7,
    step: null,
    capability,
    request,
    rule: "r",
    question: null,
    args,
    digest: "sha256:0",
  };
}

function fetching(url: string): AdmittedCall {
  const target = parseTarget(url);
  if (!target.ok) throw new Error(target.error);
  const resource = { kind: "http", method: "GET", target: target.value } as const;
  return call("ccos.network.http-fetch", resource);
}

const done = (facts: JsonObject = {}) => ({ ok: true, value: null, facts }) as const;

describe("the guard of labels", () => {
  test("keeps what was received from leaving, once it was received", async () => {
    const { guard, records } = world();
    expect(await guard.admit(fetching("https://other.test/"))).toBeNull();
    expect(await guard.admit(fetching("https://crm.test/"))).toBeNull();
    guard.settle!(fetching("https://crm.test/"), done());
    guard.settle!(fetching("https://crm.test/"), done());
    expect(await guard.admit(fetching("https://other.test/"))).toMatchObject({
      how: "denied",
      code: "LABEL_DENIED",
    });
    expect(await guard.admit(call("ccos.io.log", null))).toBeNull();
    expect(records).toEqual([{ type: "LabelsReceived", data: { call: 7, labels: ["pii"] } }]);
  });

  test("counts every host of a redirect, failed calls, and text that speaks to a model", async () => {
    const hops = [{ url: "https://short.test/" }, { url: "https://crm.test/x?…" }];
    const redirected = world();
    const failed = { ok: false, code: "LIMIT_TIME", message: "", facts: { hops } } as const;
    redirected.guard.settle!(fetching("https://short.test/"), failed);
    expect(redirected.records[0]?.data).toEqual({ call: 7, labels: ["pii"] });
    const spoken = world();
    spoken.guard.settle!(fetching("https://any.test/"), done({ untrusted: ["injection.x"] }));
    expect(spoken.records[0]?.data).toEqual({ call: 7, labels: ["untrusted"] });
  });

  test("gives labels back by an approved declassify alone, and records it", async () => {
    const { guard, records } = world();
    guard.settle!(fetching("https://crm.test/"), done());
    const asked = call(DECLASSIFY, null, [new Vector([keyword("pii"), "gdpr"]), "counts only"]);
    expect(await guard.admit(asked)).toBeNull();
    const refused = { ok: false, code: "CANCELLED", message: "", facts: {} } as const;
    guard.settle!(asked, refused);
    expect(await guard.admit(fetching("https://other.test/"))).not.toBeNull();
    guard.settle!(asked, done());
    expect(await guard.admit(fetching("https://other.test/"))).toBeNull();
    expect(records.at(-1)).toEqual({
      type: "LabelsDeclassified",
      data: { call: 7, labels: ["pii"] },
    });
  });
});
