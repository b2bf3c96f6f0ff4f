/**
 * `ccos approvals`: what waits for somebody, what it would allow, and the answers.
 *
 * @module
 */
import { resolve } from "node:path";
import { parseDuration } from "../../config/index.ts";
import { APPROVAL_SCOPES, type ApprovalScope, readSigningKey } from "../../governance/index.ts";
import {
  type Answer,
  keepAnswer,
  listApprovals,
  revokeApproval,
  showApproval,
  type ShownApproval,
  signAnswer,
} from "../../runtime/index.ts";
import { type Command, type Io, type Parsed, parseCommand, usageError } from "../command.ts";
import { printable } from "../render.ts";

/** How long `always` holds unless `--for` says otherwise, and at most. */
const ALWAYS_MS = 30 * 86_400_000;
const ALWAYS_MS_MAX = 400 * 86_400_000;

export const approvalsList: Command = {
  name: "approvals list",
  usage: "approvals list [--all] [--json]",
  summary: "What waits for an approval, and what is granted for always; --all has the rest too",

  async run(args, io) {
    const parsed = parseCommand(approvalsList, args, { all: { type: "boolean" } });
    if (parsed.positionals.length > 0) throw usageError(approvalsList, "it takes no name");
    const all = await listApprovals(io.world);
    const shown = parsed.flag("all")
      ? all
      : all.filter(({ state }) => state === "pending" || state === "standing");
    if (io.json) io.out(JSON.stringify(shown.map(({ case: each, state }) => ({ ...each, state }))));
    else if (shown.length === 0) io.say("nothing waits for an approval");
    for (const { case: each, state } of io.json ? [] : shown) {
      const { action, approvals, deadlineMs } = each.request;
      const what = [action.capability ?? "the plan", action.resource ?? ""].join(" ").trim();
      const left = Math.max(0, Math.round((deadlineMs - io.world.nowMs()) / 1000));
      const until = state === "pending" ? `${approvals} to agree, ${left} s left` : "";
      io.out(
        printable(`${each.id}  ${state.padEnd(8)}  ${action.agent}  ${what}  ${until}`).trimEnd(),
      );
    }
    return 0;
  },
};

export const approvalsShow: Command = {
  name: "approvals show",
  usage: "approvals show ID [--json]",
  summary:
    "One request: what exactly is asked, by whom, who may answer, and what a wider scope would allow",

  async run(args, io) {
    const id = idIn(approvalsShow, parseCommand(approvalsShow, args));
    show(io, await showApproval(io.world, id));
    return 0;
  },
};

const ANSWER_FLAGS = {
  key: { type: "string" },
  scope: { type: "string" },
  for: { type: "string" },
  reason: { type: "string" },
  print: { type: "boolean" },
} as const;

export const approvalsApprove: Command = {
  name: "approvals approve",
  usage:
    "approvals approve ID --key FILE [--scope once|run|always] [--for 720h] [--reason TEXT] [--print] [--json]",
  summary: "Agree to exactly what a request says, signed with your key; --print only prints it",

  run: (args, io) => answer(approvalsApprove, "approve", args, io),
};

export const approvalsDeny: Command = {
  name: "approvals deny",
  usage: "approvals deny ID --key FILE [--reason TEXT] [--print] [--json]",
  summary: "Say no: one no outweighs every yes",

  run: (args, io) => answer(approvalsDeny, "deny", args, io),
};

export const approvalsRevoke: Command = {
  name: "approvals revoke",
  usage: "approvals revoke ID [--reason TEXT] [--json]",
  summary: "Take back what was granted; what already happened stays",

  async run(args, io) {
    const parsed = parseCommand(approvalsRevoke, args, { reason: { type: "string" } });
    const id = idIn(approvalsRevoke, parsed);
    await revokeApproval(io.world, id, parsed.text("reason") ?? "");
    show(io, await showApproval(io.world, id));
    return 0;
  },
};

async function answer(
  command: Command,
  decision: Answer["decision"],
  args: readonly string[],
  io: Io,
): Promise<number> {
  const parsed = parseCommand(command, args, ANSWER_FLAGS);
  const id = idIn(command, parsed);
  const file = parsed.text("key");
  if (file === undefined)
    throw usageError(command, "--key FILE is your private key, Ed25519 in PEM");
  const scope = scopeIn(command, parsed.text("scope") ?? "once");
  const forMs = parseDuration(parsed.text("for") ?? `${ALWAYS_MS}ms`);
  if (forMs === null || forMs < 1 || forMs > ALWAYS_MS_MAX)
    throw usageError(command, "--for takes a time such as 12h, up to 9600h");
  const key = await readSigningKey(resolve(io.cwd, file));
  const reason = parsed.text("reason") ?? "";
  const said = { decision, scope, reason, forMs: Math.floor(forMs) };
  const statement = await signAnswer(io.world, id, said, key);
  if (parsed.flag("print")) io.out(JSON.stringify(statement));
  else show(io, await keepAnswer(io.world, id, statement));
  return 0;
}

function show(io: Io, { case: found, state, approvers, why, covers }: ShownApproval): void {
  const { id, request, statements } = found;
  const { action, proposer } = request;
  if (io.json) {
    io.out(JSON.stringify({ id, state, request, statements, why, covers, approvers }));
    return;
  }
  const rows: readonly (readonly [string, string])[] = [
    ["request", `${id}  ${state}`],
    ["asks", request.question],
    ["agent", `${action.agent}  ${request.run}`],
    ["started", `by user ${proposer.uid}${proposer.key === null ? "" : `, key ${proposer.key}`}`],
    ["what", action.capability ?? "the whole plan"],
    ["target", action.resource ?? ""],
    ["step", action.step ?? ""],
    ["rule", action.rule ?? ""],
    ["args", action.arguments ?? ""],
    ["plan", action.plan],
    ["config", action.config],
    ["policy", action.policy],
    ["until", new Date(request.deadlineMs).toISOString()],
    ["needs", `${request.approvals} of ${approvers.map(({ name }) => name).join(", ")}`],
    ...statements.map(
      (each) =>
        ["said", `${each.approver}: ${each.decision} (${each.scope}) ${each.reason}`] as const,
    ),
    ...why.map((each) => ["note", each] as const),
    ...covers.map((each) => ["covers", each] as const),
  ];
  for (const [name, text] of rows)
    if (text !== "") io.out(printable(` ${name.padEnd(9)} ${text}`).trimEnd());
}

function idIn(command: Command, parsed: Parsed): string {
  const [id, ...rest] = parsed.positionals;
  if (id === undefined || rest.length > 0)
    throw usageError(command, "name one request; `ccos approvals list` has them");
  return id;
}

function scopeIn(command: Command, text: string): ApprovalScope {
  const scope = APPROVAL_SCOPES.find((each) => each === text);
  if (scope === undefined) throw usageError(command, "--scope is once, run or always");
  return scope;
}
