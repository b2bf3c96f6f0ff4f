/** `ccos halt`, `halt list`, `halt lift`: the emergency stop (runtime/halt.ts). */
import { userInfo } from "node:os";
import { CcosError } from "../../foundation/errors.ts";
import {
  giveOrder,
  type HaltOrder,
  HALT_REASON_LENGTH_MAX,
  liftOrder,
  standingOrders,
} from "../../runtime/index.ts";
import { type Command, type Parsed, parseCommand, usageError } from "../command.ts";

const AGENT_ID = /^[a-z0-9]([a-z0-9._-]{0,126}[a-z0-9])?$/;

/** The agent named, or null for `--all`. */
function whom(command: Command, parsed: Parsed): string | null {
  const [agent, ...more] = parsed.positionals;
  const all = parsed.flag("all");
  if (more.length > 0 || all === (agent !== undefined))
    throw usageError(command, "name one agent, or --all");
  if (agent === undefined) return null;
  if (!AGENT_ID.test(agent)) throw usageError(command, "the agent is named by its :agent-id");
  return agent;
}

function named(agent: string | null): string {
  return agent === null ? "every agent" : `agent ${agent}`;
}

function shown({ agent, reason, by, at }: HaltOrder): string {
  const given = at === null ? "" : ` by ${by}, ${new Date(at).toISOString()}`;
  return `${named(agent)} is halted${given}: ${reason}`;
}

export const halt: Command = {
  name: "halt",
  usage: "halt AGENT | --all --reason TEXT [--json]",
  summary: "Stop an agent, or all, now: no effect begins any more, runs end",

  async run(args, io) {
    const parsed = parseCommand(halt, args, {
      all: { type: "boolean" },
      reason: { type: "string" },
    });
    const agent = whom(halt, parsed);
    const reason = parsed.text("reason")?.trim() ?? "";
    if (reason === "")
      throw usageError(halt, "say why with --reason: it is in the record of each run");
    if (reason.length > HALT_REASON_LENGTH_MAX)
      throw usageError(halt, `a reason has at most ${HALT_REASON_LENGTH_MAX} characters`);
    const order = { agent, reason, by: userInfo().username, at: io.world.nowMs() };
    await giveOrder(io.world.stateDir, order);
    if (io.json) io.out(JSON.stringify(order));
    else io.say(`${shown(order)}\nLift it with: ccos halt lift ${agent ?? "--all"}`);
    return 0;
  },
};

export const haltList: Command = {
  name: "halt list",
  usage: "halt list [--json]",
  summary: "Show which agents are halted, by whom and why",

  async run(args, io) {
    parseCommand(haltList, args);
    const orders = await standingOrders(io.world.stateDir);
    if (io.json) io.out(JSON.stringify({ orders }));
    else if (orders.length === 0) io.say("No agent is halted.");
    else for (const order of orders) io.out(shown(order));
    return 0;
  },
};

export const haltLift: Command = {
  name: "halt lift",
  usage: "halt lift AGENT | --all [--json]",
  summary: "End an emergency stop; nothing starts by itself",

  async run(args, io) {
    const parsed = parseCommand(haltLift, args, { all: { type: "boolean" } });
    const agent = whom(haltLift, parsed);
    if (!(await liftOrder(io.world.stateDir, agent))) {
      throw new CcosError("INPUT_NOT_FOUND", {
        what: `Cannot lift the halt of ${named(agent)}`,
        why: "there is no such order",
        fix: "See `ccos halt list`",
      });
    }
    if (io.json) io.out(JSON.stringify({ lifted: agent }));
    else io.say(`${named(agent)} may start again.`);
    return 0;
  },
};
