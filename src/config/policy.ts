/**
 * From a config to the policy that the gate, the proxy, `plan` and `why` decide with.
 *
 * Read in this order: compilePolicy, capabilityRules, egressRules. Every rule carries the config path
 * that made it. What a block does not enable is granted by no rule, and where an author's own pattern
 * in `capabilities.allow` would reach it, it is denied by name: a pattern never switches a block on.
 *
 * @module
 */
import type {
  CapabilityRule,
  DlpPolicy,
  DlpRule,
  EgressRule,
  FileRule,
  FlowPlace,
  Policy,
  SecretBinding,
} from "../policy/index.ts";
import { matchCapability, parseHostPattern } from "../policy/index.ts";
import { canonicalOrigin } from "./agent-rules.ts";
import { pinsOf } from "./tls-rules.ts";
import {
  domainEntry,
  type EgressEntry,
  type HttpEntry,
  meetEntry,
  ruleEntry,
} from "./egress-entry.ts";
import type { AgentConfig, DlpRuleConfig, LabelsConfig } from "./types.ts";

/** What every agent may use: no effect outside of its own run, or one that the run's records hold. */
const BASE_CAPABILITIES = [
  "ccos.echo",
  "ccos.math.*",
  "ccos.io.log",
  "ccos.io.print",
  "ccos.io.println",
  "ccos.data.*",
  "ccos.json.*",
  "ccos.system.current-time",
  "ccos.system.current-timestamp-ms",
  "ccos.system.random-hex",
  "ccos.system.sleep-ms",
  "ccos.system.get-env",
] as const;

const HTTP_CAPABILITY = "ccos.network.http-fetch";
const TUNNEL_CAPABILITY = "ccos.network.connect";
/** What `capabilities.fs.enabled` grants. */
export const FILE_CAPABILITIES = [
  "ccos.io.file-exists",
  "ccos.io.open-file",
  "ccos.io.read-line",
  "ccos.io.write-line",
  "ccos.io.close-file",
  "ccos.io.read-file",
  "ccos.io.write-file",
  "ccos.io.delete-file",
] as const;

const REQUEST_BYTES_MAX = 1_048_576;
const RESPONSE_BYTES_MAX = 10_485_760;

/** Compile a valid config. Pure: equal configs give equal policies. */
export function compilePolicy(config: AgentConfig): Policy {
  const names = [
    ...[...config.env.keys()].map((name) => ({ rule: `env.${name}`, name })),
    ...[...config.secrets.keys()].map((name) => ({ rule: `secrets.${name}`, name })),
  ];
  return {
    level: "controlled",
    ...capabilityRules(config),
    egress: egressRules(config),
    files: fileRules(config),
    environment: names,
    secrets: secretBindings(config),
    dlp: dlpPolicy(config),
    ...flowPolicy(config),
  };
}

function dlpPolicy({ orchestrator }: AgentConfig): DlpPolicy {
  const { enabled, policy, rules, canaries, dictionaries, injection } = orchestrator.dlp;
  const path = "orchestrator.dlp";
  const texts = canaries.map((text, index) => ({ rule: `${path}.canaries[${index}]`, text }));
  const lists = [...dictionaries].map(([name, words]) => ({ name, words }));
  return {
    enabled,
    level: policy,
    ...(rules.length === 0 ? {} : { rules: rules.map(dlpRule) }),
    ...(texts.length === 0 ? {} : { canaries: texts }),
    ...(lists.length === 0 ? {} : { dictionaries: lists }),
    ...(injection === "label" ? {} : { injection }),
  };
}

function dlpRule(
  { rule: detector, path, field, action, hosts }: DlpRuleConfig,
  index: number,
): DlpRule {
  const about: DlpRule["about"] =
    detector !== null
      ? { kind: "detector", name: detector }
      : path !== null
        ? { kind: "path", path }
        : { kind: "field", name: field ?? "" };
  return { rule: `orchestrator.dlp.rules[${index}]`, about, action, hosts };
}

function flowPolicy({ labels }: AgentConfig): Pick<Policy, "flow"> {
  if (labels.sources.length === 0) return {};
  const sources = labels.sources.map((source, index) => ({
    rule: `labels.sources[${index}]`,
    place: flowPlace(source),
    labels: source.labels,
  }));
  const sinks = labels.sinks.map((sink, index) => ({
    rule: `labels.sinks[${index}]`,
    place: flowPlace({ ...sink, env: null, injection: false }),
    accepts: sink.accepts,
  }));
  return { flow: [{ sources, sinks }] };
}

function flowPlace(place: Omit<LabelsConfig["sources"][number], "labels">): FlowPlace {
  const { host, path, capability, env } = place;
  if (host !== null) return { kind: "host", host };
  if (path !== null) return { kind: "path", path };
  if (capability !== null) return { kind: "capability", capability };
  return env === null ? { kind: "injection" } : { kind: "env", name: env };
}

interface BlockGrant {
  readonly rule: string;
  readonly enabled: boolean;
  readonly capabilities: readonly string[];
}

