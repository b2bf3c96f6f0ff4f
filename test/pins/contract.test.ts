/**
 * What others read and write is pinned literally: record types, one record's bytes, the protocol's version and
 * messages, the policy of an empty config, the help. A change here needs a version, a migration or a line in CHANGELOG.md.
 */
import { describe, expect, test } from "vitest";
import { memoryStore, openChain, verifyChain } from "../../src/chain/index.ts";
import { RECORD_TYPES, RECORD_VERSION } from "../../src/chain/record.ts";
import { compilePolicy, loadConfig } from "../../src/config/index.ts";
import { FRAME_BYTES_MAX } from "../../src/foundation/framing.ts";
import { PROTOCOL_VERSION } from "../../src/foundation/protocol.ts";
import { GUARANTEES } from "../../src/isolation/index.ts";
import { sandbox } from "../e2e/ccos.ts";

describe("the chain's format", () => {
  test("record version and types are these, in this order", () => {
    expect(RECORD_VERSION).toBe(1);
    expect(RECORD_TYPES).toEqual([
      "RunStarted",
      "WallsMeasured",
      "PlanAdmitted",
      "PlanRefused",
      "ApprovalRequested",
      "ApprovalGranted",
      "ApprovalDenied",
      "BudgetWarning",
      "BudgetExceeded",
      "StepProfileDerived",
      "LabelsReceived",
      "LabelsDeclassified",
      "StepStarted",
      "StepCompleted",
      "StepFailed",
      "CallIntended",
      "CallCompleted",
      "CallFailed",
      "CallDenied",
      "EgressConnected",
      "EgressDenied",
      "EgressClosed",
      "GuestLog",
      "SecurityViolation",
      "LimitReached",
      "BooksBalanced",
      "RunCompleted",
      "RunFailed",
      "RunCancelled",
      "EmergencyStopped",
      "RunResumed",
      "CallRetried",
      "DeploymentCreated",
      "SupervisorStarted",
      "StateEntered",
      "GenerationStaged",
      "GenerationAttested",
      "GenerationHealthy",
      "GenerationRejected",
      "GenerationSwitched",
      "GenerationDrained",
      "GenerationRetired",
      "InstanceFailed",
      "ConsoleOpened",
      "ConsoleClosed",
      "SupervisorStopped",
    ]);
  });

  test("a record of fixed id, clock and data has these bytes, and they verify", async () => {
    const store = memoryStore();
    const configDigest = `sha256:${"a".repeat(64)}`;
    const chain = openChain({
      store,
      chainId: "run-01HF7YAT00000000000000000A",
      configDigest,
      nowMs: () => 1_700_000_000_000,
    });
    chain.append({
      type: "RunStarted",
      data: { config: configDigest, agent: "agent.test", "zäh\u2028": [1, -0, 1e21, "\u0007"] },
      facts: { wall: "process/bubblewrap" },
    });
    await chain.close();
    expect(Buffer.from(store.bytes()).toString("utf8")).toBe(
      `{"body":{"chain":"run-01HF7YAT00000000000000000A","data":{"agent":"agent.test",` +
        `"config":"${configDigest}","zäh\u2028":[1,0,1e+21,"\\u0007"]},` +
        `"facts":{"wall":"process/bubblewrap"},` +
        `"prev":"d3f3f9f9571bcaf8ec52c18ff0b9f2d7a5a284d1490e9516699ad343b1513323",` +
        `"seq":0,"ts":1700000000000,"type":"RunStarted","v":1},` +
        `"hash":"5987119ec14b6c012e71ca30ebc2b45946d71159d2059fe608ba9bb7f67d21f1"}\n`,
    );
    const read = (async function* () {
      yield store.bytes();
    })();
    expect(await verifyChain(read)).toMatchObject({ kind: "valid", sealed: false, records: 1 });
  });
});

test("the guest protocol is version 1, frames have at most 16 MiB", () => {
  expect(PROTOCOL_VERSION).toBe(1);
  expect(FRAME_BYTES_MAX).toBe(16_777_216);
});

test("a wall has these 18 guarantees", () => {
  expect(GUARANTEES).toEqual([
    "network",
    "loopback",
    "dns",
    "unix-sockets",
    "files-read",
    "files-write",
    "environment",
    "descriptors",
    "processes",
    "kernel-surface",
    "memory",
    "cpu",
    "pids",
    "disk",
    "wall-clock",
    "output",
    "tree-gone",
    "tree-gone-after-supervisor-kill",
  ]);
});

test("an empty config grants the base set, and no file, host, variable or secret", () => {
  const { config } = loadConfig("(agent.config)", { file: "empty.rtfs" });
  if (config === null) throw new Error("an empty config is a config");
  const policy = compilePolicy(config);
  expect({ ...policy, allow: policy.allow.map((grant) => grant.pattern) }).toEqual({
    level: "controlled",
    allow: [
      "ccos.echo",
      "ccos.math.*",
      "ccos.io.log",
      "ccos.io.print",
      "ccos.io.println",
      "ccos.data.*",
      "ccos.json.*",
      "ccos.system.current-time",
      "ccos.system.current-timestamp-ms",
      "ccos.system.random-hex",
      "ccos.system.sleep-ms",
      "ccos.system.get-env",
    ],
    deny: [],
    egress: [],
    files: [],
    environment: [],
    secrets: [],
    dlp: { enabled: false, level: "lenient" },
  });
});

