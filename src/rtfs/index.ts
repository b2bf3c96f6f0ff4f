/** The language room's public face. */
export { jsonToValue, valueToJson } from "./json-value.ts";
export type { Diagnostic } from "./diagnostic.ts";
export { decodeSource } from "./source/decode.ts";
export type {
  Form,
  KeywordForm,
  ListForm,
  MapForm,
  StringForm,
  SymbolForm,
  VectorForm,
} from "./syntax/form.ts";
export { formToValue, headName } from "./syntax/form.ts";
export { type ReadOptions, readForms } from "./syntax/reader.ts";
export { compileType, type TypeValidator } from "./types/compile-type.ts";
export type { TypeFailure } from "./types/failure.ts";
export { compareValues, equalValues } from "./values/equality.ts";
export { type Kind, kindOf } from "./values/kind-of.ts";
export { isFloat, isInt, makeFloat, makeInt, toDouble } from "./values/numbers.ts";
export { displayValue, printValue } from "./values/print.ts";
export { errorField, familyOf, RtfsError } from "./values/rtfs-error.ts";
export {
  ErrorValue,
  FunctionValue,
  isTruthy,
  Keyword,
  keyword,
  List,
  type MapKey,
  MapValue,
  ResourceHandle,
  Sym,
  Timestamp,
  Uuid,
  type Value,
  Vector,
  WholeFloat,
} from "./values/value.ts";
export { fromWire, toWire } from "./wire.ts";
export type { CallMetadata, Host } from "./eval/machine.ts";
export {
  type CompileOptions,
  compileProgram,
  type Outcome,
  outlinePlan,
  type Program,
  type RunOptions,
  runProgram,
} from "./program.ts";
export type { CallSite, PlanOutline, StepOutline } from "./analysis/outline.ts";
