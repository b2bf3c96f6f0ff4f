/**
 * `ccos package`: everything that one agent needs, in one directory, judged, measured and signed.
 *
 * Read in this order: PackagePlan, makePackage, agentFiles. What could not run is not packaged: the config is valid and
 * enforceable, the plan is admitted. The same inputs and the same key give the same bytes: no time, no path of this host
 * goes in. It is made beside its name and gets the name when it is whole.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { dirname, join, relative } from "node:path";
import { type HostKey, loadOrCreateHostKey } from "../chain/index.ts";
import { canonicalJson } from "../foundation/canonical-json.ts";
import { CcosError } from "../foundation/errors.ts";
import type { JsonObject } from "../foundation/json.ts";
import {
  ensurePrivateDir,
  fileIdentity,
  makeParents,
  measureInPieces,
  publishDirectory,
  removeTree,
  writeBelow,
} from "../host/index.ts";
import { closeImage, IMAGE_LOCK_FILE, measureImage } from "../isolation/index.ts";
import { decide } from "../policy/index.ts";
import {
  type PreparedRun,
  prepareRun,
  refuseUnenforceable,
  type RunInputs,
  type StagedContent,
  type World,
} from "../runtime/index.ts";
import {
  CAPABILITIES_NAME,
  CONFIG_NAME,
  FILES_MAX,
  IMAGE_NAME,
  isPackagePath,
  KEYS_NAME,
  LOCK_NAME,
  lockBytes,
  OWN_NAMES,
  type PackagedFile,
  type PackagedProgram,
  type PackageLock,
  SIGNATURE_NAME,
  signatureText,
} from "./package-lock.ts";

export interface PackagePlan {
  readonly inputs: RunInputs;
  readonly staged: readonly StagedContent[];
  /** Directory of an image that goes in; null: none. */
  readonly imageDir: string | null;
  /** Nothing stands there yet. */
  readonly out: string;
}

/** Largest part of an image, bytes. */
export const PART_BYTES_MAX: number = 2 * 1024 * 1024 * 1024;

/**
 * @throws {CcosError} what a run of the inputs would refuse before it starts; `ADMISSION_REFUSED`, `PACKAGE_INVALID`
 *   for names that a package cannot hold, `ISOLATION_UNAVAILABLE` for an image that is not what its lock says,
 *   `IO_ERROR`.
 */
export async function makePackage(world: World, plan: PackagePlan): Promise<PackageLock> {
  const prepared = prepareRun(plan.inputs);
  refuseUnenforceable(prepared.config, plan.inputs.configFile);
  refuseUnadmitted(prepared);
  refuseForeignImage(prepared, plan);
  await ensurePrivateDir(world.stateDir);
  const key = await loadOrCreateHostKey(join(world.stateDir, "keys"));
  const { program, files } = agentFiles(prepared, plan.staged);
  const capabilities = capabilityFiles(prepared).map(
    ({ path, content }) => [path, content] as const,
  );
  const all = new Map([...files, ...capabilities, keyFile(key)]);
  refuseNames([...all.keys()]);
  if (fileIdentity(plan.out) !== null) throw unpackable(plan.out, "something stands there already");
  const making = `${plan.out}.making`;
  await removeTree(making);
  await ensurePrivateDir(making);
  try {
    const image = plan.imageDir === null ? null : await imageDigests(plan.imageDir);
    const parts = image === null ? [] : [...Object.keys(image), IMAGE_LOCK_FILE];
    const lock: PackageLock = {
      format: 1,
      agent: prepared.config.agentId,
      program,
      policy: prepared.digests.policy,
      image,
      keyId: key.keyId,
      files: [
        ...(await writeAll(making, all)),
        ...(await copyImage(plan.imageDir ?? "", parts, making)),
      ].sort((left, right) => (left.path < right.path ? -1 : 1)),
    };
    const bytes = lockBytes(lock);
    await writeBelow(making, LOCK_NAME, bytes);
    await writeBelow(making, SIGNATURE_NAME, Buffer.from(signatureText(bytes, key)));
    await publishDirectory(making, plan.out);
    return lock;
  } catch (cause) {
    await removeTree(making);
    throw cause;
  }
}

type Contents = readonly (readonly [path: string, content: Uint8Array])[];

