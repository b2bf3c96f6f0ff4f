/** The longest piece of foreign text that a message shows, in UTF-16 units. */
const SHOWN_MAX = 200;

/**
 * Foreign text made safe to show: quoted, cut to 200 units, and with every control, format and
 * line-separating character as `\u{…}`, so a name can neither colour a terminal nor fake a line.
 */
export function quote(text: string): string {
  const cut = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
  const escaped = cut.replace(
    /["\\\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? "0"}}`,
  );
  return `"${escaped}"`;
}

/** The path of a URL without its query: what messages may show. */
export function withoutQuery(path: string): string {
  const query = path.indexOf("?");
  return query === -1 ? path : path.slice(0, query);
}
