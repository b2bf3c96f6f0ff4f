/**
 * The RTFS evaluator's process: what runs inside the walls.
 *
 * Read in this order: main, converse, ChannelHost. One program per process: hello → ready, execute
 * → calls and steps → result, end. The control channel is file descriptor 3, read and written
 * synchronously, because a `call` blocks the program. Nothing is printed: stdout and stderr stay
 * empty unless this file is broken. Exit: 0 after a result, 70 for anything unexpected.
 *
 * @module
 */
import { decodeBody, encodeFrame } from "../src/foundation/framing.ts";
import type { JsonObject, JsonValue } from "../src/foundation/json.ts";
import {
  type GuestMessage,
  type HostMessage,
  parseHostMessage,
  PROTOCOL_VERSION,
  type WireError,
} from "../src/foundation/protocol.ts";
import { formatSpan, type SourceSpan } from "../src/foundation/source-span.ts";
import { EXERCISE, EXERCISE_TURNS } from "./exercise.ts";
import {
  type CallMetadata,
  compiledEngine,
  compileProgram,
  type Diagnostic,
  fromWire,
  type Host,
  keyword,
  type ModuleResolver,
  readForms,
  RtfsError,
  runProgram,
  ScopedContext,
  toWire,
  type Value,
} from "../src/rtfs/index.ts";
import { BrokenChannel, Channel, CHANNEL_FD } from "./io/channel.ts";

/** Longest error message that crosses, UTF-16 units. */
const MESSAGE_LENGTH_MAX = 4096;

/** Calls and steps over the channel. */
class ChannelHost implements Host {
  readonly #channel: Channel;
  /** Kept here: what a plan tells itself does not concern the host. */
  readonly #context = new ScopedContext();
  #calls = 0;
  /** An exchange was cut (the stack ended inside it): the channel's state is unknown. */
  #isCut = false;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  call(capability: string, args: readonly Value[], metadata: CallMetadata | null): Value {
    const id = ++this.#calls;
    const terms = termsOf(metadata);
    const call = { type: "call", id, capability, args: args.map(toWire) } as const;
    const message = terms === null ? call : { ...call, terms };
    const answer = this.#exchange(message, () => this.#answer(id));
    if (answer?.type !== "result") throw new BrokenChannel("the host ended the run");
    if (!answer.ok) throw errorOf(answer.error);
    const value = fromWire(answer.value);
    if (value.ok) return value.value;
    throw new BrokenChannel(`the host's answer is malformed: ${value.error}`);
  }

  step(event: "enter" | "leave" | "fail", name: string): void {
    this.#exchange({ type: "step", event, name }, () => null);
    this.#context.step(event);
  }

  context(key: string): Value | undefined {
    return this.#context.get(key);
  }

  contextSet(key: string, value: Value): void {
    this.#context.set(key, value);
  }

  #answer(id: number): HostMessage {
    for (;;) {
      const message = this.#channel.receive();
      if (message.type === "result" && message.id === id) return message;
      if (message.type !== "ack") throw new BrokenChannel(`${message.type} is not expected here`);
    }
  }

  /** Encoding may fail for a value of the program; after the first byte nothing may. */
  #exchange<T>(message: GuestMessage, receive: () => T): T {
    const frame = encodeFrame(message);
    if (this.#isCut) throw new BrokenChannel("an earlier exchange was cut");
    this.#isCut = true;
    this.#channel.send(frame);
    const answer = receive();
    this.#isCut = false;
    return answer;
  }
}

/** What `^{:idempotency … :retry …}` around the call says. Null: nothing. */
function termsOf(metadata: CallMetadata | null): JsonObject | null {
  if (metadata === null) return null;
  const told = TERMS.flatMap((name) => {
    const value = metadata.get(name);
    return value === undefined ? [] : [[name, toWire(value)] as const];
  });
  return told.length === 0 ? null : Object.fromEntries(told);
}

const TERMS = ["idempotency", "retry"] as const;

function errorOf({ kind, code, message, retryable }: WireError): RtfsError {
  return new RtfsError(kind, message, { code, retryable });
}

type Ending = Extract<GuestMessage, { type: "result" }>;

function failure(
  kind: string,
  message: string,
  span: SourceSpan | null,
  code = "PROGRAM_ERROR",
): Ending {
  const text = message.slice(0, MESSAGE_LENGTH_MAX).toWellFormed();
  const place = span === null ? null : formatSpan(span);
  return {
    type: "result",
    ok: false,
    error: { kind: kind.slice(0, 64), code, message: text, retryable: false, place },
  };
}

