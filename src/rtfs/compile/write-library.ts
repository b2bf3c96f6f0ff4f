/**
 * Calls of library functions.
 *
 * @module
 */
import type { IrCall } from "../ir/ir.ts";
import { writeWalk } from "./write-walk.ts";
import type { Writing } from "./writing.ts";

export function writeLibraryCall(writer: Writing, name: string, node: IrCall): string {
  const { unit } = writer;
  const builtin = unit.options.builtins.get(name)!;
  const count = node.args.length;
  const site = unit.site(node.span);
  const walk = writeWalk(writer, name, node);
  if (walk !== null) return walk;
  const args = writer.values(node.args);
  if (count < builtin.arityMin || count > builtin.arityMax) {
    return `([${args.join(",")}],libCount(${unit.pooled(builtin)},${count},${site}))`;
  }
  if (name === "str" && count >= 1 && count <= 3)
    return `text${count}(${[...args, site].join(",")})`;
  return `lib(${unit.pooled(builtin)},[${args.join(",")}],${site},${writer.depth(0)})`;
}
