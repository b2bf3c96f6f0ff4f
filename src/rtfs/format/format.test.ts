import { describe, expect, test } from "vitest";
import { formatSource } from "./format.ts";

function formatted(text: string, width?: number): string {
  const result = formatSource(text, width === undefined ? {} : { width });
  if (!result.ok) throw new Error(`${result.error[0]?.message}: ${text}`);
  return result.value;
}
const lines = (...each: readonly string[]): string => `${each.join("\n")}\n`;

describe("formatSource", () => {
  test("puts what fits on one line, and one space between", () => {
    expect(formatted("( f   1,2\t[ a  b ]{:k , 1} )")).toBe("(f 1 2 [a b] {:k 1})\n");
    expect(formatted("")).toBe("");
    expect(formatted(" \n , ")).toBe("");
  });

  test("keeps the author's spelling of atoms and sugar", () => {
    const text =
      '[#(+ % 1) \'x `(a ~b ~@c) @name @:key ^:k f ^{:a 1} g ~ @x 007 1e3 "\\u{41}" λ]\n';
    expect(formatted(text)).toBe(text);
  });

  test("indents the bodies of definitions, bindings one to a line", () => {
    const text =
      '(defn f "Docs" [items {:keys [limit] :as opts}] :int (let [rows (filter big? items) x: int 3 n :int (count rows)] (if (> n limit) (call :report.save {:rows rows :total x}) {:ok true})))';
    expect(formatted(text, 60)).toBe(
      lines(
        "(defn f",
        '  "Docs"',
        "  [items {:keys [limit] :as opts}] :int",
        "  (let [rows (filter big? items)",
        "        x: int 3",
        "        n :int (count rows)]",
        "    (if (> n limit)",
        "      (call :report.save {:rows rows :total x})",
        "      {:ok true})))",
      ),
    );
  });

  test("puts clauses, pairs and options one to a line", () => {
    expect(formatted("(match v [a b] when (> a b) (+ a b) {:k x} x _ nil)", 30)).toBe(
      lines("(match v", "  [a b] when (> a b) (+ a b)", "  {:k x} x", "  _ nil)"),
    );
    expect(formatted("(cond (< a b) :less (> a b) :more :else 0)", 30)).toBe(
      lines("(cond", "  (< a b) :less", "  (> a b) :more", "  :else 0)"),
    );
    expect(formatted('(step "s" :params {"a" 1} (f) (g))', 30)).toBe(
      lines('(step "s"', '  :params {"a" 1}', "  (f)", "  (g))"),
    );
    expect(formatted('(agent.config :version "0.1" :a {:b 1})', 30)).toBe(
      lines("(agent.config", '  :version "0.1"', "  :a {:b 1})"),
    );
    expect(formatted("(try (f) (catch E e (g e) nil) (finally (h)))", 20)).toBe(
      lines("(try", "  (f)", "  (catch E e", "    (g e)", "    nil)", "  (finally (h)))"),
    );
  });

  test("puts a wide map's entries one to a line", () => {
    expect(formatted("(def c {:a 1 :b {:c [1 2 3] :d 4} :e 5})", 24)).toBe(
      lines("(def c", "  {:a 1", "   :b {:c [1 2 3] :d 4}", "   :e 5})"),
    );
  });

  test("aligns the arguments of a call below the first, and breaks the last one where it stands", () => {
    expect(formatted("(reduce some-function 0 (filter large? items))", 30)).toBe(
      lines("(reduce some-function", "        0", "        (filter large? items))"),
    );
    expect(formatted('(call :http.get {:url "https://a.example" :method "GET"})', 50)).toBe(
      lines('(call :http.get {:url "https://a.example"', '                 :method "GET"})'),
    );
  });

  test.each([
    "[#||##||#]",
    "(#|a|##|b|# x)",
    "[1 #|a|##|b|#]",
    "{:a #|a|##|b|# 1}",
    "(let [a #|x|##|y|# 1] #|p|##|q|# a)",
    "(f #|p|##|q|# a #|r|##|s|#)",
    "(defn f [x] #|a|##|b|# #|c|# x)",
    "'#|a|##|b|#x",
    "^#|a|##|b|#{:a 1} #|c|##|d|# x",
    "(cond #|a|##|b|# 1 #|a|##|b|# 2)",
  ])("leaves what it laid out as it is, comments behind comments too: %s", (text) => {
    const once = formatted(text);
    expect(formatted(once)).toBe(once);
  });

  test("keeps the lines an author chose for arguments, and for bodies", () => {
    const text = lines("(str 1 2", "     3 4)", "(do", "  (f))", "(when x", "  (f))");
    expect(formatted(text.replace("(do\n  (f))", "(do\n(f))"))).toBe(text);
    expect(formatted("(str 1 22\n 3333 44444)", 11)).toBe(
      lines("(str 1 22", "     3333", "     44444)"),
    );
  });

  test("leaves a last argument on the line where the author put it", () => {
    const text = lines("(f a", "   {:b 1", "    :c 2})", "(f a {:b 1", "      :c 2})");
    expect(formatted(text)).toBe(text);
  });

  test("lays out bindings that are none", () => {
    expect(formatted("(let [a 1 b]\n(f))")).toBe(lines("(let [a 1 b]", "  (f))"));
    expect(formatted("(let [a 1\nb] (f))")).toBe(lines("(let [a 1", "      b]", "  (f))"));
  });

  test("puts a value that is too wide beside its key below it", () => {
    const text =
      "(cond (and (= status 429) (> budget 0)) (fetch-part part (- budget 1)) :else nil)";
    expect(formatted(text, 44)).toBe(
      lines(
        "(cond",
        "  (and (= status 429) (> budget 0))",
        "  (fetch-part part (- budget 1))",
        "  :else nil)",
      ),
    );
    expect(
      formatted("(let [{:keys [status]} (fetch-with {:method get :id 4711})] status)", 52),
    ).toBe(
      lines("(let [{:keys [status]}", "        (fetch-with {:method get :id 4711})]", "  status)"),
    );
    expect(formatted('(call :http.get {:url (str office "/services/" name)})', 44)).toBe(
      lines("(call :http.get", '      {:url (str office "/services/" name)})'),
    );
  });

  test("fills vectors of atoms", () => {
    expect(formatted("[1 2\n3 4 5 6]", 8)).toBe(lines("[1 2 3 4", " 5 6]"));
  });

  test("keeps comments where they stand", () => {
    const text = lines(
      ";; about f",
      "(defn f [x] ; beside",
      "  ;; above",
      "  (+ x 1) ; after",
      "  )",
      "",
      "#| block |#",
      "(g #| in |#",
      "   1)",
      "; end",
    );
    expect(formatted(text)).toBe(text);
  });

  test("keeps at most two blank lines between forms, and one inside", () => {
    expect(formatted("(a)\n\n\n\n\n(do\n\n\n(b)\n\n\n(c)\n\n)\n\n\n")).toBe(
      lines("(a)", "", "", "(do", "", "  (b)", "", "  (c))"),
    );
  });

  test("normalises CRLF, also in strings, where the reader does so too", () => {
    expect(formatted('(a)\r\n; c\r\n"x\r\ny"\r\n')).toBe('(a)\n; c\n"x\ny"\n');
  });

  test("refuses a text that does not read, with the reader's diagnostics", () => {
    expect(formatSource("(a\n[b)", { file: "x.rtfs" })).toMatchObject({
      ok: false,
      error: [{ code: "READ_MISMATCHED", span: { file: "x.rtfs", line: 2, column: 3 } }],
    });
  });
});