function diagnosticEnding([first]: readonly Diagnostic[]): Ending {
  return failure("ParseError", first?.message ?? "", first?.span ?? null, "PARSE_ERROR");
}

/** The code a host's error brought along; the host checks it against what it sent. */
function codeOf(error: RtfsError): string {
  const code = error.payload.get(keyword("code"));
  return typeof code === "string" && /^[A-Z][A-Z0-9_]{0,63}$/.test(code) ? code : "PROGRAM_ERROR";
}

function argumentsOf(args: readonly JsonValue[]): readonly Value[] {
  return args.map((arg) => {
    const value = fromWire(arg);
    if (!value.ok) throw new BrokenChannel(`an argument is malformed: ${value.error}`);
    return value.value;
  });
}

function execute(message: Extract<HostMessage, { type: "execute" }>, host: Host): Ending {
  const { source, file, modules, fuel, depthMax } = message;
  const forms = readForms(source, { file });
  if (!forms.ok) return diagnosticEnding(forms.error);
  const texts = new Map(modules.map((each) => [each.name, each]));
  const resolver: ModuleResolver = (name) => texts.get(name) ?? null;
  const program = compileProgram(forms.value, { resolver });
  if (!program.ok) return diagnosticEnding(program.error);
  const args = argumentsOf(message.args);
  const outcome = runProgram(program.value, { engine: compiledEngine, host, fuel, depthMax, args });
  if (!outcome.ok) return errorEnding(outcome.error);
  try {
    const ending: Ending = { type: "result", ok: true, value: toWire(outcome.value) };
    encodeFrame(ending);
    return ending;
  } catch (error) {
    if (error instanceof RtfsError) return errorEnding(error);
    if (!(error instanceof RangeError)) throw error;
    return failure("LimitExceeded", "The program's result is too large to leave it", null);
  }
}

/** Run a plan of our own, so that the code of the next one is compiled. Nothing of it is left. */
function exercise(): void {
  const host: Host = {
    call: (_capability, args) => args[0] ?? null,
    step: () => undefined,
    context: () => undefined,
    contextSet: () => undefined,
  };
  const message = { type: "execute", id: 0, source: EXERCISE, file: "exercise.rtfs" } as const;
  const limits = { modules: [], args: [], fuel: 1e6, depthMax: 100 };
  for (let turn = 0; turn < EXERCISE_TURNS; turn++) {
    // Through frames as well, which the task's messages will take.
    const frame = decodeBody(encodeFrame({ ...message, ...limits }).subarray(4));
    const taken = frame.ok ? parseHostMessage(frame.value) : frame;
    if (!taken.ok || taken.value.type !== "execute")
      throw new BrokenChannel("the exercise is lost");
    const ending = execute(taken.value, host);
    if (!ending.ok) throw new BrokenChannel(`the exercise failed: ${ending.error.message}`);
    encodeFrame(ending);
  }
}

function errorEnding(error: RtfsError): Ending {
  return failure(error.kind, error.message, error.span, codeOf(error));
}

/** @returns whether the conversation came to its proper end. */
function converse(channel: Channel): boolean {
  let hello = channel.receive();
  if (hello.type === "warm") {
    exercise();
    channel.send(encodeFrame({ type: "event", name: "warm", data: {} } satisfies GuestMessage));
    hello = channel.receive();
  }
  if (hello.type !== "hello" || hello.version !== PROTOCOL_VERSION) return false;
  const { version, session, image } = hello;
  channel.send(encodeFrame({ type: "ready", version, session, image } satisfies GuestMessage));
  const message = channel.receive();
  if (message.type === "stop") return true;
  if (message.type !== "execute") return false;
  channel.send(encodeFrame(execute(message, new ChannelHost(channel))));
  return true;
}

function main(): void {
  const channel = new Channel(CHANNEL_FD);
  try {
    process.exitCode = converse(channel) ? 0 : 70;
  } catch (error) {
    process.exitCode = 70;
    const why = error instanceof Error ? error.message : "unknown";
    tellLastWords(channel, `The guest failed: ${why}`);
  }
}

/** Try to say why; a channel that is gone is no news. */
function tellLastWords(channel: Channel, message: string): void {
  try {
    channel.send(encodeFrame(failure("InternalError", message, null, "INTERNAL")));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

main();
