/** Profiles of steps: what they hold, where each grant comes from, and that nothing the gate lets through is outside. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ResourceRequest } from "../policy/index.ts";
import { decide, parseTarget } from "../policy/index.ts";
import { beyondPlan } from "./beyond-plan.ts";
import { type PreparedRun, prepareRun } from "./prepare.ts";
import type { StepProfile } from "./step-profile.ts";

const CONFIG = `:features [:network :fs] :orchestrator {:isolation {:mode :process}} :network {:enabled true :egress {:via :proxy :rules [
    {:host "api.example.com" :methods [:GET :POST] :paths ["/v1/*"]}
    {:host "*.example.org" :ports [8443] :methods [:GET]}]}}
  :capabilities {:http {:enabled true}
    :fs {:enabled true :paths [{:path "/workspace" :mode :rw} {:path "/data" :mode :ro}]}}`;
const PLAN = `
(step "get" (call :ccos.network.http-fetch "https://api.example.com/v1/a"))
(step "any" (call :ccos.network.http-fetch {:url (first ["https://x.example.org:8443/"])}))
(step "keep" (call :ccos.io.write-file "/workspace/x" "t") (step "look" (call :ccos.io.read-file "/data/y")))
(step "when" (call :ccos.system.current-time))
(step "pure" (+ 1 2))`;

function prepared(config = CONFIG, plan = PLAN): PreparedRun {
  return prepareRun({
    configFile: "agent.rtfs",
    configSource: `(agent.config :version "0.1" :agent-id "agent.test" :plan "plan.rtfs" ${config})`,
    planFile: "plan.rtfs",
    planSource: plan,
    modules: [],
    command: null,
    staged: [],
    production: false,
  });
}

function profileOf(step: string, run = prepared()): StepProfile {
  const found = run.profiles.find(({ profile }) => profile.step === step);
  if (found === undefined) throw new Error(`no step ${step}`);
  return found.profile;
}

describe("a step's profile", () => {
  test("names the host, method, port and rule of a literal target, and the rule's paths and sizes", () => {
    expect(profileOf("get").networkAcl).toEqual({
      allowDomains: ["api.example.com"],
      allowMethods: ["GET"],
      grants: [
        {
          rule: "network.egress.rules[0]",
          domains: ["api.example.com"],
          methods: ["GET"],
          ports: [443],
          schemes: ["https"],
          paths: ["/v1/*"],
          requestBytesMax: expect.any(Number),
          responseBytesMax: expect.any(Number),
        },
      ],
    });
  });

  test("of a target that the plan computes is what the rules grant", () => {
    const { allowDomains, allowMethods } = profileOf("any").networkAcl;
    expect([allowDomains, allowMethods]).toEqual([
      ["*.example.org", "api.example.com"],
      ["GET", "POST"],
    ]);
  });

  test("holds files by rule, and those of a step inside it are not its own", () => {
    const paths = (step: string) => profileOf(step).fsPolicy.allowedPaths;
    expect(paths("keep")).toEqual([
      { rule: "capabilities.fs.paths[0]", paths: ["/workspace/x"], modes: ["write"] },
    ]);
    expect(paths("look")).toEqual([
      { rule: "capabilities.fs.paths[1]", paths: ["/data/y"], modes: ["read"] },
    ]);
    expect(profileOf("look").parent).toBe("keep");
  });

  test("has a real clock only where a capability has one, and asks for no more than its effects do", () => {
    expect(profileOf("when").determinism).toEqual({ time: "real", random: "deterministic" });
    expect(profileOf("pure").determinism).toEqual({
      time: "deterministic",
      random: "deterministic",
    });
    expect([profileOf("pure").isolation, profileOf("get").isolation]).toEqual(["wasm", "process"]);
  });

  test("of a pure step reaches nothing", () => {
    const { networkAcl, fsPolicy, featureGates } = profileOf("pure");
    expect(networkAcl).toEqual({ allowDomains: [], allowMethods: [], grants: [] });
    expect([fsPolicy.allowedPaths, featureGates]).toEqual([[], { llm: false, gpu: false }]);
  });

  test("is the same bytes for the same inputs, and another digest for any other", () => {
    const digests = (run: PreparedRun) => run.profiles.map(({ digest }) => digest);
    expect(digests(prepared())).toEqual(digests(prepared()));
    const narrowed = prepared(CONFIG.replace("[:GET :POST]", "[:GET]"));
    const changed = digests(narrowed).map((digest, at) => digest !== digests(prepared())[at]);
    expect(changed).toEqual([false, false, true, false, false, false, false]);
    expect(new Set(digests(prepared())).size).toBe(7);
  });

  test("holds whatever the policy and the plan let through", () => {
    const run = prepared();
    const hosts = [
      "api.example.com",
      "x.example.org",
      "example.org",
      "evil.test",
      "y.x.example.org",
    ];
    const paths = [
      "/workspace",
      "/workspace/x",
      "/data/y",
      "/data",
      "/etc/passwd",
      "/workspace/x/z",
    ];
    const http = fc
      .tuple(
        fc.constantFrom(...hosts),
        fc.constantFrom("", ":8443", ":80"),
        fc.constantFrom("GET", "POST", "PUT"),
        fc.constantFrom("/v1/a", "/v2", "/"),
      )
      .map(([host, port, method, path]): ResourceRequest => {
        const target = parseTarget(`https://${host}${port}${path}`);
        if (!target.ok) throw new Error(target.error);
        return { kind: "http", method, target: target.value };
      });
    const file = fc
      .tuple(fc.constantFrom(...paths), fc.constantFrom("read", "write", "delete"))
      .map(([path, operation]): ResourceRequest => ({ kind: "file", operation, path }));
    const step = fc.constantFrom(...run.profiles.map(({ profile }) => profile));
    const capability = fc.constantFrom(...run.registry.list());
    let allowed = 0;
    fc.assert(
      fc.property(step, capability, fc.oneof(http, file), (profile, called, resource) => {
        // A capability asks for what its contract is about.
        fc.pre(called.manifest.effects.includes(resource.kind === "http" ? "network" : "fs"));
        const request = { capability: called.manifest.id, resource };
        if (decide(run.policy, request).kind !== "allow") return;
        const calls = run.admission!.callable.get(profile.step)?.get(called.manifest.id) ?? [];
        const rows = calls.map(({ row }) => row);
        if (beyondPlan(rows, profile.step, { capability: called, resource }) !== null) return;
        allowed++;
        expect(isWithin(profile, resource)).toBe(true);
      }),
      { numRuns: 20_000 },
    );
    expect(allowed).toBeGreaterThan(20);
  });
});

/** By the profile's own words, nothing else. */
function isWithin({ networkAcl, fsPolicy }: StepProfile, resource: ResourceRequest): boolean {
  const covers = (outer: string, inner: string) => inner === outer || inner.startsWith(`${outer}/`);
  switch (resource.kind) {
    case "http": {
      const { host, port, scheme } = resource.target;
      return networkAcl.grants.some(
        ({ domains, methods, ports, schemes }) =>
          domains.some((each) =>
            each.startsWith("*.") ? host.endsWith(each.slice(1)) : each === host,
          ) &&
          methods.includes(resource.method) &&
          ports.includes(port) &&
          schemes.includes(scheme),
      );
    }
    case "file": {
      const mode = resource.operation === "read" ? "read" : "write";
      return fsPolicy.allowedPaths.some(
        ({ paths, modes }) =>
          modes.includes(mode) && paths.some((each) => covers(each, resource.path)),
      );
    }
    case "connect":
    case "environment":
      return false;
  }
}
