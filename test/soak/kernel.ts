/**
 * Build the guest's kernel from its sources twice, compare every byte of the two images, measure a wall of it, run a plan in it, and time
 * it beside the distribution's kernel: `npm run build && npm run soak -- kernel [--out FILE]`. Half an hour and more.
 *
 * It needs what `ccos image build --kernel source` needs, and apt for the other kernel.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { hasPvhEntry } from "../../src/isolation/image/elf.ts";
import { IMAGE_PARTS, type ImageLock, LOCK_FILE } from "../../src/isolation/image/lock.ts";
import { sandbox } from "../e2e/ccos.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const BUILD_MS_MAX = 4 * 3_600_000;
const RUN_MS_MAX = 900_000;
const ROUNDS = 5;
const ATTEMPTS_MAX = 5;

const { values } = parseArgs({
  options: {
    out: { type: "string", default: join(ROOT, "bench", "results", "soak-kernel.json") },
  },
});
const date = new Date().toISOString();
const directory = mkdtempSync(join(tmpdir(), "ccos-kernel-"));

interface Built {
  readonly out: string;
  readonly seconds: number;
  readonly lock: ImageLock;
}

function build(name: string, kernel: string): Built {
  const out = join(directory, name);
  const started = performance.now();
  const argv = [join(ROOT, "bin", "ccos.cjs"), "image", "build", "--programs"];
  execFileSync(process.execPath, [...argv, "--kernel", kernel, "--out", out], {
    env: { ...process.env, CCOS_HOME: join(directory, "home") },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: BUILD_MS_MAX,
  });
  const seconds = Math.round((performance.now() - started) / 1000);
  return { out, seconds, lock: JSON.parse(readFileSync(join(out, LOCK_FILE), "utf8")) };
}

/** The answer of a plan in a machine of that image. The wall is measured first, and on a busy host not always in time. */
async function runPlan(built: Built): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await runPlanOnce(built);
    } catch (cause) {
      if (attempt === ATTEMPTS_MAX) return String(cause);
      console.error(String(cause));
    }
  }
}

async function runPlanOnce({ out }: Built): Promise<string> {
  const box = sandbox();
  try {
    box.write("sum.plan.rtfs", '(step "sum" (reduce + 0 (map (fn [n] (* n n)) [1 2 3 4])))');
    box.write(
      "agent.rtfs",
      `(agent.config :version "0.1" :agent-id "agent.kernel" :plan "sum.plan.rtfs"
        :orchestrator {:isolation {:mode :microvm :fs {:ephemeral true}} :dlp {:enabled true :policy :strict}}
        :marketplace {:readonly true}
        :microvm {:kernel {:image "${out}/kernel" :cmdline "quiet"} :rootfs {:image "${out}/root" :ro true}
                  :resources {:vcpus 1 :mem_mb 512}})`,
    );
    const run = await box.run(["run", "agent.rtfs"], { timeoutMs: RUN_MS_MAX });
    if (run.status !== 0) throw new Error(run.stderr);
    return run.stdout.trim();
  } finally {
    box.remove();
  }
}

/** Medians of bench/microvm.ts, for each image: until the first word of Node. */
function firstWords(images: readonly string[]): object {
  const json = join(directory, "bench.json");
  const bench = [join(ROOT, "bench", "microvm.ts"), ...images, String(ROUNDS), "--json", json];
  execFileSync(process.execPath, bench, { stdio: ["ignore", "inherit", "inherit"] });
  const { version, medians, others } = JSON.parse(readFileSync(json, "utf8"));
  return [
    { version, medians },
    ...others.map(({ version, medians }: Timed) => ({ version, medians })),
  ];
}
type Timed = { readonly version: string; readonly medians: object };

const [first, second] = [build("first", "source"), build("second", "source")];
const differing = [...IMAGE_PARTS, LOCK_FILE].filter(
  (name) => !readFileSync(join(first.out, name)).equals(readFileSync(join(second.out, name))),
);
const answer = await runPlan(first);
const stock = build("stock", "debian");
const kernelOf = ({ out, lock, seconds }: Built): object => ({
  version: lock.versions.kernel,
  digests: lock.digests,
  kernelBytes: statSync(join(out, "kernel")).size,
  initrdBytes: statSync(join(out, "initrd")).size,
  hasPvhEntry: hasPvhEntry(readFileSync(join(out, "kernel"))),
  imageBuildSeconds: seconds,
});
const results = {
  name: "soak-kernel",
  date,
  command: `npm run soak -- kernel ${process.argv.slice(2).join(" ")}`.trim(),
  machine: { cpu: cpus()[0]?.model, cpus: cpus().length, kernel: release(), node: process.version },
  compiler: execFileSync("gcc", ["-dumpfullversion"], { encoding: "latin1" }).trim(),
  differing,
  answer,
  own: [kernelOf(first), kernelOf(second)],
  stock: kernelOf(stock),
  firstWord: firstWords([stock.out, first.out]),
};
writeFileSync(values.out, `${JSON.stringify(results, null, 2)}\n`);
rmSync(directory, { recursive: true, force: true });
console.log(
  `${values.out}: ${differing.length === 0 ? "equal" : `differing: ${differing.join(", ")}`}, answer ${answer}`,
);
process.exit(differing.length === 0 && answer === "30" ? 0 : 1);
