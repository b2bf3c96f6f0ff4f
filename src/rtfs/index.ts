/** The language room's public face. */
export { type FormatOptions, formatSource } from "./format/format.ts";
export { jsonToValue, valueToJson } from "./json-value.ts";
export type { Diagnostic, DiagnosticCode } from "./diagnostic.ts";
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
export { type Comment, commentAbove } from "./syntax/comment.ts";
export { printForm } from "./syntax/print-form.ts";
export { type ReadOptions, type ReadText, readForms, readSource } from "./syntax/reader.ts";
export {
  type CompiledType,
  compileParsedType,
  compileType,
  compileTypeForm,
  parseType,
  type TypeValidator,
} from "./types/compile-type.ts";
export type { FailureKind, TypeFailure } from "./types/failure.ts";
export {
  jsonSchemaToType,
  type SchemaOptions,
  type SchemaType,
} from "./types/json-schema/from-schema.ts";
export type { SchemaProblem } from "./types/json-schema/problem.ts";
export { typeToJsonSchema } from "./types/json-schema/to-schema.ts";
export { printType } from "./types/print-type.ts";
export type { Type, TypeEnvironment } from "./types/type.ts";
export {
  DEFAULT_VALIDATION,
  validate,
  type ValidationConfig,
  type ValidationContext,
  validationError,
} from "./types/validate.ts";
export { compilePattern, type Pattern } from "./regex/index.ts";
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
  type GuardOptions,
  guardedHost,
  ScopedContext,
  type SecurityLevel,
} from "./guarded-host.ts";
export {
  type CompileOptions,
  compileProgram,
  expandFormOnce,
  expandForms,
  type LinkedOutline,
  type Outcome,
  outlinePlan,
  type Program,
  type RunOptions,
  runProgram,
} from "./program.ts";
export type { CallSite, KnownArguments, PlanOutline, StepOutline } from "./analysis/outline.ts";
export { type IsCallOf, PlanCursor } from "./analysis/plan-cursor.ts";
export type { FlowEvent, PlanFlow } from "./analysis/plan-flow.ts";
export type { EffectBound } from "./analysis/bounds.ts";
export {
  asGrant,
  asRequirement,
  type EffectDeclaration,
  printRow,
  readDeclaration,
  rowOfKinds,
  rowToJson,
} from "./effects/declare.ts";
export {
  type EffectContracts,
  type EffectRefusal,
  inferEffects,
  type InferredCall,
  type PlanEffects,
  type StepEffects,
} from "./effects/infer.ts";
export {
  containsRow,
  type EffectGap,
  type EffectMatchers,
  type EffectParameters,
  type EffectRow,
  explainGap,
  makeRow,
  meetRows,
  openParameters,
  type ParameterValue,
  PURE,
  unionRows,
} from "./effects/row.ts";
export { EFFECT_KINDS, type EffectKind, isEffectKind } from "./effects/vocabulary.ts";
export { parseTrial, trialId, type TrialId, type TrialRequest } from "./trial/request.ts";
export {
  runTrial,
  type TrialAnswer,
  type TrialError,
  type TrialLimits,
} from "./trial/run.ts";
export {
  checkTrial,
  runTests,
  type TestAnswer,
  type TestFailure,
  type TestResult,
} from "./trial/tests.ts";
export { Assistant, describeBuiltin, type Entity } from "./assist/assistant.ts";
export type { Definition, DefinitionKind, Use } from "./assist/name-index.ts";
export { dumpForms, dumpProgram } from "./assist/dump.ts";
export { valueToForm } from "./macro/form-value.ts";
export { MacroRegistry } from "./macro/registry.ts";
export type { LinkedProgram } from "./modules/link.ts";
export type { LinkedModule, ModuleResolver } from "./modules/module.ts";
export { isModuleName, modulePath } from "./modules/name.ts";
export { type ExpandAnswer, expandTrial } from "./trial/expand.ts";
export { ModuleShelf } from "./trial/modules.ts";

export { checkTypes } from "./check/check-types.ts";
export type { CapabilityTypes, Checked } from "./check/checker.ts";
export type { FindingKind, TypeFinding } from "./check/finding.ts";
export { compiledEngine } from "./compile/run.ts";
export type { Engine } from "./engine.ts";
export { referenceEngine } from "./reference/reference-run.ts";
