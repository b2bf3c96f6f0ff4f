/**
 * Names of modules and where their texts lie.
 *
 * A name is words joined by `.` or `/`, perhaps with a version at its end: `billing.tax:v1.2`. It is checked
 * before anybody looks for a file, so no name leads out of the module paths.
 *
 * @module
 */

/** Longest name, characters. */
const NAME_LENGTH_MAX = 128;
const NAME = /^[A-Za-z_][A-Za-z0-9_-]*(?:[./][A-Za-z_][A-Za-z0-9_-]*)*(?::v[0-9]+(?:\.[0-9]+)*)?$/;

/** Whether a module can have the name. */
export function isModuleName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && NAME.test(name);
}

/** The one name of a module: `a/b` is `a.b`. */
export function canonicalName(name: string): string {
  return name.replaceAll("/", ".");
}

/**
 * The file of a module below a module path: `a/b.rtfs` for `a.b`, `a/b@v1.2.rtfs` for `a.b:v1.2`.
 *
 * @param name - One that `isModuleName` takes.
 */
export function modulePath(name: string): string {
  const [words = "", version] = canonicalName(name).split(":");
  const file = words.replaceAll(".", "/");
  return version === undefined ? `${file}.rtfs` : `${file}@${version}.rtfs`;
}

/** `a.b/c` as the name before its last slash and the rest; null when it has no such parts. */
export function splitQualified(name: string): { prefix: string; local: string } | null {
  const slash = name.lastIndexOf("/");
  if (slash <= 0 || slash === name.length - 1) return null;
  return { prefix: name.slice(0, slash), local: name.slice(slash + 1) };
}
