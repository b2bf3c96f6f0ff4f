/**
 * A real machine around the program: QEMU's `microvm` with a kernel of its own, a root that nobody can write, and
 * no network card.
 *
 * Read in this order: createQemu, attest, planOf; vm/qemu-launch.ts raises it. The image is measured through the
 * descriptors that QEMU gets. What the program may use is held twice: by the guest's kernel, and from outside by the
 * same watch that every wall has.
 *
 * @module
 */
import { CcosError } from "../../foundation/errors.ts";
import type { JsonObject } from "../../foundation/json.ts";
import {
  bootId,
  closeDescriptors,
  currentUser,
  fileIdentity,
  findExecutable,
  leaseUser,
  SYSTEM_DIRECTORIES,
  timeStampKhz,
  type UserLease,
} from "../../host/index.ts";
import { IMAGE_PARTS, type ImageLock, lockText } from "../image/lock.ts";
import { closeImage, type MeasuredImage, measureImage, readLock } from "../image/measured-image.ts";
import { type LaunchPlan, openSession } from "../launch.ts";
import { checkLimits } from "../limits.ts";
import { versionOf } from "../probing.ts";
import { hasChannel } from "../program.ts";
import type {
  IsolationProvider,
  Probe,
  SandboxProgram,
  SandboxSpec,
  Session,
} from "../provider.ts";
import { kvmAnswer } from "../vm/kvm-probe.ts";
import { doorsOf, tellGuest } from "../vm/guest-words.ts";
import { type Accelerator, kernelCommandLine } from "../vm/kernel-words.ts";
import { makeTemplate } from "../vm/make-template.ts";
import { kindsIn } from "../vm/machine-image.ts";
import { limitsInside, type MachineWish } from "../vm/machine-wish.ts";
import { lineOfShape, type MachineShape, planLaunch } from "../vm/qemu-launch.ts";
import { makeStoreDrive, type StoreDrive } from "../vm/store-drive.ts";
import { keepTemplate, openTemplate, type Template, templateKey } from "../vm/template.ts";

const NAME = "microvm/qemu";
const STRENGTH = 80;
const QEMU = "qemu-system-x86_64";
/** Emulated: programs are some fifteen times slower, on a busy host more. */
const PACE = 20;
const HINT = "Run `apt install qemu-system-x86 squashfs-tools`, then `ccos image build`";

export interface QemuOptions {
  /** Directory of an image that `ccos image build` made. */
  readonly imageDir: string;
  /** Where it is kept whether KVM works. */
  readonly stateDir: string;
  readonly machine: MachineWish;
  /** False: every machine boots. Absent: one that is like an earlier one begins where that one waited. */
  readonly templates?: boolean;
}

/** What was measured for a run's record; null: nothing was. */
type Recorded = Measured | null;

interface Measured {
  readonly lock: ImageLock;
  /** Digest of the drive of what it is shown; null: there is none. */
  readonly store: string | null;
  /** Digest of the template that it begins from; null: it boots. */
  readonly template: string | null;
}

export function createQemu(options: QemuOptions): IsolationProvider {
  const { imageDir } = options;
  let recorded: Recorded = null;
  return {
    name: NAME,
    strength: STRENGTH,
    runs: kindsIn(imageDir),
    sockets: true,
    machine: {
      pace: PACE,
      imageDir,
      attest: async (wish) => {
        const { measured, facts } = await attest(options, wish);
        recorded = measured;
        return facts;
      },
    },
    probe: () => probe(options),
    open: (spec) => openQemu(spec, options, () => recorded),
  };
}

interface Tools {
  readonly qemu: string;
  readonly perl: string;
}

/** The names of what is not installed, or where it is. */
function findTools(): Tools | readonly string[] {
  const qemu = findExecutable(QEMU, SYSTEM_DIRECTORIES);
  const perl = findExecutable("perl", SYSTEM_DIRECTORIES);
  if (qemu !== null && perl !== null) return { qemu, perl };
  return [...(qemu === null ? [QEMU] : []), ...(perl === null ? ["perl (perl-base)"] : [])];
}

function toolsOrRefusal(): Tools {
  const tools = findTools();
  if ("qemu" in tools) return tools;
  throw refused("it is opened", `${tools.join(", ")} is not installed`);
}

/** Raises no machine, which takes longer than a probe may; only once in a boot of the host the one that tries KVM. */
async function probe({ imageDir, stateDir }: QemuOptions): Promise<Probe> {
  const tools = findTools();
  if (process.arch !== "x64") return missing([`an x64 host, not ${process.arch}`]);
  if (!("qemu" in tools)) return missing(tools);
  try {
    const { digests, versions } = await readLock(imageDir);
    const { kind } = await acceleratorHere(tools, stateDir);
    const qemu = await versionOf({ argv: [tools.qemu, "--version"], pattern: /version (\S+)/ });
    const parts = IMAGE_PARTS.map((part) => digests[part].slice(7, 19)).join(".");
    return {
      kind: "ready",
      version: `${qemu} ${kind}, kernel ${versions.kernel}, image ${parts}`,
    };
  } catch (cause) {
    if (cause instanceof CcosError) return missing([cause.why]);
    throw cause;
  }
}

function missing(what: readonly string[]): Probe {
  return { kind: "missing", what, hint: HINT };
}

interface Attested {
  readonly measured: Measured;
  readonly facts: JsonObject;
}

async function attest(
  options: QemuOptions,
  { limits, binds }: Pick<SandboxSpec, "limits" | "binds">,
): Promise<Attested> {
  const { imageDir, machine, stateDir } = options;
  const ground = { ...options, ...toolsOrRefusal() };
  const accelerator = await acceleratorHere(ground, stateDir);
  const image = await measureImage(imageDir);
  let store: StoreDrive | null = null;
  try {
    store = await makeStoreDrive(binds);
    const { verity } = image.lock;
    return await factsOf(image, ground, shapeOf({ limits, accelerator, verity, store }, machine));
  } finally {
    closeImage(image);
    if (store !== null) closeDescriptors([store.descriptor]);
  }
}

