/**
 * Rules of identity, paths, variables, secrets, grants and storage: what every config is held to, with
 * or without a microVM.
 *
 * @module
 */
import { parseCapabilityPattern, parsePathPattern, parseTarget } from "../policy/index.ts";
import { quoted, segmentOf } from "./display.ts";
import type { RuleContext } from "./rule-context.ts";
import type { Feature, SecretConfig } from "./types.ts";

const SCHEMA_VERSION = "0.1";
/** It becomes part of paths, socket names and interface names. */
const AGENT_ID = /^[a-z0-9](?:[a-z0-9._-]{0,126}[a-z0-9])?$/;
const VARIABLE = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;
const VARIABLE_LENGTH_MAX = 32 * 1024;
/** Set by CCOS for the program. */
const VARIABLE_RESERVED = /^CCOS_/i;
const HEADER = /^[a-z0-9!#$%&'*+.^_`|~-]{1,64}$/;
/** Written by the HTTP client itself; a secret in them would break the message's framing. */
const HEADERS_REFUSED: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export function checkAgent(context: RuleContext): void {
  checkIdentity(context);
  checkPaths(context);
  checkEnvironment(context);
  for (const [name, secret] of context.config.secrets) checkSecret(context, name, secret);
  checkCapabilities(context);
  checkStorage(context);
  checkAnchor(context);
  checkProfile(context);
  checkFeatures(context);
}

function checkIdentity({ config, production, isWritten, complain }: RuleContext): void {
  if (config.version !== SCHEMA_VERSION) {
    const message = `schema version ${quoted(config.version)} is not known`;
    complain("UNSUPPORTED_VERSION", "version", message);
  }
  if (!AGENT_ID.test(config.agentId)) {
    complain("INVALID_AGENT_ID", "agent-id", `${quoted(config.agentId)} is not an agent id`);
  }
  if (production && !isWritten("agent-id")) {
    complain("MISSING_FIELD", "agent-id", "production needs an agent id of its own");
  }
}

function checkPaths({ config, complain }: RuleContext): void {
  if (config.plan !== null && !isInside(config.plan)) {
    const message = `the plan ${quoted(config.plan)} must be a relative path without ".."`;
    complain("INVALID_PATH", "plan", message, "Keep the plan beside or below the config file");
  }
  const { policyFile } = config.governance;
  if (policyFile !== null && !isInside(policyFile)) {
    const message = `the policy file ${quoted(policyFile)} must be a relative path without ".."`;
    complain("INVALID_PATH", "governance.policy_file", message);
  }
  for (const [index, { path }] of config.capabilities.fs.paths.entries()) {
    if (isAbsolute(path)) continue;
    const at = `capabilities.fs.paths[${index}]`;
    complain(
      "INVALID_PATH",
      at,
      `${quoted(path)} is not absolute and normalised`,
      absoluteHint(path),
    );
  }
  for (const [name, { source }] of config.orchestrator.isolation.fs.mounts) {
    if (source === null || isAbsolute(source)) continue;
    const at = `orchestrator.isolation.fs.mounts.${segmentOf(name)}.source`;
    const message = `${quoted(source)} is not absolute and normalised`;
    complain("INVALID_PATH", at, message, absoluteHint(source));
  }
  for (const name of config.orchestrator.isolation.fs.mounts.keys()) {
    if (/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(name)) continue;
    const at = `orchestrator.isolation.fs.mounts.${segmentOf(name)}`;
    complain("INVALID_PATH", at, "a mount's name is one path segment of letters, digits, - and _");
  }
}

function segments(path: string): readonly string[] {
  return path.split("/");
}

function isPlain(segment: string): boolean {
  return segment !== "" && segment !== "." && segment !== "..";
}

function isAbsolute(path: string): boolean {
  return path === "/" || (path.startsWith("/") && segments(path.slice(1)).every(isPlain));
}

/** Relative, and below where it starts. */
function isInside(path: string): boolean {
  return segments(path.replace(/^\.\//, "")).every(isPlain);
}

function absoluteHint(path: string): string {
  const plain = segments(path).filter(isPlain);
  return `Write it absolute, without ".", ".." and a slash at the end: ${quoted(`/${plain.join("/")}`)}`;
}

function checkEnvironment({ config, complain }: RuleContext): void {
  for (const [name, value] of config.env) {
    const path = `env.${segmentOf(name)}`;
    const problem = variableProblem(name);
    if (problem !== null) complain("INVALID_ENVIRONMENT", path, problem);
    else if (value.includes("\0") || value.length > VARIABLE_LENGTH_MAX) {
      const message = `the value of ${name} holds a NUL or is over ${VARIABLE_LENGTH_MAX} characters`;
      complain("INVALID_ENVIRONMENT", path, message);
    }
  }
}

function variableProblem(name: string): string | null {
  if (!VARIABLE.test(name)) {
    return `${quoted(name)} is not a variable name: letters, digits and _, at most 128`;
  }
  return VARIABLE_RESERVED.test(name) ? `${quoted(name)} is set by CCOS itself` : null;
}

function checkSecret(context: RuleContext, name: string, secret: SecretConfig): void {
  const { config, complain } = context;
  const path = `secrets.${segmentOf(name)}`;
  const refuse = (at: string, message: string) => complain("INVALID_SECRET", at, message);
  const problem = variableProblem(name);
  if (problem !== null) refuse(path, problem);
  if (config.env.has(name)) refuse(path, `${quoted(name)} is a variable of :env as well`);
  if (!isSource(secret.source)) {
    refuse(
      `${path}.source`,
      "a source is env:NAME or file:PATH; a value is never written in a config",
    );
  }
  checkOrigins(context, path, secret);
  for (const [index, pattern] of secret.paths.entries()) {
    const parsed = parsePathPattern(pattern);
    if (!parsed.ok) refuse(`${path}.paths[${index}]`, parsed.error);
  }
  if (secret.headers.length === 0) refuse(`${path}.headers`, "a secret needs a header to stand in");
  for (const [index, header] of secret.headers.entries()) {
    if (HEADER.test(header) && !HEADERS_REFUSED.has(header)) continue;
    const message = `${quoted(header)} is not a header (lower case) that a secret may stand in`;
    refuse(`${path}.headers[${index}]`, message);
  }
}

function isSource(source: string): boolean {
  if (source.startsWith("env:")) return VARIABLE.test(source.slice(4));
  return source.startsWith("file:") && source.length > 5;
}

function checkOrigins(context: RuleContext, path: string, { origins }: SecretConfig): void {
  const { complain, production } = context;
  if (origins.length === 0) {
    complain(
      "INVALID_SECRET",
      `${path}.origins`,
      "a secret needs an origin that it may be sent to",
    );
  }
  for (const [index, text] of origins.entries()) {
    const at = `${path}.origins[${index}]`;
    const origin = canonicalOrigin(text);
    if (origin === null) {
      const message = `${quoted(text)} is not an origin such as https://api.example.com`;
      complain("INVALID_SECRET", at, message);
    } else if (production && origin.startsWith("http:")) {
      complain("INVALID_SECRET", at, "production sends no secret in clear text; use https");
    }
  }
}

/** `scheme://host:port` with an explicit port, or null when the text is no origin. */
export function canonicalOrigin(text: string): string | null {
  if (!/^https?:\/\/[^/?#]+\/?$/.test(text)) return null;
  const target = parseTarget(text);
  if (!target.ok) return null;
  const { scheme, host, port } = target.value;
  return `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function checkCapabilities({ config, complain }: RuleContext): void {
  const { allow, deny, ask } = config.capabilities;
  for (const [index, text] of (allow ?? []).entries()) {
    const path = `capabilities.allow[${index}]`;
    const pattern = parseCapabilityPattern(text);
    if (!pattern.ok) complain("INVALID_CAPABILITY_PATTERN", path, pattern.error);
    else if (pattern.value.kind === "any") {
      complain(
        "INVALID_CAPABILITY_PATTERN",
        path,
        "a config grants no bare *; name the capabilities",
      );
    }
  }
  for (const [key, list] of [
    ["deny", deny],
    ["ask", ask],
  ] as const) {
    for (const [index, text] of list.entries()) {
      const pattern = parseCapabilityPattern(text);
      if (pattern.ok) continue;
      complain("INVALID_CAPABILITY_PATTERN", `capabilities.${key}[${index}]`, pattern.error);
    }
  }
}

function checkStorage({ config, complain }: RuleContext): void {
  const { mode, path } = config.causalChain.storage;
  if ((mode === "append_file" || mode === "sqlite") && (path === null || path === "")) {
    const message = `storage :${mode} needs a path`;
    complain("STORAGE_PATH_REQUIRED", "causal_chain.storage.path", message);
  }
  const vsock = config.microvm?.devices.vsock.enabled ?? false;
  if (mode === "vsock_stream" && !vsock) {
    const message = "storage :vsock_stream needs an enabled vsock";
    complain("VSOCK_REQUIRED", "causal_chain.storage.mode", message);
  }
}

function checkAnchor({ config, complain }: RuleContext): void {
  const { target, path, url } = config.causalChain.anchor;
  if (target === "none") return;
  const isPlace = target === "file" || target === "git";
  const place = isPlace ? path : url;
  const fits = isPlace ? path?.startsWith("/") : isWebUrl(url ?? "");
  const other = isPlace ? url : path;
  if (place !== null && fits === true && other === null) return;
  const needs = isPlace ? "an absolute :path and no :url" : "an http or https :url and no :path";
  complain("INVALID_ANCHOR", "causal_chain.anchor.target", `target :${target} needs ${needs}`);
}

function isWebUrl(text: string): boolean {
  const url = URL.parse(text);
  const isWeb = url?.protocol === "https:" || url?.protocol === "http:";
  return isWeb && url.username === "" && url.password === "" && url.hash === "";
}

/** What a profile's name promises. A profile that was not written promises nothing. */
function checkProfile({ config, isWritten, complain }: RuleContext): void {
  if (!isWritten("profile")) return;
  const refuse = (message: string) =>
    complain("PROFILE_MISMATCH", "profile", `profile :${config.profile}, but ${message}`);
  const { profile, network, microvm } = config;
  if (profile.startsWith("microvm") && microvm === null) refuse("there is no :microvm block");
  if (profile.endsWith("networked") && !network.enabled) refuse("the network is off");
  if ((profile === "minimal" || profile === "microvm-min") && network.enabled) {
    refuse("the network is on");
  }
}

function checkFeatures({ config, complain }: RuleContext): void {
  const { network, capabilities, microvm, features } = config;
  const used: readonly (readonly [Feature, boolean, string])[] = [
    ["network", network.enabled, "network.enabled"],
    ["fs", capabilities.fs.enabled, "capabilities.fs.enabled"],
    ["llm", capabilities.llm.enabled, "capabilities.llm.enabled"],
    ["attestation", microvm?.attestation.enabled ?? false, "microvm.attestation.enabled"],
  ];
  for (const [feature, isUsed, path] of used) {
    if (!isUsed || features.includes(feature)) continue;
    complain("FEATURE_NOT_DECLARED", path, `:features does not have :${feature}`);
  }
}
