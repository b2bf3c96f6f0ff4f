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
import { callForm, stepForm } from "./forms-host.ts";

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
]);
