/**
 * The table of codes: hosts' errors, denials and limits here, config findings in finding-codes.ts.
 *
 * `exitCode` is the CLI's status when the code ends a command (docs/ERRORS.md). `retryable` says
 * whether the same request may succeed later without a change.
 *
 * @module
 */
import { FINDING_CODES } from "./finding-codes.ts";

export interface CodeEntry {
  readonly exitCode: number;
  readonly retryable: boolean;
  readonly meaning: string;
  readonly fix: string;
}

const entry = (exitCode: number, meaning: string, fix: string, retryable = false): CodeEntry => ({
  exitCode,
  retryable,
  meaning,
  fix,
});

const HOST_CODES = {
  USAGE: entry(64, "The command line is not understood", "Read `ccos help`"),
  INPUT_NOT_FOUND: entry(65, "A named input file does not exist", "Check the path"),
  INPUT_UNREADABLE: entry(65, "A named input cannot be read", "Check permissions and file type"),
  INPUT_TOO_LARGE: entry(65, "An input is over its size limit", "Split it; sources end at 1 MiB"),
  INPUT_NOT_UTF8: entry(65, "A source text is not valid UTF-8", "Save the file as UTF-8"),
  NOT_CANONICAL: entry(
    65,
    "A value has no canonical JSON form, so it cannot be recorded",
    "Remove what the message names",
  ),
  PARSE_ERROR: entry(65, "A source text is not RTFS", "Read the place and the hint"),
  CONFIG_INVALID: entry(65, "The agent config has errors", "Run `ccos check FILE`"),
  SETTINGS_INVALID: entry(65, "The settings file has errors", "Run `ccos config show`"),
  ENVIRONMENT_REFUSED: entry(
    77,
    "The environment or the operator's settings refuse what was asked",
    "See `ccos config show`",
  ),
  INVALID_PROGRAM: entry(
    65,
    "There is no program, or it cannot be loaded",
    "Give source, a module, a handler's id or a command",
  ),
  PROGRAM_ERROR: entry(1, "The program ended with an error of its own", "Read the kind and place"),
  PROTOCOL_VIOLATION: entry(1, "The guest sent what the protocol forbids", "The run was ended"),
  ADMISSION_REFUSED: entry(
    77,
    "The plan asks for what the config does not grant",
    "See `ccos plan`",
  ),
  CAPABILITY_ID_COMPUTED: entry(77, "A plan computes a capability id", "Write the id literally"),
  UNKNOWN_CAPABILITY: entry(77, "No such capability is registered", "See `ccos plan` for the ids"),
  EFFECT_UNDERDECLARED: entry(
    77,
    "An annotation says less than the code in it can do",
    "Widen :effects or :capabilities, or narrow the call",
  ),
  EFFECT_DENIED: entry(
    77,
    "A call goes beyond what its admitted plan can ask for",
    "Run the plan as it was judged: its evaluator sent what it does not say",
  ),
  AGENT_HALTED: entry(
    77,
    "An emergency stop of this agent, or of all, is in force",
    "See `ccos halt list`; lift it with `ccos halt lift`",
  ),
  OUTSIDE_VALIDITY: entry(
    77,
    "The agent may not act at this time",
    "Wait for a window of its `validity`, or change it",
    true,
  ),
  CAPABILITY_DENIED: entry(77, "No rule grants this capability", "Grant it in the config"),
  EGRESS_DENIED: entry(77, "No rule grants this network target", "Add an egress rule"),
  FILE_DENIED: entry(77, "No rule grants this path", "Add it to capabilities.fs.paths"),
  ENVIRONMENT_DENIED: entry(77, "The variable is not declared", "Declare it under :env"),
  APPROVAL_DENIED: entry(
    77,
    "Who must agree did not, or not in time",
    "Ask them: `ccos approvals list`",
  ),
  APPROVAL_REFUSED: entry(77, "An answer to a request would not count", "See the reason"),
  APPROVAL_NOT_FOUND: entry(65, "No such request for an approval", "See `ccos approvals list`"),
  ENVELOPE_REFUSED: entry(
    77,
    "The plan has no envelope that its config accepts",
    "Have it signed again: `ccos plan FILE --sign KEY --out ENVELOPE`",
  ),
  POLICY_FILE_REFUSED: entry(
    77,
    "The config names a policy file, and it is not there or not what its key signed",
    "Have it signed: `ccos policy sign RULES --key KEY --out FILE`",
  ),
  BUDGET_EXCEEDED: entry(
    77,
    "A budget of the run or of its agent is used up",
    "Raise the budget that the message names",
  ),
  POLICY_WIDER: entry(
    77,
    "A policy allows more than the one it is held against",
    "See the request that proves it",
  ),
  POLICY_FLIPPED: entry(
    77,
    "A policy decides otherwise than what a recorded run was decided by",
    "See the calls that it flips",
  ),
  LABEL_DENIED: entry(
    77,
    "What the run has received may not flow to this place",
    "Send it before the labelled data is read, or let the sink accept its labels",
  ),
  DLP_BLOCKED: entry(77, "Data that must not leave was found", "Remove it; see the named rule"),
  DNS_BLOCKED: entry(
    77,
    "The name resolves to an address range that is refused",
    "Name it in the rule's :addresses",
  ),
  REDIRECT_DENIED: entry(
    77,
    "A redirect leads where no rule allows",
    "Grant the target or stop at the redirect",
  ),
  TLS_PIN_MISMATCH: entry(
    77,
    "A host proved its name, but none of its keys is among the rule's pins",
    "Add the pin of its new key to :tls_pins, once you know that the key is the host's",
  ),
  SECRET_UNAVAILABLE: entry(
    69,
    "A declared secret cannot be read",
    "Provide the source the config names",
  ),
  SCHEMA_INPUT: entry(
    65,
    "Arguments do not fit the capability's contract",
    "See the path in the message",
  ),
  SCHEMA_OUTPUT: entry(
    70,
    "A result does not fit the capability's contract",
    "The result was withheld",
  ),
  NETWORK_ERROR: entry(69, "The network failed", "Retry later", true),
  IO_ERROR: entry(69, "A file operation failed", "See the cause"),
  LIMIT_TIME: entry(124, "The wall-clock limit was reached", "Raise :limits :wall-ms"),
  LIMIT_CPU: entry(1, "The CPU limit was reached", "Raise :limits :cpu-ms"),
  LIMIT_MEMORY: entry(1, "The memory limit was reached", "Raise :limits :memory-mb"),
  LIMIT_OUTPUT: entry(1, "The output limit was reached", "Raise :limits :output-bytes"),
  LIMIT_CALLS: entry(1, "The limit on capability calls was reached", "Raise :limits :calls"),
  LIMIT_FUEL: entry(1, "The program used up its evaluation steps", "Raise :limits :fuel"),
  LIMIT_DEPTH: entry(1, "The program nested too deep", "Use tail calls"),
  LIMIT_RESPONSE: entry(
    1,
    "A response is over its size limit",
    "Raise the rule's :max-response-bytes",
  ),
  CANCELLED: entry(130, "The run was cancelled", "Start it again", true),
  ISOLATION_UNAVAILABLE: entry(
    69,
    "No wall on this host holds what the config asks",
    "Run `ccos doctor`",
  ),
  UNENFORCEABLE: entry(
    69,
    "A rule of the config cannot be enforced by this version or host",
    "See the named field",
  ),
  PROVIDER_CRASHED: entry(
    70,
    "An isolation provider failed to start or keep the guest",
    "Run `ccos doctor`",
  ),
  VMM_API_ERROR: entry(
    70,
    "A virtual machine monitor refused a request, or broke while it answered",
    "Read the monitor's own words, then `ccos doctor`",
  ),
  CHAIN_UNWRITABLE: entry(
    69,
    "The chain cannot be written, so nothing may happen",
    "Free space or fix permissions, then run again",
  ),
  CHAIN_INTEGRITY: entry(
    65,
    "A record was changed, dropped, moved or added",
    "Restore the chain from a copy",
  ),
  CHAIN_TRUNCATED: entry(
    65,
    "The chain ends before its signed head",
    "Restore the chain from a copy",
  ),
  CHAIN_TORN: entry(
    65,
    "The last write was cut by a crash",
    "Run `ccos chain verify RUN --repair`",
  ),
  CHAIN_UNSEALED: entry(
    65,
    "The run never signed its head, so a cut tail cannot be excluded",
    "The supervisor was killed; records shown verified",
  ),
  CHAIN_SIGNATURE: entry(65, "The head's signature does not verify", "Do not trust this chain"),
  CHAIN_ROLLBACK: entry(
    65,
    "A chain or the host log is an older state than what was signed",
    "Restore CCOS_HOME from a copy",
  ),
  CHAIN_FORK: entry(
    65,
    "A chain or the host log has another history than what was signed",
    "Do not trust this host's chains",
  ),
  PROOF_INVALID: entry(65, "A proof does not prove what it says", "Do not trust what it names"),
  REPLAY_DIVERGED: entry(
    65,
    "Replay reached another record than the one recorded",
    "See the first divergent record",
  ),
  REPLAY_UNAVAILABLE: entry(65, "This run cannot be replayed", "See the reason"),
  IDEMPOTENCY_CONFLICT: entry(
    65,
    "An idempotency key was used for two calls that are not the same",
    "Make the key of what tells the effects apart",
  ),
  IDEMPOTENCY_IN_DOUBT: entry(
    65,
    "A run that died began the effect with this key, and it cannot be asked for twice",
    "Resume that run: `ccos resume RUN`",
  ),
  IDEMPOTENCY_UNAVAILABLE: entry(
    69,
    "The host's table of effects with keys cannot say what an effect gave",
    "See the reason; rows end after a week",
  ),
  RUN_LOCKED: entry(
    69,
    "Another process runs or resumes this run",
    "Wait for it; a killed one holds nothing",
    true,
  ),
  RESUME_REFUSED: entry(65, "This run cannot go on", "See the reason; nothing was changed"),
  RESUME_DIVERGED: entry(
    65,
    "The program did not do again what the chain says it did",
    "Nothing was changed; verify the run with --replay",
  ),
  RESUME_IN_DOUBT: entry(
    65,
    "Nobody can say whether the last effect before the crash took place",
    "Look at its target, then resume with --assume-done VALUE or --assume-not-done",
  ),
  RUN_NOT_FOUND: entry(65, "No such run", "See `ccos chain list`"),
  PACKAGE_INVALID: entry(
    65,
    "A package is not, or cannot be, what its lock says",
    "Make it again: `ccos package`",
  ),
  PACKAGE_UNTRUSTED: entry(
    77,
    "Nobody who is trusted signed the package",
    "Name the key of the host that made it: --key FILE",
  ),
  DEPLOYMENT_NOT_FOUND: entry(65, "No such deployment", "Make it: `ccos deploy DIR --name NAME`"),
  DEPLOYMENT_NOT_RUNNING: entry(
    69,
    "No supervisor of this deployment runs, or it serves nothing yet",
    "Start it: `ccos supervise NAME`",
    true,
  ),
  DEPLOYMENT_LOCKED: entry(
    69,
    "Somebody else supervises or changes this deployment",
    "Wait for it, or stop it: `ccos stop NAME`",
    true,
  ),
  DEPLOYMENT_BUSY: entry(69, "The deployment has as much to do as it may", "Try again later", true),
  DEPLOYMENT_REJECTED: entry(
    69,
    "A new generation did not become healthy; what served before still serves",
    "Read the reason, then deploy again",
  ),
  DEPLOYMENT_CRASH_LOOP: entry(
    69,
    "The generation failed too often in a short time and was stopped",
    "Deploy another one, or `ccos rollback NAME`",
  ),
  CONSOLE_REFUSED: entry(
    77,
    "A console is not opened without a reason, a bound and a shell to open",
    "Give --reason; build the image with --programs",
  ),
  BOOKS_UNBALANCED: entry(
    70,
    "Declared, gate and egress counts differ",
    "Treat the run as suspect",
  ),
  INTERNAL: entry(70, "A defect of CCOS", "Report it with the correlation id"),
} as const;

/** Every code, with its exit status; held equal to docs/ERRORS.md by a test. */
export const ERROR_CODES = { ...HOST_CODES, ...FINDING_CODES } as const;
export type ErrorCode = keyof typeof ERROR_CODES;
