/**
 * Secrets: real values on the host side only, a placeholder for the agent.
 *
 * The placeholder is derived from run id and name, so a replay derives the same. It is worth nothing: the
 * egress puts the value in its place only where the config binds it (policy `bindingAllows`).
 *
 * @module
 */
import { createHash } from "node:crypto";
import { dirname, resolve } from "node:path";
import type { AgentConfig } from "../config/index.ts";
import { CcosError } from "../foundation/errors.ts";
import { type ClientIdentity, parseClientIdentity, readBounded } from "../host/index.ts";
import type { KnownSecret } from "../policy/index.ts";

const SECRET_BYTES_MAX = 16 * 1024;
/** Shorter values stand in ordinary text by chance and cannot be guarded. */
const SECRET_LENGTH_MIN = 8;

/** `ccos-secret-<name>-<16 hex>`: text that survives headers, JSON and URLs unchanged. */
export function placeholderOf(runId: string, name: string): string {
  const tag = createHash("sha256")
    .update(`ccos.secret.v1\0${runId}\0${name}`)
    .digest("hex")
    .slice(0, 16);
  return `ccos-secret-${name.toLowerCase().replaceAll(/[^a-z0-9]/g, "-")}-${tag}`;
}

export function placeholdersOf(runId: string, config: AgentConfig): readonly KnownSecret[] {
  return [...config.secrets.keys()].map((name) => ({ name, value: placeholderOf(runId, name) }));
}

/**
 * Read every declared secret now: a run that cannot use one does not start.
 *
 * @param configFile - A relative `file:PATH` counts from its directory, as `:plan` does.
 * @param environment - Where `env:NAME` sources are looked up.
 * @throws {CcosError} `SECRET_UNAVAILABLE` naming the secret and its source, never a value.
 */
export async function loadSecrets(
  config: AgentConfig,
  configFile: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<readonly KnownSecret[]> {
  const values: KnownSecret[] = [];
  for (const [name, { source }] of config.secrets) {
    const value = source.startsWith("env:")
      ? environment[source.slice(4)]
      : await fileSecret(name, resolve(dirname(configFile), source.slice(5)));
    if (value === undefined) throw unavailable(name, `${source} is not set`);
    if (value.length < SECRET_LENGTH_MIN)
      throw unavailable(
        name,
        `its value has fewer than ${SECRET_LENGTH_MIN} characters and cannot be guarded`,
      );
    values.push({ name, value });
  }
  return values;
}

/** A certificate with its chain and key is far below, bytes. */
const IDENTITY_BYTES_MAX = 64 * 1024;

/**
 * The client certificate of a config with mTLS, read and proven usable now. Null: the config shows none.
 *
 * @param configFile - A relative path counts from its directory.
 * @throws {CcosError} `SECRET_UNAVAILABLE` naming the file, never its content.
 */
export async function loadClientIdentity(
  { network, capabilities }: AgentConfig,
  configFile: string,
  nowMs: number,
): Promise<ClientIdentity | null> {
  const { mtls, clientCert } = network.egress;
  const asked = mtls || (capabilities.http.enabled && capabilities.http.egress.mtls);
  if (!network.enabled || !asked || clientCert === null) return null;
  const path = resolve(dirname(configFile), clientCert.slice("file:".length));
  const content = await readBounded(path, IDENTITY_BYTES_MAX);
  const pem = content.ok ? new TextDecoder().decode(content.value) : "";
  const identity = content.ok ? parseClientIdentity(pem, nowMs) : content;
  if (identity.ok) return identity.value;
  throw new CcosError("SECRET_UNAVAILABLE", {
    what: "Cannot use the client certificate",
    why: `file ${path}: ${identity.error}`,
    fix: "Give :network :egress :client-cert a PEM with a valid certificate and its key",
  });
}

async function fileSecret(name: string, path: string): Promise<string> {
  const content = await readBounded(path, SECRET_BYTES_MAX);
  if (!content.ok) throw unavailable(name, `file ${path}: ${content.error}`);
  return new TextDecoder().decode(content.value).replace(/\r?\n$/, "");
}

function unavailable(name: string, why: string): CcosError {
  return new CcosError("SECRET_UNAVAILABLE", {
    what: `Cannot load secret "${name}"`,
    why,
    fix: "Provide the source that :secrets names, or remove the secret",
  });
}
