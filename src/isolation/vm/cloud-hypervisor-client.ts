/**
 * Cloud Hypervisor over its API socket.
 *
 * Contract-tested as firecracker-client.ts.
 *
 * @module
 */
import type { JsonObject } from "../../foundation/json.ts";
import type { MonitorCall } from "./firecracker-spec.ts";
import { type MonitorApiOptions, type MonitorClient, monitorApi, textIn } from "./monitor-api.ts";

const PING: MonitorCall = { method: "GET", path: "/api/v1/vmm.ping", body: null };
const INFO: MonitorCall = { method: "GET", path: "/api/v1/vm.info", body: null };

export function cloudHypervisorClient(options: Omit<MonitorApiOptions, "name">): MonitorClient {
  const named = { ...options, name: "Cloud Hypervisor" };
  const api = monitorApi(named, (body) =>
    Array.isArray(body) ? body.filter((each) => typeof each === "string").join("; ") : null,
  );
  const put = (verb: string, body: JsonObject | null = null): MonitorCall => ({
    method: "PUT",
    path: `/api/v1/${verb}`,
    body,
  });
  return {
    ready: async () =>
      textIn(await api.firstAnswer(PING), "version", { options: named, call: PING }),
    start: async (calls) => {
      for (const call of calls) await api.send(call);
    },
    state: async () =>
      textIn((await api.send(INFO)) ?? {}, "state", { options: named, call: INFO }),
    pause: async () => void (await api.send(put("vm.pause"))),
    resume: async () => void (await api.send(put("vm.resume"))),
    snapshot: async (directory) => {
      const body = { destination_url: `file://${directory}` };
      await api.send(put("vm.snapshot", body), { slow: true });
    },
    restore: async (directory) => {
      const body = { source_url: `file://${directory}`, resume: true };
      await api.send(put("vm.restore", body), { slow: true });
    },
    shutdown: async () => void (await api.send(put("vmm.shutdown"))),
  };
}
