/** A deployment whose generations are machines: the image of its package boots, and no other. */
import { createHash } from "node:crypto";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { removeTree } from "../../src/host/index.ts";
import { LOCK_FILE, lockText, parseLock } from "../../src/isolation/image/lock.ts";
import { testImage } from "../contract/image.ts";
import { sandbox } from "./ccos.ts";
import { killSupervisors, recordsOf, startSupervisor } from "./supervisor.ts";

const SERVING = /state serving/;
const box = sandbox();
afterAll(async () => {
  await killSupervisors();
  await removeTree(box.dir);
});

async function ccos(args: readonly string[], status = 0): Promise<string> {
  const done = await box.run(args);
  expect(done, done.stderr).toMatchObject({ status });
  return status === 0 ? done.stdout : done.stderr;
}

const deploymentDir = (name: string): string => join(box.home, "deployments", name);

const { imageDir } = testImage();
const required = (process.env["REQUIRE_ISOLATION"] ?? "").split(",").includes("microvm/qemu");

describe.skipIf(imageDir === undefined && !required)("a deployment of machines", () => {
  test("boots the image of its package, and refuses one that was changed where it is kept", async () => {
    const LONG = 150_000;
    box.write("machine.plan.rtfs", '(str "machine " (reduce + 0 [20 22]))');
    box.write(
      "machine.rtfs",
      `(agent.config :version "0.1" :agent-id "agent.machine" :plan "machine.plan.rtfs"
         :orchestrator {:isolation {:mode :microvm :fs {:ephemeral true :mounts {:capabilities {:mode :ro}}}}
                        :dlp {:enabled true :policy :strict}}
         :microvm {:kernel {:image "image/kernel" :cmdline "quiet"} :rootfs {:image "image/root" :ro true}
                   :resources {:vcpus 1 :mem_mb 512}}
         :marketplace {:readonly true})`,
    );
    const image = imageDir ?? "";
    await ccos(["package", "machine.rtfs", "--out", "machine.package", "--image", image]);
    await ccos(["deploy", "machine.package", "--name", "machine"]);
    const supervisor = startSupervisor(box, "machine");
    await supervisor.says(SERVING, LONG);
    const job = await box.run(["call", "machine", "--json"], { timeoutMs: LONG });
    expect(JSON.parse(job.stdout)).toMatchObject({
      wall: "microvm/qemu",
      outcome: { value: "machine 42" },
    });
    const attested = recordsOf(box, "machine").find(({ type }) => type === "GenerationAttested");
    expect(attested?.facts["machine"]).toMatchObject({ image: { root: expect.any(String) } });
    const place = (name: string): string =>
      join(deploymentDir("machine"), "generations", "1", "image", name);
    const kept = ["initrd", LOCK_FILE].map(
      (name) => [place(name), readFileSync(place(name))] as const,
    );
    exchangeInitrd(place);
    const other = await box.run(["call", "machine"], { timeoutMs: LONG });
    expect([other.status, other.stderr]).toEqual([
      69,
      expect.stringContaining("its initrd is sha256:"),
    ]);
    for (const [path, bytes] of kept) writeFileSync(path, bytes);
    await supervisor.kill("SIGTERM");

    const root = place("root");
    chmodSync(root, 0o600);
    const bytes = readFileSync(root);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(root, bytes);
    const next = startSupervisor(box, "machine");
    await next.says(/state idle/);
    expect(await ccos(["call", "machine"], 69)).toContain('"image/root"');
  }, 320_000);
});

/** Another first root, and a lock that says so: an image that is whole, and not the package's. */
function exchangeInitrd(place: (name: string) => string): void {
  const lock = parseLock(readFileSync(place(LOCK_FILE), "utf8"));
  if (!lock.ok) throw new Error(lock.error);
  const initrd = Buffer.concat([readFileSync(place("initrd")), Buffer.alloc(4)]);
  const digest = `sha256:${createHash("sha256").update(initrd).digest("hex")}`;
  for (const [name, content] of [
    ["initrd", initrd],
    [LOCK_FILE, lockText({ ...lock.value, digests: { ...lock.value.digests, initrd: digest } })],
  ] as const) {
    chmodSync(place(name), 0o600);
    writeFileSync(place(name), content);
  }
}