const HELP = `ccos 0.1.0: run agents you do not trust, and prove what they did

  demo               The first run: an agent is prompt-injected, denied twice, finishes its work; the run verifies and replays
  check              Validate an agent config: all findings with code, path, place and suggestion
  plan               Before anything runs: each step with its calls, targets, verdicts, and the chosen wall
  run                Run an agent's plan, or any program, behind the walls; one line per effect as it is decided
  resume             Go on with a run that was killed, from its chain; no effect that took place is repeated
  why                Ask whether an effect would be allowed, and which rule decides; exit 77 when denied
  approvals list     What waits for an approval, and what is granted for always; --all has the rest too
  approvals show     One request: what exactly is asked, by whom, who may answer, and what a wider scope would allow
  approvals approve  Agree to exactly what a request says, signed with your key; --print only prints it
  approvals deny     Say no: one no outweighs every yes
  approvals revoke   Take back what was granted; what already happened stays
  approvals serve    Serve requests and take signed answers over HTTP on loopback, until it is told to stop
  policy prove       Prove that a changed config allows no more than before, or show a request that it does; exit 77
  policy diff        What a changed config allows that it did not, and what it no longer does, each with a request
  policy test        Decide the calls of recorded runs again under a config: each decision that flips; exit 77 when one does
  policy learn       The least policy that a config's plan needs, or a program that runs where everything is denied
  policy sign        Sign a file of rules over effects, so that configs that name its key hold their agents to it
  chain verify       Check that no record was changed, dropped, moved or cut; --replay re-runs the plan offline to the same head
  chain show         Print a run's records, all or those that fit; --json prints them as NDJSON
  chain list         List the runs under CCOS_HOME
  chain checkpoint   Print the host log's signed checkpoint, to be kept elsewhere; --since proves what it goes on from
  chain prove        Print a proof that the host log has a run's head, and a record under it (C2SP tlog-proof)
  chain check-proof  Check a proof offline with a host's public key
  chain anchor       Put the host log's checkpoint into a directory or git repository, or send it to another host or a time stamping authority
  chain anchors      List where checkpoints were put, and whether each is still there and the log goes on from it
  chain export       Print a chain as lines, as one static page, as an OTLP trace, or as OCSF events
  chain erase        Destroy the key of a run's results: the chain still verifies, its results are gone for ever
  halt               Stop an agent, or all, now: no effect begins any more, runs end
  halt list          Show which agents are halted, by whom and why
  halt lift          End an emergency stop; nothing starts by itself
  doctor             Measure what this host's walls hold: each cell is an escape that was attempted, beside an allowed twin
  config show        The operator's settings as they hold for a run: each value with the line it comes from
  vm spec            What a monitor is told for a config's microVM: document, ordered calls, argument vector; nothing starts
  image build        Make the image that microVMs boot: a kernel, process 1, a read-only root with Node; --programs adds a shell, perl and Python
  package            Put an agent and all it needs into one directory, measured and signed
  package verify     Check every byte of a package against its signed lock
  deploy             Make a package the next generation of a deployment; it serves once it is healthy
  supervise          Keep a deployment serving, in the foreground, until it is told to stop
  call               Run one job of a deployment; --json prints what \`ccos run --json\` does
  status             Say what a deployment serves, and how it is
  rollback           Have the generation before serve again, by the same way as a new one
  stop               Have the supervisor of a deployment end, once its jobs did
  console            Break glass: a recorded shell behind the wall of what serves, without the agent
  rtfs eval          Evaluate RTFS and print the value; --batch answers one JSON object a line
  rtfs check         Find what is wrong in RTFS files without running them: every problem with its line
  rtfs fmt           Lay RTFS out: to stdout, or --write it back, or --check that nothing would change
  rtfs test          Run the tests of RTFS files; a directory means its *.test.rtfs, none means this one
  rtfs expand        Print a program as it runs: modules linked, macros expanded
  rtfs effects       The effects of each step and of the whole file; exit 77 when they cannot be known
  rtfs repl          Talk to the language: definitions stay, :help lists the commands
  rtfs lsp           Serve the Language Server Protocol on stdin and stdout, for editors

ccos COMMAND --help says more; --json works on each but repl and lsp.
`;

test("help names every command, and nothing else is a command", async () => {
  const box = sandbox();
  try {
    const done = await box.run(["help"]);
    expect(done.stderr).toBe(HELP);
    expect(done.stdout).toBe("");
    expect(done.status).toBe(0);
  } finally {
    box.remove();
  }
});