/** The agent's own files, at the paths by which its config names them. */
function agentFiles(
  { inputs }: PreparedRun,
  staged: readonly StagedContent[],
): { readonly program: PackagedProgram; readonly files: Contents } {
  const config = [CONFIG_NAME, Buffer.from(inputs.configSource)] as const;
  const { planFile, planSource, command } = inputs;
  if (planFile === null || planSource === null) {
    const argv = command ?? [];
    const inWork = staged.map(({ path, content }) => [path.slice(1), content] as const);
    const digests = new Map(inputs.staged.map(({ path, digest }) => [path, digest]));
    const named = inWork.map(([file]) => ({
      path: `/${file}`,
      file,
      digest: digests.get(`/${file}`) ?? "",
    }));
    const program = inputs.program ?? null;
    return {
      program: { kind: "command", argv, program, staged: named },
      files: [config, ...inWork],
    };
  }
  const within = (file: string): string => relative(dirname(inputs.configFile), file);
  const modules = inputs.modules.map(({ name, file }) => ({ name, file: within(file) }));
  const own = [within(planFile), ...modules.map(({ file }) => file)];
  const reserved = own.find((path) => OWN_NAMES.has(path.split("/", 1)[0] ?? ""));
  if (reserved !== undefined) throw unpackable(reserved, "a package has a name of its own there");
  const sources = [planSource, ...inputs.modules.map(({ source }) => source)];
  return {
    program: { kind: "plan", file: within(planFile), modules },
    files: [config, ...own.map((path, at) => [path, Buffer.from(sources[at] ?? "")] as const)],
  };
}

/** The contract of each capability that the policy grants in some way, as this version knows it. */
export function capabilityFiles({
  registry,
  policy,
}: PreparedRun): readonly (PackagedFile & { readonly content: Uint8Array })[] {
  return registry
    .list()
    .filter(({ manifest }) => {
      const question = { capability: manifest.id, resource: null };
      return decide(policy, question).kind === "allow";
    })
    .map(({ manifest }) => {
      const content = Buffer.from(`${canonicalJson({ ...manifest })}\n`);
      const path = `${CAPABILITIES_NAME}/${manifest.id}.json`;
      return { path, digest: digestOfBytes(content), bytes: content.length, content };
    });
}

function keyFile({ publicKey, keyId }: HostKey): readonly [string, Uint8Array] {
  const pem = publicKey.export({ type: "spki", format: "pem" });
  return [`${KEYS_NAME}/${keyId}.pub.pem`, Buffer.from(pem)];
}

async function writeAll(
  root: string,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<readonly PackagedFile[]> {
  const written: PackagedFile[] = [];
  for (const [path, content] of files) {
    await writeBelow(root, path, content);
    written.push({ path, digest: digestOfBytes(content), bytes: content.length });
  }
  return written;
}

export function digestOfBytes(content: Uint8Array): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}

async function imageDigests(directory: string): Promise<JsonObject> {
  const image = await measureImage(directory);
  closeImage(image);
  return { ...image.lock.digests };
}

/** What is copied is measured again as it is copied; whether it is what the image's lock says is asked at each boot. */
async function copyImage(
  from: string,
  names: readonly string[],
  root: string,
): Promise<readonly PackagedFile[]> {
  const copied: PackagedFile[] = [];
  for (const name of names) {
    const path = `${IMAGE_NAME}/${name}`;
    await makeParents(root, path);
    const measured = await measureInPieces(join(from, name), PART_BYTES_MAX, join(root, path));
    if (!measured.ok) throw unpackable(join(from, name), measured.error);
    copied.push({ path, ...measured.value });
  }
  return copied;
}

function refuseUnadmitted({ admission, inputs }: PreparedRun): void {
  if (admission === null || admission.admitted) return;
  throw new CcosError("ADMISSION_REFUSED", {
    what: `Cannot package the plan of "${inputs.configFile}"`,
    why: "it asks for what its config does not grant",
    fix: `Run \`ccos plan ${inputs.configFile}\``,
  });
}

/** A packaged config finds its image in the package, so it must call it as it lies there. */
function refuseForeignImage({ config, inputs }: PreparedRun, { imageDir }: PackagePlan): void {
  const wants = config.microvm !== null || config.orchestrator.isolation.mode === "microvm";
  if (wants && imageDir === null)
    throw unpackable(
      inputs.configFile,
      "it runs in a machine, and no image is given (--image DIR)",
    );
  const { microvm } = config;
  if (microvm === null) return;
  const named = [microvm.kernel.image, microvm.rootfs.image];
  if (named[0] === `${IMAGE_NAME}/kernel` && named[1] === `${IMAGE_NAME}/root`) return;
  throw new CcosError("PACKAGE_INVALID", {
    what: `Cannot package "${inputs.configFile}"`,
    why: `its machine boots "${named[0]}" and "${named[1]}", which lie outside of the package`,
    fix: `Name "${IMAGE_NAME}/kernel" and "${IMAGE_NAME}/root" in the config, and say with --image where they are`,
  });
}

function refuseNames(paths: readonly string[]): void {
  if (paths.length > FILES_MAX) throw unpackable("the agent", `it has over ${FILES_MAX} files`);
  const bad = paths.find((path) => !isPackagePath(path));
  if (bad !== undefined) throw unpackable(bad, "it is no plain relative path");
}

function unpackable(file: string, why: string): CcosError {
  return new CcosError("PACKAGE_INVALID", {
    what: `Cannot package "${file}"`,
    why,
    fix: "Keep the agent's files beside or below its config, under names of their own",
  });
}
