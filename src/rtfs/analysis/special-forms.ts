/**
 * The tables of special forms: those nobody can define, those a program may define itself, and those
 * of the first language version. How each is written stands in usage.ts.
 *
 * @module
 */
import type { SpecialForm } from "./analyser.ts";
import { dotimesForm, forForm, matchForm, tryForm } from "./forms-control.ts";
import {
  condForm,
  conditionalLet,
  defForm,
  doForm,
  ifForm,
  letForm,
  logicForm,
  quoteForm,
  threadForm,
  whenForm,
} from "./forms-core.ts";
import { defnForm, fnForm } from "./forms-function.ts";
import { contextGetForm, contextReference, getForm, resourceReference } from "./forms-context.ts";
import {
  callForm,
  llmExecuteForm,
  mcpStreamForm,
  streamConsumeForm,
  streamForm,
  streamProduceForm,
} from "./forms-host.ts";
import { loopForm, recurForm } from "./forms-loop.ts";
import { metadataForm } from "./forms-metadata.ts";
import {
  discoverAgentsForm,
  logStepForm,
  parallelForm,
  seedStepForm,
  withResourceForm,
} from "./forms-seed.ts";
import { stepForm, stepIfForm, stepLoopForm, stepParallelForm } from "./forms-step.ts";
import { capabilityForm, defstructForm, deftypeForm, resourceForm } from "./forms-type.ts";

/** Heads whose names the program may define itself: then they are ordinary. */
export const SOFT_FORMS: ReadonlyMap<string, SpecialForm> = new Map<string, SpecialForm>([
  ["loop", loopForm],
  ["recur", recurForm],
  ["get", getForm],
  ["context/get", contextGetForm],
  ["resource:ref", resourceReference],
  ["deftype", deftypeForm],
  ["capability", capabilityForm],
  ["resource", resourceForm],
  ["llm-execute", llmExecuteForm],
  ["mcp-stream", mcpStreamForm],
  ["stream-source", streamForm("marketplace.stream.start")],
  ["stream-sink", streamForm("marketplace.stream.open-sink")],
  ["stream-consume", streamConsumeForm],
  ["stream-produce", streamProduceForm],
]);

/** Forms of the first language version; soft too. */
export const SEED_FORMS: ReadonlyMap<string, SpecialForm> = new Map<string, SpecialForm>([
  ["parallel", parallelForm],
  ["with-resource", withResourceForm],
  ["log-step", logStepForm],
  ["discover-agents", discoverAgentsForm],
]);

/** Heads that are special when no local of that name is in reach. */
export const SPECIAL_FORMS: ReadonlyMap<string, SpecialForm> = new Map<string, SpecialForm>([
  ["quote", quoteForm],
  ["do", doForm],
  ["if", ifForm],
  ["when", whenForm(false)],
  ["when-not", whenForm(true)],
  ["if-let", conditionalLet(false)],
  ["when-let", conditionalLet(true)],
  ["cond", condForm],
  ["and", logicForm("and")],
  ["or", logicForm("or")],
  ["->", threadForm(false)],
  ["->>", threadForm(true)],
  ["def", defForm],
  ["let", letForm],
  ["fn", fnForm],
  ["lambda", fnForm],
  ["λ", fnForm],
  ["defn", defnForm],
  ["match", matchForm],
  ["try", tryForm],
  ["for", forForm],
  ["dotimes", dotimesForm],
  ["call", callForm],
  ["step", stepForm],
  ["step-if", stepIfForm],
  ["step-loop", stepLoopForm],
  ["step-parallel", stepParallelForm],
  ["context-ref", contextReference],
  ["metadata", metadataForm],
  ["defstruct", defstructForm],
]);

/** The same heads, for programs of the first language version. */
export const SEED_SPECIAL_FORMS: ReadonlyMap<string, SpecialForm> = new Map([
  ...SPECIAL_FORMS,
  ["step", seedStepForm] as const,
]);
