/** The words that stand before a monitor's own: what it runs behind, beside what it does for itself. */
import type { VmModel } from "./vm-model.ts";

/** Absolute paths of the tools. */
export interface JailTools {
  readonly setpriv: string;
  readonly unshare: string;
  readonly prlimit: string;
  /** Only needed for a network card. */
  readonly nsenter: string;
}

/**
 * It dies with us, can gain no privilege, and has namespaces of its own with no network but a loopback that is down. A
 * network card takes the proxy's namespace instead, which takes root.
 *
 * @param fileBytes - Largest file it may write.
 */
export function monitorJail(
  { setpriv, unshare, prlimit, nsenter }: JailTools,
  { limits, nic }: Pick<VmModel, "limits" | "nic">,
  fileBytes: number,
): readonly string[] {
  return [
    [setpriv, "--pdeathsig", "KILL", "--no-new-privs"],
    nic === null ? [] : [nsenter, `--net=/run/netns/${nic.namespace}`, "--"],
    [unshare, "--user", ...(nic === null ? ["--net"] : []), "--ipc", "--uts", "--"],
    [prlimit, `--nofile=${limits.descriptors}`, "--core=0", `--fsize=${fileBytes}`, "--"],
  ].flat();
}
