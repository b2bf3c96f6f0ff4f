/**
 * `ccos approvals serve`: the requests over HTTP on loopback, for a chat bot or a page of the operator's own.
 *
 * The token lets somebody ask and hand in; an answer counts only by its signature. `GET /approvals`,
 * `GET /approvals/ID`, `POST /approvals/ID` with a statement as `approve --print` makes it.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { ERROR_CODES } from "../../foundation/error-codes.ts";
import { CcosError } from "../../foundation/errors.ts";
import type { JsonObject } from "../../foundation/json.ts";
import { statementOf } from "../../governance/index.ts";
import {
  createExclusive,
  ensurePrivateDir,
  type TokenAnswer,
  type TokenRequest,
  readOwned,
  serveWithToken,
} from "../../host/index.ts";
import { keepAnswer, listApprovals, showApproval, type World } from "../../runtime/index.ts";
import { type Command, parseCommand, usageError } from "../command.ts";

const TOKEN_FILE = "approvals.token";
const BODY_BYTES_MAX = 64 * 1024;
const TIMEOUT_MS = 10_000;

export const approvalsServe: Command = {
  name: "approvals serve",
  usage: "approvals serve [--port N] [--json]",
  summary: "Serve requests and take signed answers over HTTP on loopback, until it is told to stop",

  async run(args, io) {
    const parsed = parseCommand(approvalsServe, args, { port: { type: "string" } });
    const port = parsed.text("port") ?? "0";
    if (parsed.positionals.length > 0 || !/^\d{1,5}$/.test(port) || Number(port) > 65_535)
      throw usageError(approvalsServe, "--port is a number up to 65535");
    const { token, path } = await tokenOf(io.world.stateDir);
    const server = await serveWithToken({
      port: Number(port),
      token,
      bodyBytesMax: BODY_BYTES_MAX,
      timeoutMs: TIMEOUT_MS,
      answer: (request) => answerRequest(io.world, request),
    });
    const url = `http://127.0.0.1:${server.port}/approvals`;
    if (io.json) io.out(JSON.stringify({ url, token: path }));
    else io.say(` serves    ${url}\n token     in ${path}`);
    try {
      await new Promise<void>((resolve) => {
        if (io.signal.aborted) resolve();
        io.signal.addEventListener("abort", () => resolve(), { once: true });
      });
    } finally {
      await server.close();
    }
    return 0;
  },
};

/** Made at the first time, 0600. */
async function tokenOf(stateDir: string): Promise<{ token: string; path: string }> {
  await ensurePrivateDir(stateDir);
  const path = join(stateDir, TOKEN_FILE);
  await createExclusive(path, Buffer.from(randomBytes(32).toString("base64url")), 0o600);
  const bytes = await readOwned(path, 1024);
  const token = bytes.ok ? new TextDecoder().decode(bytes.value).trim() : "";
  if (/^[A-Za-z0-9_-]{43}$/.test(token)) return { token, path };
  throw new CcosError("INPUT_UNREADABLE", {
    what: `Cannot use the token "${path}"`,
    why: bytes.ok ? "it is not 32 bytes in base64url" : `it is ${bytes.error}`,
    fix: "Remove the file; a new one is made",
  });
}

async function answerRequest(
  world: World,
  { method, path, body }: TokenRequest,
): Promise<TokenAnswer> {
  try {
    if (method === "GET" && path === "/approvals") {
      const listed = await listApprovals(world);
      const approvals = listed.map(({ case: { id, request }, state }) => ({ id, state, request }));
      return answered({ approvals });
    }
    const id = /^\/approvals\/([0-9a-f]{32})$/.exec(path)?.[1];
    if (id === undefined) return { status: 404, body: { error: "there is no such path" } };
    if (method === "GET") return answered(await showApproval(world, id));
    if (method !== "POST") return { status: 405, body: { error: "GET or POST" } };
    const statement = statementOf(body);
    if (statement === null) return { status: 400, body: { error: "it is no statement" } };
    return answered(await keepAnswer(world, id, statement));
  } catch (cause) {
    if (!(cause instanceof CcosError)) return { status: 500, body: { error: "CCOS failed" } };
    const status = ERROR_CODES[cause.code].exitCode === 77 ? 403 : 404;
    return { status, body: cause.toJson() };
  }
}

function answered(body: object): TokenAnswer {
  return { status: 200, body: body as unknown as JsonObject };
}
