/** Walls around programs: what they hold, which one to take, and what was measured of them. */
export { programPaths } from "./image/collect.ts";
export { buildImage, type ImagePlan } from "./image/build.ts";
export { LOCK_FILE as IMAGE_LOCK_FILE } from "./image/lock.ts";
export { closeImage, measureImage } from "./image/measured-image.ts";
export type { MachineWish } from "./vm/machine-wish.ts";
export { createProviders, type ProviderOptions } from "./create-providers.ts";
export type { Monitor } from "./vm/kernel-cmdline.ts";
export { MONITORS, type VmSpec, vmSpec } from "./vm/vm-spec.ts";
export { type MeasureContext, measureProvider } from "./measure.ts";
export {
  type MatrixOptions,
  type MeasuredMatrix,
  type MeasuredProvider,
  measuredMatrix,
} from "./measure-matrix.ts";
export {
  type Ending,
  type Execution,
  GUARANTEES,
  type Guarantee,
  type IsolationProvider,
  type Measurement,
  type Probe,
  type SandboxBind,
  type SandboxFile,
  type SandboxLimits,
  type SandboxProgram,
  type SandboxSpec,
  SCRIPT_LANGUAGES,
  type ScriptLanguage,
  type Session,
  type Usage,
} from "./provider.ts";
export { commandOf, EVALUATOR_STACK_KIB } from "./program.ts";
export { createMock, MOCK_NAME } from "./providers/mock.ts";
export { type Candidate, inOrder, type Selection, selectWall } from "./select.ts";
export { measureStart } from "./start-time.ts";
export { type ProbeCacheOptions, rememberProbe } from "./probe-cache.ts";
export {
  POOL_SIZE_MAX,
  type Waiting,
  WarmPool,
  type WarmPoolCounts,
  type WarmPoolOptions,
} from "./warm-pool.ts";
