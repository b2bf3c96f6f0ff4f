/**
 * `ccos package`: an agent and all it needs in one signed directory; `ccos package verify`: whether it still is that.
 *
 * @module
 */
import { resolve } from "node:path";
import { makePackage, trustOf, verifyPackage } from "../../deploy/index.ts";
import { programFileOf, type RunInputs } from "../../runtime/index.ts";
import { type Command, type Io, parseCommand, usageError } from "../command.ts";
import { planInputs, readSource, type StagedFile, stageCommand, stageProgram } from "../inputs.ts";

export const packageMake: Command = {
  name: "package",
  usage:
    "package CONFIG --out DIR [--image DIR] [--json]   |   package CONFIG --out DIR PROGRAM.js|.py|.sh|.wasm [ARGS…]   |   package CONFIG --out DIR -- PROGRAM [ARGS…]",
  summary: "Put an agent and all it needs into one directory, measured and signed",

  async run(args, io) {
    const separator = args.indexOf("--");
    const own = separator < 0 ? args : args.slice(0, separator);
    const command = separator < 0 ? [] : args.slice(separator + 1);
    const parsed = parseCommand(packageMake, own, {
      out: { type: "string" },
      image: { type: "string" },
    });
    const [config, ...words] = parsed.positionals;
    const out = parsed.text("out");
    if (config === undefined || out === undefined)
      throw usageError(packageMake, "name a config file and --out DIR");
    const { inputs, staged } = await programInputs(io, config, [words, command]);
    const image = parsed.text("image");
    const imageDir = image === undefined ? null : resolve(io.cwd, image);
    const directory = resolve(io.cwd, out);
    const lock = await makePackage(io.world, { inputs, staged, imageDir, out: directory });
    const { files, keyId, agent } = lock;
    if (io.json) io.out(JSON.stringify({ ok: true, out: directory, lock }));
    else {
      const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
      io.out(` package   ${directory}\n agent     ${agent}`);
      io.out(` files     ${files.length}, ${bytes} bytes; signed by ${keyId}`);
    }
    return 0;
  },
};

/** The config's plan, a program file, or a command: what `ccos run` would run. */
async function programInputs(
  io: Io,
  config: string,
  [[file, ...words], command]: readonly [readonly string[], readonly string[]],
): Promise<{ readonly inputs: RunInputs; readonly staged: readonly StagedFile[] }> {
  if (file === undefined && command.length === 0) {
    const inputs = await planInputs(io.cwd, config, false);
    if (inputs.planSource === null)
      throw usageError(packageMake, `${config} names no :plan; name a program`);
    return { inputs, staged: [] };
  }
  const program = file === undefined ? null : programFileOf(file);
  if (file !== undefined && program === null)
    throw usageError(packageMake, `${file} has no extension that says what runs it`);
  const staged =
    file === undefined ? await stageCommand(io.cwd, command) : [await stageProgram(io.cwd, file)];
  const inputs = {
    configFile: config,
    configSource: await readSource(io.cwd, config),
    planFile: null,
    planSource: null,
    modules: [],
    command: file === undefined ? command : [file, ...words, ...command],
    staged: staged.map(({ path, digest }) => ({ path, digest })),
    production: false,
    ...(program === null ? {} : { program }),
  };
  return { inputs, staged };
}

export const packageVerify: Command = {
  name: "package verify",
  usage: "package verify DIR [--key FILE] [--json]",
  summary: "Check every byte of a package against its signed lock",

  async run(args, io) {
    const parsed = parseCommand(packageVerify, args, { key: { type: "string" } });
    const [directory, ...rest] = parsed.positionals;
    if (directory === undefined || rest.length > 0)
      throw usageError(packageVerify, "name one package");
    const key = parsed.text("key");
    const trust = await trustOf(io.world.stateDir, key === undefined ? null : resolve(io.cwd, key));
    const { lock, digest } = await verifyPackage(resolve(io.cwd, directory), trust);
    if (io.json) io.out(JSON.stringify({ ok: true, digest, agent: lock.agent, keyId: lock.keyId }));
    else io.out(` package   VALID  ${lock.agent}  ${lock.files.length} files  ${digest}`);
    return 0;
  },
};
