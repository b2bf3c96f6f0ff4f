/**
 * The attack that is a WebAssembly module, assembled here byte by byte: it grows its memory until it is refused.
 *
 * It imports `ccos.write` and prints one report, as the other attacks do.
 *
 * @module
 */
import type { SandboxProgram } from "../provider.ts";

/** 64 KiB each; 8 MiB a step. */
const STEP_PAGES = 128;
const STEP_BYTES = STEP_PAGES * 65_536;

/** @param bytesMax - It stops there by itself, and says that it got through. */
export function growingModule(bytesMax: number): SandboxProgram {
  const steps = Math.ceil(bytesMax / STEP_BYTES);
  const got = steps * STEP_BYTES;
  const refused = text("memory\tgrow\tblocked\tmemory.grow refused\n");
  const through = text(`memory\tgrow\tprogress\t${got}\nmemory\tgrow\tthrough\t${got}\n`);
  const content = Uint8Array.from(
    [
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      // Types: (i32 i32) -> (), () -> ().
      section(1, [2, 0x60, 2, 0x7f, 0x7f, 0, 0x60, 0, 0]),
      section(2, [1, ...name("ccos"), ...name("write"), 0x00, 0]),
      section(3, [1, 1]),
      // One memory of one page, without a maximum.
      section(5, [1, 0x00, 1]),
      section(7, [2, ...name("memory"), 0x02, 0, ...name("main"), 0x00, 1]),
      section(10, [1, ...sized(grow(steps, refused.length, through.length))]),
      section(11, [1, 0x00, 0x41, 0, 0x0b, ...sized([...refused, ...through])]),
    ].flat(),
  );
  const module = { path: "/work/grow.wasm", content, executable: false };
  return { kind: "bytecode", module, args: [] };
}

/** One local counts down: grow, and print what came of it at the end. */
function grow(steps: number, refusedLength: number, throughLength: number): readonly number[] {
  return [
    [1, 1, 0x7f],
    [0x41, ...signed(steps), 0x21, 0],
    [0x03, 0x40],
    // memory.grow(STEP_PAGES) = -1: refused.
    [0x41, ...signed(STEP_PAGES), 0x40, 0, 0x41, 0x7f, 0x46],
    [0x04, 0x40, ...writeAndReturn(0, refusedLength), 0x0b],
    [0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0],
    [0x0b],
    writeAndReturn(refusedLength, throughLength),
    [0x0b],
  ].flat();
}

function writeAndReturn(at: number, length: number): readonly number[] {
  return [0x41, ...signed(at), 0x41, ...signed(length), 0x10, 0, 0x0f];
}

function text(value: string): readonly number[] {
  return [...new TextEncoder().encode(value)];
}

function name(value: string): readonly number[] {
  return sized(text(value));
}

function section(id: number, content: readonly number[]): readonly number[] {
  return [id, ...sized(content)];
}

function sized(content: readonly number[]): readonly number[] {
  const length = content.length;
  return [...(length < 128 ? [length] : [(length % 128) + 128, length >> 7]), ...content];
}

/** Signed LEB128 of a number from 0 to 2^13. */
function signed(value: number): readonly number[] {
  return value < 64 ? [value] : [(value % 128) + 128, value >> 7];
}
