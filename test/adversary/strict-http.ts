/** A second reader of HTTP/1.1, as strict as the grammar: what a host would make of the bytes it gets. */
export interface Read {
  /** `METHOD path body-length`. */
  readonly requests: readonly string[];
  readonly hosts: readonly string[];
  /** Bytes that are no whole request. */
  readonly rest: string;
}

const LINE = /^([A-Z]+) (\/[\x21-\x7e]*) HTTP\/1\.1$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e]*)$/;

/** @param bytes - latin1. */
export function readStrictly(bytes: string): Read {
  const requests: string[] = [];
  const hosts: string[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf("\r\n\r\n", at);
    const head = end === -1 ? null : readHead(bytes.slice(at, end));
    const body = head === null ? null : readBody(bytes, end + 4, head.fields);
    if (head === null || body === null) return { requests, hosts, rest: bytes.slice(at) };
    requests.push(`${head.line} ${body.length}`);
    hosts.push(...(head.fields.get("host") ?? []));
    at = body.end;
  }
}

function readHead(text: string): { line: string; fields: Map<string, string[]> } | null {
  const [first = "", ...lines] = text.split("\r\n");
  const line = LINE.exec(first);
  if (line === null) return null;
  const fields = new Map<string, string[]>();
  for (const each of lines) {
    const field = FIELD.exec(each);
    if (field === null) return null;
    const name = field[1]!.toLowerCase();
    fields.set(name, [...(fields.get(name) ?? []), field[2]!]);
  }
  return fields.get("host")?.length === 1 ? { line: `${line[1]} ${line[2]}`, fields } : null;
}

function readBody(
  bytes: string,
  from: number,
  fields: Map<string, string[]>,
): { length: number; end: number } | null {
  const lengths = fields.get("content-length") ?? [];
  const codings = fields.get("transfer-encoding") ?? [];
  if (lengths.length + codings.length > 1) return null;
  if (codings.length === 1) return codings[0] === "chunked" ? readChunks(bytes, from) : null;
  if (lengths.length === 1 && !/^\d+$/.test(lengths[0]!)) return null;
  const length = Number(lengths[0] ?? 0);
  return from + length <= bytes.length ? { length, end: from + length } : null;
}

function readChunks(bytes: string, from: number): { length: number; end: number } | null {
  let at = from;
  for (let length = 0; ; ) {
    const size = /^([0-9a-f]{1,8})\r\n/i.exec(bytes.slice(at, at + 12));
    if (size === null) return null;
    const count = Number.parseInt(size[1]!, 16);
    at += size[0].length + count;
    if (bytes.slice(at, at + 2) !== "\r\n") return null;
    at += 2;
    if (count === 0) return { length, end: at };
    length += count;
  }
}
