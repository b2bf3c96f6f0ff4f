/**
 * The peer of `rtfs-read.ts`: the obvious grammar of a Lisp for the parser library chevrotain, with
 * actions that build forms. It keeps offsets only, and knows no sugar.
 */
import { createToken, EmbeddedActionsParser, Lexer, type TokenType } from "chevrotain";

export type PeerForm = null | boolean | number | string | PeerName | PeerItems;
interface PeerName {
  readonly kind: "symbol" | "keyword";
  readonly name: string;
  readonly start: number;
}
interface PeerItems {
  readonly kind: "list" | "vector" | "map";
  readonly items: readonly PeerForm[];
}

const blank = createToken({
  name: "Blank",
  pattern: /(?:[\s,]+|;[^\n]*)+/,
  group: Lexer.SKIPPED,
  line_breaks: true,
});
const token = (name: string, pattern: RegExp | string): TokenType =>
  createToken({ name, pattern, line_breaks: name === "Text" });
const openList = token("OpenList", "(");
const closeList = token("CloseList", ")");
const openVector = token("OpenVector", "[");
const closeVector = token("CloseVector", "]");
const openMap = token("OpenMap", "{");
const closeMap = token("CloseMap", "}");
const text = token("Text", /"(?:[^"\\]|\\.)*"/);
const number = token("Number", /-?\d+(?:\.\d+)?/);
const keyword = token("Keyword", /:[^\s,()[\]{}";]+/);
const symbol = token("Symbol", /[^\s,()[\]{}";]+/);
const tokens = [
  blank,
  openList,
  closeList,
  openVector,
  closeVector,
  openMap,
  closeMap,
  text,
  number,
  keyword,
  symbol,
];

class Parser extends EmbeddedActionsParser {
  readonly program: () => readonly PeerForm[];

  constructor() {
    super(tokens);
    const form = this.RULE("form", (): PeerForm => {
      const items: PeerForm[] = [];
      return this.OR([
        {
          ALT: (): PeerForm => {
            this.CONSUME(openList);
            this.MANY(() => items.push(this.SUBRULE(form)));
            this.CONSUME(closeList);
            return { kind: "list", items };
          },
        },
        {
          ALT: (): PeerForm => {
            this.CONSUME(openVector);
            this.MANY2(() => items.push(this.SUBRULE2(form)));
            this.CONSUME(closeVector);
            return { kind: "vector", items };
          },
        },
        {
          ALT: (): PeerForm => {
            this.CONSUME(openMap);
            this.MANY3(() => items.push(this.SUBRULE3(form)));
            this.CONSUME(closeMap);
            return { kind: "map", items };
          },
        },
        { ALT: () => this.CONSUME(text).image.slice(1, -1) },
        { ALT: () => Number(this.CONSUME(number).image) },
        {
          ALT: (): PeerForm => {
            const { image, startOffset } = this.CONSUME(keyword);
            return { kind: "keyword", name: image.slice(1), start: startOffset };
          },
        },
        {
          ALT: (): PeerForm => {
            const { image, startOffset } = this.CONSUME(symbol);
            if (image === "nil") return null;
            if (image === "true" || image === "false") return image === "true";
            return { kind: "symbol", name: image, start: startOffset };
          },
        },
      ]);
    });
    this.program = this.RULE("program", () => {
      const forms: PeerForm[] = [];
      this.MANY(() => forms.push(this.SUBRULE(form)));
      return forms;
    });
    this.performSelfAnalysis();
  }
}

const lexer = new Lexer(tokens, { positionTracking: "onlyOffset" });
const parser = new Parser();

/** @throws Error with the first message of lexer or parser. */
export function readWithChevrotain(source: string): readonly PeerForm[] {
  const lexed = lexer.tokenize(source);
  parser.input = lexed.tokens;
  const forms = parser.program();
  const message = lexed.errors[0]?.message ?? parser.errors[0]?.message;
  if (message !== undefined) throw new Error(message);
  return forms;
}
