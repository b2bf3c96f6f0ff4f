/**
 * What each ASCII character is to the lexer, as one table of bits.
 *
 * @module
 */

/** Ends a token: white space, comma, brackets, `"`, `;`. */
export const DELIMITER = 1;
/** May stand in a symbol or keyword. */
export const NAME = 2;
export const DIGIT = 4;
/** Space, tab, CR, LF, comma. */
export const BLANK = 8;
/** A token that starts so and is all names is a symbol or one of the literal words. */
export const WORD_START = 16;
/** A digit or the point of a decimal. */
export const DECIMAL = 32;

/** Bits of a UTF-16 unit below 128; above it nothing is a name, a digit or a delimiter. */
export const CHARACTER_BITS: Uint8Array = newTable();

function newTable(): Uint8Array {
  const table = new Uint8Array(128);
  const mark = (characters: string, bits: number): void => {
    for (const character of characters) table[character.charCodeAt(0)]! |= bits;
  };
  mark(" \t\r\n,", DELIMITER | BLANK);
  mark('()[]{}";', DELIMITER);
  mark("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$*/=<>!?&", NAME | WORD_START);
  mark("+-%.@:", NAME);
  mark("0123456789", NAME | DIGIT | DECIMAL);
  mark(".", DECIMAL);
  return table;
}
