/** What one of the two dialects reads differently, or not at all. */
const NOT_PORTABLE: readonly RegExp[] = [
  // Flags and named groups.
  /\(\?[^:]/,
  // `[[:alpha:]]`, and `[]…]`, where the first bracket is a character here.
  /\[:/,
  /\[\^?\]/,
  // Escapes of one of them only, and octals.
  /\\[AzQECapPuckZGXv0-9]/,
  /\\x\{/,
  // Braces that are no repetition stand for themselves only here.
  /\{(?!\d+(?:,\d*)?\})/,
];

/**
 * Whether a pattern of RTFS reads as an ECMA pattern. `\s` and `.` differ in a few separators that
 * are no ASCII.
 */
export function isPortablePattern(pattern: string): boolean {
  return !NOT_PORTABLE.some((feature) => feature.test(pattern));
}
