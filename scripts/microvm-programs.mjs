/**
 * Builds the two programs of a microVM that are not TypeScript, process 1 and the probe of KVM, and writes them into
 * src/isolation, so that nobody needs a compiler to use them. `--check`: compare instead; a test does so where the
 * compiler is the pinned one.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";

/** Freestanding, nothing of the compiler's own start or checks, no build id: the same bytes from the same compiler. */
const FLAGS =
  "-std=c11 -Os -Wall -Wextra -Werror -Wno-missing-field-initializers -static -nostdlib -ffreestanding -fno-builtin " +
  "-fno-pic -no-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fno-ident -fcf-protection=none " +
  "-Wl,-z,noexecstack,-z,noseparate-code,--build-id=none,-s";
const PROBE_FLAGS =
  "-static -nostdlib -no-pie -Wa,--defsym,LOOPS=2000000,--defsym,RT=1000 " +
  "-Wl,--build-id=none,-z,max-page-size=4096,--no-warn-rwx-segments,-s,-T,guest/microvm/probe.ld";

const directory = mkdtempSync(join(tmpdir(), "ccos-programs-"));
const compiler = execFileSync("gcc", ["-dumpfullversion"], { encoding: "latin1" }).trim();
let differs = false;

function make({ source, flags, target, name, what }) {
  const out = join(directory, "program");
  execFileSync("gcc", [...flags.split(" "), "-o", out, source], { stdio: "inherit" });
  const packed = gzipSync(readFileSync(out), { level: constants.Z_BEST_COMPRESSION });
  // Byte 9 of gzip names the system that packed it.
  packed[9] = 255;
  const text = `/** ${what}: ${source} by gcc ${compiler}, gzip, base64. scripts/microvm-programs.mjs makes it. */
export const ${name}: string =
  "${packed.toString("base64")}";
`;
  if (!process.argv.includes("--check")) writeFileSync(target, text);
  else if (readFileSync(target, "latin1") !== text) {
    differs = true;
    process.stderr.write(`${target} is not what gcc ${compiler} makes of ${source}\n`);
  }
}

make({
  source: "guest/microvm/init.c",
  flags: FLAGS,
  target: "src/isolation/image/init-program.ts",
  name: "INIT_PROGRAM",
  what: "Process 1 of a microVM",
});
make({
  source: "guest/microvm/probe.S",
  flags: PROBE_FLAGS,
  target: "src/isolation/vm/kvm-probe-program.ts",
  name: "KVM_PROBE_PROGRAM",
  what: "The kernel that says whether KVM works",
});
rmSync(directory, { recursive: true });
if (differs) process.exitCode = 1;
