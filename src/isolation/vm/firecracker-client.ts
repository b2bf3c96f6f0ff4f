/**
 * Firecracker over its API socket.
 *
 * Contract-tested against a strict server of our own (test/contract/vmm), and against the real program wherever it is
 * on PATH: how Firecracker words an error, or how long it takes, is not pinned anywhere here.
 *
 * @module
 */
import { isJsonObject } from "../../foundation/json.ts";
import { FIRECRACKER_FILES, type MonitorCall } from "./firecracker-spec.ts";
import {
  apiError,
  type MonitorApiOptions,
  type MonitorClient,
  monitorApi,
  textIn,
} from "./monitor-api.ts";

const VERSION: MonitorCall = { method: "GET", path: "/version", body: null };
const INFO: MonitorCall = { method: "GET", path: "/", body: null };
/** The first with every field that is sent. */
const VERSION_MIN = [1, 7] as const;

/** @param options - `socket`: `<jail>/run/firecracker.socket`. */
export function firecrackerClient(options: Omit<MonitorApiOptions, "name">): MonitorClient {
  const named = { ...options, name: "Firecracker" };
  const api = monitorApi(named, (body) =>
    isJsonObject(body) && typeof body["fault_message"] === "string" ? body["fault_message"] : null,
  );
  const setState = async (state: "Paused" | "Resumed"): Promise<void> => {
    await api.send({ method: "PATCH", path: "/vm", body: { state } });
  };
  return {
    ready: async () => {
      const answer = await api.firstAnswer(VERSION);
      const version = textIn(answer, "firecracker_version", { options: named, call: VERSION });
      const found = /^v?(\d{1,4})\.(\d{1,4})\./.exec(version);
      const [major, minor] = [Number(found?.[1] ?? -1), Number(found?.[2] ?? -1)];
      if (major > VERSION_MIN[0] || (major === VERSION_MIN[0] && minor >= VERSION_MIN[1]))
        return version;
      throw apiError(named, VERSION, `${version} is older than ${VERSION_MIN.join(".")}`);
    },
    start: async (calls) => {
      for (const call of calls) await api.send(call);
    },
    state: async () => {
      const answer = await api.send(INFO);
      return textIn(answer ?? {}, "state", { options: named, call: INFO });
    },
    pause: () => setState("Paused"),
    resume: () => setState("Resumed"),
    snapshot: async (directory) => {
      const body = {
        snapshot_type: "Full",
        snapshot_path: `${directory}/state`,
        mem_file_path: `${directory}/memory`,
      };
      await api.send({ method: "PUT", path: "/snapshot/create", body }, { slow: true });
    },
    restore: async (directory) => {
      const body = {
        snapshot_path: `${directory}/state`,
        mem_backend: { backend_type: "File", backend_path: `${directory}/memory` },
        resume_vm: true,
        vsock_override: { uds_path: FIRECRACKER_FILES.vsock },
        clock_realtime: true,
      };
      await api.send({ method: "PUT", path: "/snapshot/load", body }, { slow: true });
    },
    // The guest ends its machine, or whoever started Firecracker ends it: the vendor has no call.
    shutdown: () => Promise.resolve(),
  };
}
