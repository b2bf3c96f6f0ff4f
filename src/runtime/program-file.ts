/**
 * A program given as a file, by its kind: a script for an interpreter inside, or a WebAssembly module.
 *
 * @module
 */
import type { AgentConfig } from "../config/index.ts";
import type { SandboxFile, SandboxProgram, ScriptLanguage } from "../isolation/index.ts";
import type { Policy } from "../policy/index.ts";
import { type RunInputs, wantsProxy } from "./prepare.ts";
import { guestFile, type World } from "./world.ts";

/** A file that the program must see, as it was read. */
export interface StagedContent {
  readonly path: string;
  readonly content: Uint8Array;
}

/** What selection must know of a program. */
export interface ProgramNeeds {
  readonly kind: SandboxProgram["kind"];
  readonly language?: ScriptLanguage;
  /** It needs Unix and loopback sockets: for the capability socket or the proxy. */
  readonly sockets: boolean;
}

export function needsOf(inputs: RunInputs, config: AgentConfig, policy: Policy): ProgramNeeds {
  if (inputs.command === null) return { kind: "rtfs", sockets: false };
  const { program } = inputs;
  if (program === undefined) return { kind: "external", sockets: wantsEffects(config) };
  if (program.kind === "bytecode") return { kind: "bytecode", sockets: false };
  const { language } = program;
  const sockets = language === "javascript" ? wantsProxy(policy) : wantsEffects(config);
  return { kind: "script", language, sockets };
}

/** A program whose config grants effects needs the capability socket; one without may run in a wall that has none. */
function wantsEffects(config: AgentConfig): boolean {
  return config.network.enabled || config.capabilities.fs.enabled || config.secrets.size > 0;
}

/** Calls cross descriptor 3 and not the capability socket. */
export function speaksOverChannel(program: SandboxProgram): boolean {
  if (program.kind === "bytecode") return true;
  return program.kind === "script" && program.channel;
}

/** The program for the wall. */
export async function programOf(
  world: World,
  { command, program }: RunInputs,
  staged: readonly StagedContent[],
): Promise<SandboxProgram> {
  const [name = "", ...args] = command ?? [];
  if (program === undefined) return { kind: "external", argv: command ?? [], channel: false };
  const content = staged[0]?.content ?? new Uint8Array();
  const source: SandboxFile = {
    path: `/work/${name.replace(/^.*\//, "")}`,
    content,
    executable: false,
  };
  if (program.kind === "bytecode") return { kind: "bytecode", module: source, args };
  const { language } = program;
  const channel = language === "javascript";
  const beside = channel ? [await clientOf(world)] : [];
  return { kind: "script", language, source, beside, args, channel };
}

async function clientOf(world: World): Promise<SandboxFile> {
  const content = await guestFile(world, "ccos-client.cjs");
  return { path: "/ccos/ccos-client.cjs", content, executable: false };
}
