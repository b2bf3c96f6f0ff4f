/**
 * What process 1 of a microVM is told before it starts the program: records of a type, a length and words
 * (guest/microvm/init.c, `obey`). It is told once, over a port that the program never gets.
 *
 * @module
 */
import type { SandboxFile } from "../provider.ts";

export type GuestRecord =
  | { readonly kind: "tmpfs"; readonly path: string; readonly options: string }
  | { readonly kind: "read-only"; readonly path: string }
  | { readonly kind: "drive"; readonly device: string; readonly path: string }
  | { readonly kind: "file"; readonly file: SandboxFile }
  | { readonly kind: "link"; readonly path: string; readonly to: string }
  | {
      readonly kind: "limit";
      readonly resource: number;
      readonly soft: number;
      readonly hard: number;
    }
  | { readonly kind: "group"; readonly name: string; readonly value: string }
  | { readonly kind: "entropy"; readonly bytes: Uint8Array }
  /** Milliseconds since 1970. */
  | { readonly kind: "time"; readonly ms: number }
  /** A socket whose connections are streams to the host; they are numbered in their order. */
  | { readonly kind: "door"; readonly path: string }
  /** The program has its channel on descriptor 3. */
  | { readonly kind: "channel" }
  | { readonly kind: "filter"; readonly bytes: Uint8Array }
  | { readonly kind: "variable"; readonly name: string; readonly value: string }
  | { readonly kind: "argument"; readonly word: string }
  | { readonly kind: "go" };

/** Where process 1 sees the program's root while it obeys. */
const ROOT = "/root";

export function encodeRecords(records: readonly GuestRecord[]): Uint8Array {
  return Buffer.concat(records.flatMap(encode));
}

function encode(record: GuestRecord): readonly Uint8Array[] {
  switch (record.kind) {
    case "tmpfs":
      return words("m", ROOT + record.path, record.options);
    case "read-only":
      return words("r", ROOT + record.path);
    case "drive":
      return words("d", record.device, ROOT + record.path);
    case "file":
      return file(record.file);
    case "link":
      return words("s", record.to, ROOT + record.path);
    case "limit":
      return words("l", ...[record.resource, record.soft, record.hard].map(String));
    case "group":
      return words("g", record.name, record.value);
    case "entropy":
      return bytes("e", record.bytes);
    case "time":
      return words(
        "t",
        String(Math.floor(record.ms / 1_000)),
        String((record.ms % 1_000) * 1_000_000),
      );
    case "door":
      return words("w", ROOT + record.path);
    case "channel":
      return words("c");
    case "filter":
      return bytes("k", record.bytes);
    case "variable":
      return words("v", `${record.name}=${record.value}`);
    case "argument":
      return words("a", record.word);
    case "go":
      return words("x");
  }
}

function bytes(type: string, ...parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const head = Buffer.alloc(5, type, "latin1");
  head.writeUInt32LE(
    parts.reduce((total, part) => total + part.length, 0),
    1,
  );
  return [head, ...parts];
}

function words(type: string, ...texts: readonly string[]): readonly Uint8Array[] {
  return bytes(type, Buffer.from(texts.map((each) => `${each}\0`).join("")));
}

/** The length of mode and path comes first, because the content may hold anything. */
function file({ path, content, executable }: SandboxFile): readonly Uint8Array[] {
  const name = Buffer.from(`${executable ? "555" : "444"}\0${ROOT}${path}\0`);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(name.length);
  return bytes("f", length, name, content);
}