async function factsOf(
  image: MeasuredImage,
  ground: Places,
  shape: MachineShape,
): Promise<Attested> {
  const { accelerator, machine, store } = shape;
  const { digests, verity, versions } = image.lock;
  const { expectRoot } = machine;
  if (expectRoot !== null && expectRoot !== digests.root)
    throw refused("the config expects another root", `its root is ${digests.root}`);
  const { kernel, initrd, root } = digests;
  const commandLine = kernelCommandLine({ accelerator, verity, ...machine });
  const parts = { kernel, initrd, root, version: versions.kernel, node: versions.node };
  const template = await templateFor(ground, image, shape, null);
  if (template !== null) closeDescriptors([template.descriptor]);
  const measured = { store: store?.digest ?? null, template: template?.digest ?? null };
  const facts = { image: parts, commandLine, accelerator: accelerator.kind, ...measured };
  return { measured: { lock: image.lock, ...measured }, facts };
}

/** Without what runs in it. */
function shapeOf(
  shape: Pick<MachineShape, "limits" | "accelerator" | "verity" | "store">,
  machine: MachineWish,
): MachineShape {
  const limits = limitsInside(shape.limits, machine);
  return { ...shape, limits, machine, channel: false, doors: [], label: "template" };
}

const making = new Map<string, Promise<void>>();

/** The template for a machine like this, made when there is none; null where none is used. Only emulated ones were tried. */
async function templateFor(
  { qemu, perl, stateDir, templates }: Places,
  image: MeasuredImage,
  shape: MachineShape,
  recorded: Recorded,
): Promise<Template | null> {
  const wished = recorded?.template ?? null;
  if (templates === false || shape.accelerator.kind !== "tcg") return null;
  const key = templateKey({
    bootId: await bootId(),
    qemu: fileIdentity(qemu) ?? "",
    parts: [
      ...IMAGE_PARTS.map((part) => image.lock.digests[part]),
      ...(shape.store === null ? [] : [shape.store.digest]),
    ],
    line: lineOfShape(shape),
  });
  const kept = await openTemplate(stateDir, key, wished);
  if (kept !== null) return kept;
  // Once in this process, however many wait for it.
  const made =
    making.get(key) ??
    makeTemplate({ qemu, perl }, image, shape).then((content) =>
      keepTemplate(stateDir, key, content),
    );
  making.set(key, made);
  try {
    await made;
  } finally {
    making.delete(key);
  }
  return await openTemplate(stateDir, key, wished);
}

/** @throws {CcosError} `ISOLATION_UNAVAILABLE` where neither KVM works nor the clock of an emulated machine. */
async function acceleratorHere(tools: Tools, stateDir: string): Promise<Accelerator> {
  const { usable, why } = await kvmAnswer(tools, stateDir);
  if (usable) return { kind: "kvm" };
  const tscKhz = timeStampKhz();
  if (tscKhz !== null) return { kind: "tcg", tscKhz };
  throw refused(
    "KVM does not work",
    `${why}, and nothing says how fast the processor's clock ticks`,
  );
}

async function openQemu(
  spec: SandboxSpec,
  options: QemuOptions,
  recorded: () => Recorded,
): Promise<Session> {
  checkLimits(spec.limits);
  const tools = toolsOrRefusal();
  const ground = { ...options, ...tools, recorded };
  return openSession(spec.limits, (program) => planOf(program, spec, ground));
}

interface Places extends QemuOptions, Tools {}

interface Ground extends Places {
  recorded(): Recorded;
}

async function planOf(
  program: SandboxProgram,
  spec: SandboxSpec,
  ground: Ground,
): Promise<LaunchPlan> {
  const image = await measureImage(ground.imageDir);
  let lease: UserLease | null = null;
  let store: StoreDrive | null = null;
  let template: Template | null = null;
  try {
    const recorded = ground.recorded();
    if (recorded !== null && lockText(recorded.lock) !== lockText(image.lock))
      throw refused("its image was measured", "the image was replaced since");
    const accelerator = await acceleratorHere(ground, ground.stateDir);
    store = await makeStoreDrive(spec.binds);
    if (recorded !== null && recorded.store !== (store?.digest ?? null))
      throw refused("its drive was measured", "a directory that it is shown was changed since");
    const { verity } = image.lock;
    const shape = shapeOf({ limits: spec.limits, accelerator, verity, store }, ground.machine);
    const { limits } = shape;
    template = await templateFor(ground, image, shape, recorded);
    if (recorded !== null && recorded.template !== (template?.digest ?? null))
      throw refused("its template was measured", "the template was replaced since");
    const records = tellGuest(program, { ...spec, limits }, image.lock);
    lease = currentUser().uid === 0 ? await leaseUser() : null;
    return planLaunch({
      tools: ground,
      image,
      records,
      limits,
      lease,
      channel: hasChannel(program),
      doors: doorsOf(spec.binds).map(({ source }) => source),
      accelerator,
      store,
      machine: ground.machine,
      label: spec.label ?? NAME.replace("/", "-"),
      template,
    });
  } catch (error) {
    closeDescriptors([store, template].flatMap((each) => each?.descriptor ?? []));
    closeImage(image);
    lease?.release();
    throw error;
  }
}

function refused(when: string, why: string): CcosError {
  return new CcosError("ISOLATION_UNAVAILABLE", {
    what: `Cannot use ${NAME} where ${when}`,
    why,
    fix: HINT,
  });
}
