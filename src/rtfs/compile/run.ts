/**
 * The production engine: a checked program to JavaScript, and one run of it.
 *
 * Read in this order: compiledEngine, emit. The text is made for one run, because limits and
 * arguments are part of it.
 *
 * @module
 */
import type { Engine } from "../engine.ts";
import type { IrProgram } from "../ir/ir.ts";
import { optimise } from "../ir/optimise.ts";
import { homePlace } from "../ir/tail-calls.ts";
import type { MapForm } from "../syntax/form.ts";
import { type MapValue, type Value, Vector } from "../values/value.ts";
import { instantiate } from "./instantiate.ts";
import { CompiledMachine } from "./machine.ts";
import { runtimeFor } from "./runtime.ts";
import { Unit } from "./unit.ts";
import { temporariesOf } from "./write-function.ts";
import { ALL_ARGUMENTS, Writer } from "./writer.ts";
import { DROP } from "./writing.ts";

/** A run of a program, compiled and not yet started. Only for a process inside the walls. */
export const compiledEngine: Engine = (analysed, limits, { cells, builtins, args, proven }) => {
  const { depthMax, onMapLiteral } = limits;
  const reportsMaps = onMapLiteral !== null;
  const unit = new Unit({ builtins, args, globals: cells, depthMax, reportsMaps });
  const machine = new CompiledMachine(limits, unit.sites);
  const runtime = {
    ...runtimeFor(machine),
    reported: (map: MapValue, form: MapForm): MapValue => {
      onMapLiteral?.(map, form);
      return map;
    },
  };
  const evaluate = (): Value => {
    try {
      const text = emit(optimise(analysed, proven), unit);
      const pool = unit.pool.map((value) => (value === ALL_ARGUMENTS ? new Vector(args) : value));
      const start = instantiate(["M", "R", "K"], `${prelude(runtime, text)}${text}`);
      return start(machine, runtime, pool) as Value;
    } catch (thrown) {
      throw machine.located(thrown) ?? thrown;
    }
  };
  return { machine, evaluate };
};

/** The names of the runtime that the text may use; each costs V8 a lookup before the program's first step. */
function prelude(runtime: object, text: string): string {
  const words = new Set(text.match(WORD));
  const names = Object.keys(runtime).filter((name) => words.has(name));
  return `"use strict";const {${names.join(",")}}=R;`;
}

const WORD = /[A-Za-z]\w*/g;

/** The body of the function that runs the program. */
export function emit(program: IrProgram, unit: Unit): string {
  const writer = new Writer(unit, homePlace(null));
  const result = writer.temporary();
  const body = writer.block(program.block, new Set(), () => {
    for (const [at, node] of program.nodes.entries()) {
      const isLast = at === program.nodes.length - 1;
      writer.statement(node, isLast ? { kind: "assign", name: result, isTail: false } : DROP);
    }
  });
  const globals = program.globals.map(({ index }) => {
    const value = unit.options.globals[index];
    return value === undefined ? `g${index}` : `g${index}=${unit.pooled(value)}`;
  });
  const constants = unit.pool.map((_, at) => `k${at}=K[${at}]`);
  return [
    constants.length === 0 ? "" : `const ${constants.join(",")};`,
    globals.length === 0 ? "" : `let ${globals.join(",")};`,
    `const d=0;${temporariesOf(writer)}${result}=null;`,
    body,
    `return ${result};`,
  ].join("\n");
}
