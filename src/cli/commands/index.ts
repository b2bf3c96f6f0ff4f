/** `run` at once; the other commands, and what only they need, are loaded when one of them is asked for. */
import type { Command } from "../command.ts";
import { run } from "./run.ts";

/** The command that is named by the first two of these words, or by the first. */
export async function commandNamed(
  words: readonly string[],
): Promise<{ readonly command: Command; readonly words: number } | null> {
  if (words[0] === run.name) return { command: run, words: 1 };
  const commands = await allCommands();
  for (const count of [2, 1]) {
    const name = words.slice(0, count).join(" ");
    const command = commands.find((each) => each.name === name);
    if (command !== undefined) return { command, words: count };
  }
  return null;
}

/** Every command, in the order `ccos help` lists them. */
export async function allCommands(): Promise<readonly Command[]> {
  return (await import("./all.ts")).ALL_COMMANDS;
}
