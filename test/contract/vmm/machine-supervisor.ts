/** A supervisor with one machine that hangs, to be killed: `node machine-supervisor.ts PROVIDER BASE DIRECTORY…`. */
import { imageOf, portsOf, type ProviderName, providerOf } from "./stand-ins.ts";

const [name = "", base = "", ...directories] = process.argv.slice(2);
const image = imageOf(base, { does: "hang", status: 0 });
const provider = providerOf(name as ProviderName, portsOf(image), { base, directories });
const limits = {
  wallMs: 60_000,
  cpuMs: 60_000,
  memoryBytes: 256 * 1024 * 1024,
  pidsMax: 8,
  outputBytes: 1024,
  diskBytes: 1024,
};
const session = await provider.open({
  limits,
  files: [],
  binds: [],
  environment: {},
  sockets: false,
});
const program = { kind: "external", argv: ["x"], channel: false } as const;
const execution = await session.execute(program, new AbortController().signal);
execution.stdout.once("data", (chunk: Buffer) => void process.stdout.write(chunk));
await execution.ending;
