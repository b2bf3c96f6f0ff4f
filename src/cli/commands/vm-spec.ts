/**
 * `ccos vm spec`: what a virtual machine monitor would be told for an agent config, before anything starts.
 *
 * @module
 */
import { dirname, resolve } from "node:path";
import { digestOf } from "../../chain/index.ts";
import { CcosError } from "../../foundation/errors.ts";
import { type Monitor, MONITORS, vmSpec as specOf, type VmSpec } from "../../isolation/index.ts";
import { validConfig } from "../../runtime/index.ts";
import { type Command, type Io, type Parsed, parseCommand, usageError } from "../command.ts";
import { readSource } from "../inputs.ts";
import { printable } from "../render.ts";

/** `ccos vm spec --vmm firecracker FILE`. */
export const vmSpec: Command = {
  name: "vm spec",
  usage: `vm spec FILE --vmm ${MONITORS.join("|")} [--tsc-khz N] [--production] [--json]`,
  summary:
    "What a monitor is told for a config's microVM: document, ordered calls, argument vector; nothing starts",

  async run(args, io) {
    const parsed = parseCommand(vmSpec, args, {
      vmm: { type: "string" },
      "tsc-khz": { type: "string" },
      production: { type: "boolean" },
    });
    const [file, ...rest] = parsed.positionals;
    if (file === undefined || rest.length > 0) throw usageError(vmSpec, "name one config file");
    const monitor = MONITORS.find((each) => each === parsed.text("vmm"));
    if (monitor === undefined) throw usageError(vmSpec, `--vmm takes ${MONITORS.join(", ")}`);
    const tscKhz = clockOf(parsed, monitor);
    const configSource = await readSource(io.cwd, file);
    const production = parsed.flag("production");
    const { config } = validConfig({ configFile: file, configSource, production });
    const spec = specOf(config, {
      monitor,
      random: io.world.randomBytes(16),
      configDirectory: dirname(resolve(io.cwd, file)),
      agentDigest: digestOf(configSource),
      tscKhz,
    });
    if (!spec.ok) {
      throw new CcosError("CONFIG_INVALID", {
        what: `Cannot make a machine of "${file}"`,
        why: spec.error.map(({ path, message }) => `${path}: ${message}`).join("; "),
        fix: spec.error[0]?.suggestion ?? undefined,
        details: { codes: spec.error.map(({ code }) => code) },
      });
    }
    if (io.json) io.out(JSON.stringify(spec.value));
    else print(spec.value, io);
    return 0;
  },
};

/** Null: the guest has KVM's clock. */
function clockOf(parsed: Parsed, monitor: Monitor): number | null {
  const text = parsed.text("tsc-khz");
  if (text === undefined) return null;
  if (monitor !== "qemu") throw usageError(vmSpec, `${monitor} runs with KVM only: no --tsc-khz`);
  if (!/^[1-9]\d{0,8}$/.test(text)) throw usageError(vmSpec, "--tsc-khz is a number of kHz");
  return Number(text);
}

function print({ images, overruled, argv, stage, calls }: VmSpec, io: Io): void {
  for (const { role, path, digest } of images)
    io.say(`image  ${role.padEnd(6)} ${printable(path)}  ${digest ?? "(no digest promised)"}`);
  for (const word of overruled) io.say(`note   ${printable(word)} is set by the host instead`);
  for (const { from, to } of stage ?? []) io.out(`stage ${shellWord(from)} ${shellWord(to)}`);
  io.out(`exec ${argv.map(shellWord).join(" ")}`);
  for (const { method, path, body } of calls ?? [])
    io.out(`${method} ${path}${body === null ? "" : ` ${JSON.stringify(body)}`}`);
}

/** As a shell reads it. */
function shellWord(word: string): string {
  return /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
