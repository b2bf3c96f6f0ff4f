import type { Reading } from "./reading.ts";
import type { AgentConfig } from "./types.ts";

/** What a rule is given: the config with its defaults, and where to say what is wrong with it. */
export interface RuleContext {
  readonly config: AgentConfig;
  readonly production: boolean;
  /** Whether the author wrote this path, rather than took its default. */
  readonly isWritten: (path: string) => boolean;
  /** Kept only when the path could be read. Absent suggestion: the one of the table of codes. */
  readonly complain: Reading["complain"];
}
