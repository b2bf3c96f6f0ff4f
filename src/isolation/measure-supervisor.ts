/**
 * A program of its own: raise one wall, say so, and wait to be killed by the measurement.
 *
 * One job arrives on stdin as a line of JSON. When stdin closes, the measurement is gone and so are we.
 *
 * @module
 */
import { createInterface } from "node:readline";
import { type SupervisorJob, superviseAttack } from "./escapes/tree.ts";
import { createProviders } from "./index.ts";

const input = createInterface({ input: process.stdin });
input.once("line", (line) => {
  run(line).catch((cause: unknown) => {
    process.stderr.write(`${cause instanceof Error ? cause.message : "failed"}\n`);
    process.exitCode = 1;
  });
});
input.once("close", () => process.exit());

async function run(line: string): Promise<void> {
  const job = JSON.parse(line) as SupervisorJob;
  const { nodePath, stateDir, imageDir } = job;
  const image = imageDir === null ? {} : { imageDir };
  const [provider] = createProviders({ nodePath, stateDir, ...image, only: [job.provider] });
  if (provider === undefined) throw new Error(`no provider is called ${job.provider}`);
  const signal = AbortSignal.timeout(300_000);
  const context = { provider, stateDir, nodePath, supervisor: null, signal };
  await superviseAttack(context, job, (text) => process.stdout.write(`${text}\n`));
}
