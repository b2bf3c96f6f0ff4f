/** A thread of verify-file.ts: checks stretches of a chain file for as long as there are any. */
import { answerTask } from "../host/index.ts";
import { checkStretches, type StretchPlan } from "./stretch.ts";

void answerTask((task) => checkStretches(task as StretchPlan));
