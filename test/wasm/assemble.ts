/** WebAssembly modules for tests, from a few parts; just enough of the binary format. */

const TYPES = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c } as const;
type Type = keyof typeof TYPES;

export interface Import {
  readonly module?: string;
  readonly name: string;
  readonly parameters: readonly Type[];
  readonly results: readonly Type[];
}

export interface Parts {
  readonly imports?: readonly Import[];
  /** Pages, and their maximum. */
  readonly memory?: readonly [initial: number, maximum?: number];
  readonly table?: readonly [initial: number, maximum?: number];
  readonly parameters?: readonly Type[];
  readonly results?: readonly Type[];
  /** Local variables of type i32 beside the parameters. */
  readonly locals?: number;
  /** Body of `main`, without its last `end`. */
  readonly code: readonly number[];
  /** Laid at address 0. */
  readonly data?: string;
  /** What `main` is exported as. */
  readonly entry?: string;
  readonly isMemoryExported?: boolean;
}

export function assemble(parts: Parts): Uint8Array<ArrayBuffer> {
  const { imports = [], parameters = [], results = [], locals = 0, entry = "main" } = parts;
  const types = [...imports, { parameters, results }];
  const data = [...new TextEncoder().encode(parts.data ?? "")];
  const exports = [[...text(entry), 0, imports.length]];
  if (parts.memory !== undefined && parts.isMemoryExported !== false)
    exports.push([...text("memory"), 2, 0]);
  const body = [...(locals === 0 ? [0] : [1, ...unsigned(locals), TYPES.i32]), ...parts.code, 0x0b];
  const imported = imports.map(({ module = "ccos", name }, index) => [
    ...text(module),
    ...text(name),
    0,
    index,
  ]);
  const sections = [
    section(
      1,
      vector(types.map((type) => [0x60, ...list(type.parameters), ...list(type.results)])),
    ),
    section(2, vector(imported)),
    section(3, [1, imports.length]),
    parts.table === undefined ? [] : section(4, [1, 0x70, ...limits(parts.table)]),
    parts.memory === undefined ? [] : section(5, [1, ...limits(parts.memory)]),
    section(7, vector(exports)),
    section(10, [1, ...unsigned(body.length), ...body]),
    data.length === 0 ? [] : section(11, [1, 0, 0x41, 0, 0x0b, ...unsigned(data.length), ...data]),
  ];
  return Uint8Array.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, ...sections.flat()]);
}

/** `i32.const`. */
export function constant(value: number): readonly number[] {
  return [0x41, ...signed(value)];
}

export function call(index: number): readonly number[] {
  return [0x10, ...unsigned(index)];
}

/** For ever, without an effect. */
export const SPIN: readonly number[] = [0x03, 0x40, 0x0c, 0, 0x0b];

function limits([initial, maximum]: readonly [number, number?]): readonly number[] {
  const most = maximum === undefined ? [] : unsigned(maximum);
  return [maximum === undefined ? 0 : 1, ...unsigned(initial), ...most];
}

function section(id: number, content: readonly number[]): readonly number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: readonly (readonly number[])[]): readonly number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function list(types: readonly Type[]): readonly number[] {
  return vector(types.map((type) => [TYPES[type]]));
}

function text(value: string): readonly number[] {
  const bytes = [...new TextEncoder().encode(value)];
  return [...unsigned(bytes.length), ...bytes];
}

function unsigned(value: number): readonly number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...unsigned(Math.floor(value / 128))];
}

function signed(value: number): readonly number[] {
  const low = value & 127;
  const rest = value >> 7;
  const isLast = (rest === 0 && low < 64) || (rest === -1 && low >= 64);
  return isLast ? [low] : [low + 128, ...signed(rest)];
}
