/**
 * The probe against monitors that lie, hang or fail; and against the real one where it is installed.
 *
 * @module
 */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { findExecutable, processesNaming, SYSTEM_DIRECTORIES } from "../../host/index.ts";
import { kvmAnswer, probeKvm } from "./kvm-probe.ts";

const directory = mkdtempSync(join(tmpdir(), "ccos-kvm-"));
chmodSync(directory, 0o755);
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const perl = findExecutable("perl", SYSTEM_DIRECTORIES) ?? "/usr/bin/perl";
const qemu = findExecutable("qemu-system-x86_64", SYSTEM_DIRECTORIES);

let count = 0;
/** A program in QEMU's place; descriptor 7 is the machine's console. */
function monitor(script: string): string {
  const path = join(directory, `monitor-${++count}`);
  writeFileSync(path, `#!${perl}\nopen(my $console, ">&=", 7); $console->autoflush(1);\n${script}`);
  chmodSync(path, 0o755);
  return path;
}

describe("probeKvm", () => {
  test("says no to a monitor that hangs, and leaves nothing of it", async () => {
    const path = monitor('print $console "1234"; sleep 60;');
    const answer = await probeKvm({ qemu: path, perl }, "kvm");
    expect(answer).toEqual({ usable: false, why: "it was silent for 1000 ms" });
    expect(await processesNaming(path)).toEqual([]);
  });

  test("says no to the right word with another status, and to the right status without the word", async () => {
    const word = monitor('print $console "RTFS-KVM-OK\\n"; exit 0;');
    expect((await probeKvm({ qemu: word, perl }, "kvm")).usable).toBe(false);
    const status = monitor('print $console "1234"; exit 33;');
    expect((await probeKvm({ qemu: status, perl }, "kvm")).usable).toBe(false);
  });

  test("says no, with what was said, to a monitor that fails", async () => {
    const path = monitor('print STDERR "Could not access KVM"; exit 1;');
    const { usable, why } = await probeKvm({ qemu: path, perl }, "kvm");
    expect([usable, why]).toEqual([false, expect.stringMatching(/status 1: Could not access KVM/)]);
  });

  test("says yes to the word and the status together", async () => {
    const path = monitor('print $console "12345RTFS-KVM-OK\\n"; exit 33;');
    expect((await probeKvm({ qemu: path, perl }, "kvm")).usable).toBe(true);
  });

  test.runIf(qemu !== null)("the real monitor runs the probe where it emulates", async () => {
    const answers = [];
    // A busy host may be late once; never three times.
    for (let turn = 0; turn < 3; turn++) {
      answers.push(await probeKvm({ qemu: qemu ?? "", perl }, "tcg"));
      if (answers.at(-1)?.usable === true) break;
    }
    expect(answers.at(-1)).toEqual({ usable: true, why: "a 64-bit system ran" });
  });
});

test.runIf(existsSync("/dev/kvm"))(
  "kvmAnswer keeps its answer for one boot and one monitor",
  async () => {
    const stateDir = join(directory, "state");
    const path = monitor("exit 1;");
    const first = await kvmAnswer({ qemu: path, perl }, stateDir);
    expect(first.usable).toBe(false);
    expect(existsSync(join(stateDir, "walls", "kvm.json"))).toBe(true);
    const kept = readFileSync(join(stateDir, "walls", "kvm.json"), "utf8");
    writeFileSync(
      join(stateDir, "walls", "kvm.json"),
      kept.replace('"usable":false', '"usable":true'),
    );
    expect((await kvmAnswer({ qemu: path, perl }, stateDir)).usable).toBe(true);
    writeFileSync(path, `#!${perl}\nexit 2;`);
    expect((await kvmAnswer({ qemu: path, perl }, stateDir)).usable).toBe(false);
  },
);
