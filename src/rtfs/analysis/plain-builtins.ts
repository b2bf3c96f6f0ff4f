/**
 * Library functions whose result never holds a function, whatever they are given: numbers, texts and
 * truths. A name that is missing here is only judged more carefully.
 */
export const PLAIN_BUILTINS: ReadonlySet<string> = new Set(
  `+ - * / mod inc dec max min abs sqrt pow factorial even? odd? zero? pos? neg? int float parse-int
  parse-float = != not= < > <= >= not str string-length substring string-contains string-contains?
  starts-with? ends-with? split join string-join string-upper string-lower string-trim nil? bool?
  boolean? int? float? number? string? string-p keyword? symbol? vector? list? map? fn? type-name
  parse-json tool/parse-json serialize-json tool/serialize-json serialize-json-pretty
  tool/serialize-json-pretty getMessage count length empty? contains? range numbers`.split(/\s+/),
);
