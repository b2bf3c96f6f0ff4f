/**
 * `ccos demo`: the incident example against a shop on loopback that the demo starts and stops;
 * then verify and replay.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { CcosError } from "../../foundation/errors.ts";
import { startCompanion } from "../../host/index.ts";
import { type Command, type Io, parseCommand } from "../command.ts";
import { readSource } from "../inputs.ts";
import { verifyAndReport } from "./chain/verify.ts";
import { runAndReport } from "../run-report.ts";

/** The port written in the example; the demo puts a free one in its place. */
const EXAMPLE_PORT = "8737";
const SERVER_START_MS = 5_000;

/** `ccos demo`: examples/incident, attacked, held and accounted for. */
export const demo: Command = {
  name: "demo",
  usage: "demo [--json]",
  summary:
    "The first run: an agent is prompt-injected, denied twice, finishes its work; the run verifies and replays",

  async run(args, io) {
    parseCommand(demo, args);
    const example = join(io.packageDir, "examples", "incident");
    const token = `sk_demo_${randomBytes(18).toString("base64url")}`;
    const server = await startCompanion({
      argv: [process.execPath, join(example, "server.mjs")],
      env: { PORT: "0", EXPECTED_TOKEN: token },
      startMs: SERVER_START_MS,
    });
    try {
      return await attackAndProve(io, example, { port: portOf(server.firstLine), token });
    } finally {
      await server.stop();
    }
  },
};

async function attackAndProve(
  io: Io,
  example: string,
  shop: { port: string; token: string },
): Promise<number> {
  const at = (name: string): string => join(example, name);
  const configSource = (await readSource(io.cwd, at("agent.config.rtfs"))).replaceAll(
    EXAMPLE_PORT,
    shop.port,
  );
  const planSource = await readSource(io.cwd, at("plan.rtfs"));
  if (!io.json) {
    io.say(
      ` demo      a shop on localhost:${shop.port} serves a page with a prompt injection; rule :addresses lets the agent reach loopback`,
    );
  }
  const world = {
    ...io.world,
    environment: { ...io.world.environment, CCOS_DEMO_TOKEN: shop.token },
  };
  const inputs = {
    configFile: "examples/incident/agent.config.rtfs",
    configSource,
    planFile: "examples/incident/plan.rtfs",
    planSource,
    modules: [],
    command: null,
    staged: [],
    production: false,
  };
  const status = await runAndReport({ ...io, world }, inputs, []);
  if (status !== 0) return status;
  return await verifyAndReport({ ...io, world }, "last", {
    replay: true,
    repair: false,
    links: false,
    pinned: null,
  });
}

function portOf(line: string): string {
  if (/^\d{1,5}$/.test(line)) return line;
  throw new CcosError("INTERNAL", {
    what: "Cannot start the demo's server",
    why: "it did not print its port",
    fix: "Run it by hand: node examples/incident/server.mjs",
  });
}
