/** The supervisor of noWall(): measure-supervisor.ts for a wall that createProviders does not know. */
import { createInterface } from "node:readline";
import { type SupervisorJob, superviseAttack } from "../../src/isolation/escapes/tree.ts";
import { noWall } from "./no-wall.ts";

const input = createInterface({ input: process.stdin });
input.once("close", () => process.exit());
input.once("line", (line) => {
  const job = JSON.parse(line) as SupervisorJob;
  const provider = noWall(job.nodePath, job.stateDir);
  const context = { ...job, provider, supervisor: null, signal: AbortSignal.timeout(20_000) };
  void superviseAttack(context, job, (text) => process.stdout.write(`${text}\n`));
});
