/** `ccos image build`: what a microVM boots, from this host's Node and a distribution's kernel. */
import { join, resolve } from "node:path";
import { buildImage, programPaths } from "../../isolation/index.ts";
import { type Command, parseCommand, usageError } from "../command.ts";

export const imageBuild: Command = {
  name: "image build",
  usage:
    "image build [--kernel debian|source|PATH] [--programs] [--add PATH]... [--out DIR] [--json]",
  summary:
    "Make the image that microVMs boot: a kernel, process 1, a read-only root with Node; --programs adds a shell, perl and Python",

  async run(args, io) {
    const parsed = parseCommand(imageBuild, args, {
      kernel: { type: "string" },
      out: { type: "string" },
      programs: { type: "boolean" },
      add: { type: "string", multiple: true },
    });
    if (parsed.positionals.length > 0) throw usageError(imageBuild, "it takes options only");
    const kernel = parsed.text("kernel") ?? "debian";
    const wanted = parsed.text("out");
    const { imageDir = join(io.world.stateDir, "image"), nodePath } = io.world;
    const out = wanted === undefined ? imageDir : resolve(io.cwd, wanted);
    const additions = [
      ...(parsed.flag("programs") ? programPaths() : []),
      ...parsed.texts("add").map((path) => resolve(io.cwd, path)),
    ];
    const lock = await buildImage({
      out,
      kernel: kernel === "debian" || kernel === "source" ? kernel : resolve(io.cwd, kernel),
      nodePath,
      additions,
      watch: { signal: io.signal, say: (line) => io.say(` … ${line}`) },
    });
    const { digests, versions, programs } = lock;
    if (io.json) io.out(JSON.stringify({ ok: true, out, digests, versions, programs }));
    else {
      io.out(` image     ${out}\n kernel    ${versions.kernel}   node ${versions.node}`);
      for (const [part, digest] of Object.entries(digests)) io.out(`   ${part.padEnd(8)}${digest}`);
      io.out(
        ` programs  ${programs.length} executable files; a config names ${out}/kernel and ${out}/root`,
      );
    }
    return 0;
  },
};
