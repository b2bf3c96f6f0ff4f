/**
 * Whether the parameters of a request are what the protocol says: a client's mistake is told as one.
 *
 * @module
 */
import { ErrorCodes, ResponseError } from "vscode-languageserver";
import { isJsonObject, type JsonValue } from "../foundation/json.ts";

type Check = (params: unknown) => string | null;

/** `{textDocument: {uri}}`. @returns what is wrong, or null. */
export const documentProblem: Check = (params) => {
  const document = fieldOf(params, "textDocument");
  return typeof fieldOf(document, "uri") === "string" ? null : "textDocument.uri is a string";
};

/** `{textDocument, position: {line, character}}`. */
export const placeProblem: Check = (params) => {
  const position = fieldOf(params, "position");
  const isPlace = ["line", "character"].every((key) => isUnsigned(fieldOf(position, key)));
  return (
    documentProblem(params) ?? (isPlace ? null : "position has a line and a character, from 0")
  );
};

/** `{textDocument, position, newName}`. */
export const renameProblem: Check = (params) =>
  placeProblem(params) ??
  (typeof fieldOf(params, "newName") === "string" ? null : "newName is a string");

function fieldOf(value: unknown, key: string): unknown {
  return isJsonObject(value as JsonValue) ? (value as Record<string, unknown>)[key] : undefined;
}

function isUnsigned(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0;
}

/** A handler that is asked only with parameters that pass. */
export function checked<P, T>(
  check: Check,
  answer: (params: P) => T,
): (params: P) => T | ResponseError<void> {
  return (params) => {
    const problem = check(params);
    return problem === null ? answer(params) : new ResponseError(ErrorCodes.InvalidParams, problem);
  };
}
