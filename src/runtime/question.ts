/**
 * A question in words to the request that the gate would decide: `POST https://…`, `CONNECT host:port`,
 * `read /path`, `env NAME`, `call id`. Parsed with the same parsers, decided by the same function. Pure.
 *
 * @module
 */
import { posix } from "node:path";
import { err, ok, type Result } from "../foundation/result.ts";
import {
  type AccessRequest,
  canonicalCapability,
  decide,
  type Policy,
  parseAuthority,
  parseTarget,
  type Verdict,
} from "../policy/index.ts";

export interface Answer {
  readonly request: AccessRequest;
  readonly verdict: Verdict;
}

export function decideQuestion(policy: Policy, question: string): Result<Answer, string> {
  const request = parseQuestion(question);
  return request.ok
    ? ok({ request: request.value, verdict: decide(policy, request.value) })
    : request;
}

const FILE_CAPABILITIES = {
  read: "ccos.io.read-file",
  write: "ccos.io.write-file",
  delete: "ccos.io.delete-file",
} as const;

function parseQuestion(question: string): Result<AccessRequest, string> {
  const space = question.indexOf(" ");
  const verb = space < 0 ? question : question.slice(0, space);
  const rest = space < 0 ? "" : question.slice(space + 1).trim();
  if (rest === "") return err("a question is a verb and its object, e.g. GET https://example.com/");
  if (verb === "read" || verb === "write" || verb === "delete") return fileQuestion(verb, rest);
  if (verb === "env")
    return ok({ capability: "ccos.system.get-env", resource: { kind: "environment", name: rest } });
  if (verb === "call") {
    const id = canonicalCapability(rest);
    return id.ok ? ok({ capability: id.value.id, resource: null }) : id;
  }
  if (verb === "CONNECT") {
    const authority = parseAuthority(rest);
    if (!authority.ok) return authority;
    const { host, port } = authority.value;
    return ok({ capability: "ccos.network.connect", resource: { kind: "connect", host, port } });
  }
  if (!/^[A-Z]{1,16}$/.test(verb))
    return err(
      `"${verb.slice(0, 40)}" is neither an upper-case HTTP method nor read, write, delete, env, call`,
    );
  const target = parseTarget(rest);
  if (!target.ok) return target;
  return ok({
    capability: "ccos.network.http-fetch",
    resource: { kind: "http", method: verb, target: target.value },
  });
}

function fileQuestion(
  operation: "read" | "write" | "delete",
  path: string,
): Result<AccessRequest, string> {
  if (!path.startsWith("/") || posix.normalize(path) !== path)
    return err("a path is absolute and normalised");
  return ok({
    capability: FILE_CAPABILITIES[operation],
    resource: { kind: "file", operation, path },
  });
}
