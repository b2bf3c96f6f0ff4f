import type { Command } from "../command.ts";
import { chainList, chainShow, chainVerify } from "./chain.ts";
import { check } from "./check.ts";
import { demo } from "./demo.ts";
import { doctor } from "./doctor.ts";
import { plan } from "./plan.ts";
import { run } from "./run.ts";
import { why } from "./why.ts";

/** Every command, in the order `ccos help` lists them. */
export const COMMANDS: readonly Command[] = [
  demo,
  check,
  plan,
  run,
  why,
  chainVerify,
  chainShow,
  chainList,
  doctor,
];