/** Capabilities that a block switches on, and where it says so. */
function blockGrants(config: AgentConfig): readonly BlockGrant[] {
  const { http, fs } = config.capabilities;
  const online = isOnline(config);
  const tunnel = config.network.egress.rules.findIndex((rule) => rule.tunnel);
  return [
    {
      rule: "capabilities.http.enabled",
      enabled: online && http.enabled,
      capabilities: [HTTP_CAPABILITY],
    },
    {
      rule: tunnel === -1 ? "network.egress.rules" : `network.egress.rules[${tunnel}]`,
      enabled: online && tunnel !== -1,
      capabilities: [TUNNEL_CAPABILITY],
    },
    { rule: "capabilities.fs.enabled", enabled: fs.enabled, capabilities: FILE_CAPABILITIES },
  ];
}

function isOnline({ network }: AgentConfig): boolean {
  return network.enabled && network.egress.via !== "none";
}

function capabilityRules(config: AgentConfig): Pick<Policy, "allow" | "deny" | "ask"> {
  const { allow, deny, ask } = config.capabilities;
  const own = allow?.map((pattern, index) => ({ rule: `capabilities.allow[${index}]`, pattern }));
  const granted: CapabilityRule[] = [
    ...(own ?? BASE_CAPABILITIES.map((pattern) => ({ rule: "base", pattern }))),
  ];
  const denied = deny.map((pattern, index) => ({ rule: `capabilities.deny[${index}]`, pattern }));
  for (const { rule, enabled, capabilities } of blockGrants(config)) {
    for (const pattern of capabilities) {
      if (enabled) granted.push({ rule, pattern });
      else if (own?.some((each) => matchCapability(each.pattern, pattern)) === true) {
        denied.push({ rule, pattern });
      }
    }
  }
  const asked = ask.map((pattern, index) => ({ rule: `capabilities.ask[${index}]`, pattern }));
  return { allow: granted, deny: denied, ...(asked.length === 0 ? {} : { ask: asked }) };
}

/**
 * Egress rules of `rules` and `allow-domains`, narrowed for http requests to the http capability's own
 * list where that is not empty. A tunnel is no http request, so narrowing leaves it as it is.
 */
function egressRules(config: AgentConfig): readonly EgressRule[] {
  if (!isOnline(config)) return [];
  const { allowDomains, rules } = config.network.egress;
  const wanted = httpEntries(config);
  const listed = rules.flatMap((rule, index): readonly EgressRule[] => {
    const entry = ruleEntry(rule);
    if (entry === null) return [];
    const full: EgressRule = {
      ...entry,
      rule: `network.egress.rules[${index}]`,
      schemes: rule.schemes,
      methods: rule.methods,
      paths: rule.paths,
      addresses: rule.addresses,
      tunnel: rule.tunnel,
      ...(rule.inspect ? { inspect: true } : {}),
      ...(rule.websocket ? { websocket: true } : {}),
      ...(rule.jsonRpc === null ? {} : { jsonRpc: rule.jsonRpc }),
      ...pinned(pinsOf(config, rule)),
      ...(rule.ask ? { ask: true } : {}),
      requestBytesMax: rule.maxRequestBytes,
      responseBytesMax: rule.maxResponseBytes,
    };
    return narrow(full, wanted);
  });
  const pins = pinned(config.network.egress.tlsPins);
  const domains = allowDomains.flatMap((text, index): readonly EgressRule[] => {
    const entry = domainEntry(text);
    const rule = `network.egress.allow-domains[${index}]`;
    return entry === null ? [] : narrow({ ...domainRule(rule, entry), ...pins }, wanted);
  });
  return [...listed, ...domains];
}

function pinned(pins: readonly string[]): Pick<EgressRule, "pins"> {
  return pins.length === 0 ? {} : { pins };
}

function domainRule(rule: string, entry: EgressEntry): EgressRule {
  return {
    ...entry,
    rule,
    schemes: ["https"],
    methods: ["GET", "HEAD"],
    paths: [],
    addresses: [],
    tunnel: false,
    requestBytesMax: REQUEST_BYTES_MAX,
    responseBytesMax: RESPONSE_BYTES_MAX,
  };
}

/** Null: the http capability has no list of its own. */
function httpEntries(config: AgentConfig): readonly HttpEntry[] | null {
  const texts = config.capabilities.http.egress.allowDomains;
  if (texts.length === 0) return null;
  return texts.flatMap((text) => {
    const parsed = parseHostPattern(text);
    return parsed.ok ? [{ host: parsed.value.host, port: parsed.value.port }] : [];
  });
}

function narrow(rule: EgressRule, wanted: readonly HttpEntry[] | null): readonly EgressRule[] {
  if (wanted === null) return [rule];
  const http = wanted.flatMap((entry): EgressRule[] => {
    const met = meetEntry(rule, entry);
    return met === null ? [] : [{ ...rule, ...met, tunnel: false }];
  });
  return rule.tunnel ? [...http, { ...rule, methods: [] }] : http;
}

function fileRules({ capabilities }: AgentConfig): readonly FileRule[] {
  if (!capabilities.fs.enabled) return [];
  return capabilities.fs.paths.map(({ path, mode, ask }, index) => ({
    rule: `capabilities.fs.paths[${index}]`,
    path,
    mode,
    ...(ask ? { ask: true } : {}),
  }));
}

function secretBindings({ secrets }: AgentConfig): readonly SecretBinding[] {
  return [...secrets].map(([name, { origins, paths, headers }]) => ({
    rule: `secrets.${name}`,
    name,
    origins: origins.map(canonicalOrigin).filter((each) => each !== null),
    paths,
    headers: headers.map((each) => each.toLowerCase()),
  }));
}
