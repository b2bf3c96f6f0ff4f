/** Control groups as a whole process sees them; how walls use them is tested with the walls. */
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";

const MODULE = JSON.stringify(join(import.meta.dirname, "control-group.ts"));

test("a process that was refused a group stays without: nothing is measured with what it does not get", () => {
  const script = `
    import fs from "node:fs";
    import { syncBuiltinESMExports } from "node:module";
    const { mkdirSync } = fs;
    let refusals = 0;
    fs.mkdirSync = (path, ...rest) => {
      if (/ccos-[0-9-]+$/.test(path) && refusals++ === 0) throw Object.assign(new Error("busy"), { code: "EBUSY" });
      return mkdirSync(path, ...rest);
    };
    syncBuiltinESMExports();
    const { createControlGroup, controlGroupsWork } = await import(${MODULE});
    console.log(createControlGroup(1e8) === null, controlGroupsWork(), createControlGroup(1e8) === null);`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", script]);
  expect(stdout.toString()).toBe("true false true\n");
});

const own = /:memory:(\/.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
const parent = join("/sys/fs/cgroup/memory", own ?? "none");
const canMake = process.getuid?.() === 0 && own !== undefined && existsSync(parent);

test.runIf(canMake)("a group that a predecessor of the same number left is in nobody's way", () => {
  const script = `
    const { mkdirSync, readlinkSync, rmdirSync } = await import("node:fs");
    const { createControlGroup } = await import(${MODULE});
    const namespace = /\\d+/.exec(readlinkSync("/proc/self/ns/pid"))[0];
    const left = ${JSON.stringify(parent)} + "/ccos-" + namespace + "-" + process.pid + "-1";
    mkdirSync(left);
    const group = createControlGroup(1e8);
    rmdirSync(left);
    console.log(group !== null && group.remove());`;
  const { stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script]);
  expect([stdout.toString(), stderr.toString()]).toEqual(["true\n", ""]);
});

test.runIf(canMake)(
  "what a killed supervisor left in its group is ended by the next one",
  async () => {
    const namespace = /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "";
    const dead = spawnSync("/bin/true").pid;
    const group = join(parent, `ccos-${namespace}-${dead}-1`);
    const foreign = join(parent, `ccos-1-${dead}-1`);
    const left = [group, foreign].map((directory) => {
      mkdirSync(directory);
      const sleeper = spawn("/bin/sleep", ["60"]);
      writeFileSync(join(directory, "cgroup.procs"), String(sleeper.pid));
      return sleeper;
    });
    try {
      spawnSync(process.execPath, [
        "--input-type=module",
        "-e",
        `(await import(${MODULE})).createControlGroup(1e8)?.remove()`,
      ]);
      await vi.waitFor(() => expect(left[0]?.signalCode).toBe("SIGKILL"), { timeout: 5_000 });
      expect(left[1]?.signalCode).toBeNull();
    } finally {
      for (const sleeper of left) sleeper.kill("SIGKILL");
      await vi.waitFor(
        () => {
          spawnSync(
            "/bin/rmdir",
            [group, foreign].filter((each) => existsSync(each)),
          );
          const names = readdirSync(parent);
          expect(names.filter((name) => name.includes(`-${dead}-`))).toEqual([]);
        },
        { timeout: 5_000 },
      );
    }
  },
);
