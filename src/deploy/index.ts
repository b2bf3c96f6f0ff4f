/** Packages and deployments: what is shipped, who keeps it running, and how it is replaced. */
export type { PackageLock } from "./package-lock.ts";
export { makePackage } from "./package-make.ts";
export { verifyPackage } from "./package-verify.ts";
export { trustOf } from "./trust.ts";
export { supervise, type SuperviseOptions } from "./supervisor.ts";
export { changeDeployment, deploymentStatus } from "./deploy.ts";
export { ask, type AskOptions } from "./client.ts";
export { CONSOLE_MS_MAX, DRAIN_MS_MAX } from "./control.ts";
export { deploymentPaths } from "./store.ts";
