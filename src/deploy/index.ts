/** Packages and deployments: what is shipped, who keeps it running, and how it is replaced. */
export type { PackageLock } from "./package-lock.ts";
export { makePackage } from "./package-make.ts";
export { type Trust, type VerifiedPackage, verifyPackage } from "./package-verify.ts";
