/**
 * Builds process 1 of the microVM and writes it into src/isolation/image/init-program.ts, so that an image can be
 * built without a compiler. `--check`: compare instead; a test does so where the compiler is the pinned one.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { constants, gzipSync } from "node:zlib";

const TARGET = "src/isolation/image/init-program.ts";
/** Freestanding, nothing of the compiler's own start or checks, no build id: the same bytes from the same compiler. */
const FLAGS =
  "-std=c11 -Os -Wall -Wextra -Werror -Wno-missing-field-initializers -static -nostdlib -ffreestanding -fno-builtin " +
  "-fno-pic -no-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fno-ident -fcf-protection=none " +
  "-Wl,-z,noexecstack,-z,noseparate-code,--build-id=none,-s";

const directory = mkdtempSync(join(tmpdir(), "ccos-init-"));
const out = join(directory, "init");
execFileSync("gcc", [...FLAGS.split(" "), "-o", out, "guest/microvm/init.c"], { stdio: "inherit" });
const packed = gzipSync(readFileSync(out), { level: constants.Z_BEST_COMPRESSION });
rmSync(directory, { recursive: true });
// Byte 9 of gzip names the system that packed it.
packed[9] = 255;
const compiler = execFileSync("gcc", ["-dumpfullversion"], { encoding: "latin1" }).trim();
const text = `/** Process 1 of a microVM: guest/microvm/init.c by gcc ${compiler}, gzip, base64. scripts/microvm-init.mjs makes it. */
export const INIT_PROGRAM: string =
  "${packed.toString("base64")}";
`;
if (!process.argv.includes("--check")) writeFileSync(TARGET, text);
else if (readFileSync(TARGET, "latin1") !== text) {
  process.stderr.write(
    `${TARGET} is not what gcc ${compiler} makes: run scripts/microvm-init.mjs\n`,
  );
  process.exitCode = 1;
}
