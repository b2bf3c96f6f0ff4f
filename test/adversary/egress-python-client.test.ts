/** The Python client against the protocol's own reader and the wire's own codec. */
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { encodeFrame, FrameReader } from "../../src/foundation/framing.ts";
import { type GuestMessage, parseGuestMessage } from "../../src/foundation/protocol.ts";
import { fromWire, printValue, toWire } from "../../src/rtfs/index.ts";

const hasPython = spawnSync("python3", ["-c", "0"]).status === 0;
const guest = join(import.meta.dirname, "../../guest");

/** Echoes the first argument of each call; `refuse` is denied. Gives what the script printed and what came in. */
async function converse(
  script: string,
): Promise<{ out: string; messages: GuestMessage[]; values: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), "ccos-python-"));
  const path = join(directory, "capability.sock");
  const messages: GuestMessage[] = [];
  const values: string[] = [];
  const server = createServer((socket) => {
    const reader = new FrameReader();
    socket.write(encodeFrame({ type: "hello", version: 1, session: "", image: "" }));
    socket.on("data", (chunk) => {
      const frames = reader.push(Buffer.from(chunk));
      for (const frame of frames.ok ? frames.value : []) {
        const message = parseGuestMessage(frame);
        if (!message.ok) throw new Error(message.error);
        messages.push(message.value);
        if (message.value.type !== "call") continue;
        const { id, capability, args } = message.value;
        const error = {
          kind: "SecurityViolation",
          code: "CAPABILITY_DENIED",
          message: "no",
          retryable: false,
        };
        const value = fromWire(args[0] ?? null);
        values.push(value.ok ? printValue(value.value) : value.error);
        const back = value.ok ? toWire(value.value) : null;
        socket.write(
          encodeFrame(
            capability === "refuse"
              ? { type: "result", id, ok: false, error }
              : { type: "result", id, ok: true, value: back },
          ),
        );
      }
    });
  }).listen(path);
  await once(server, "listening");
  try {
    const env = {
      PATH: process.env["PATH"] ?? "",
      PYTHONPATH: guest,
      PYTHONDONTWRITEBYTECODE: "1",
      CCOS_CAPABILITY: path,
      CCOS_SESSION: "k3y",
    };
    const out = await new Promise<string>((resolve, reject) => {
      execFile(
        "python3",
        ["-c", `from ccos_client import *\nimport math\n${script}`],
        { env },
        (cause, stdout, stderr) => (cause === null ? resolve(stdout) : reject(new Error(stderr))),
      );
    });
    return { out, messages, values };
  } finally {
    server.close();
    rmSync(directory, { recursive: true });
  }
}

describe.skipIf(!hasPython)("guest/ccos_client.py", () => {
  test("answers hello with the session of its environment and calls in order", async () => {
    const { out, messages } = await converse(
      'with connect() as c:\n  print(c.call("ccos.echo", "ä"), c.call("ccos.echo", 2))',
    );
    expect(out).toBe("ä 2\n");
    expect(messages[0]).toEqual({ type: "ready", version: 1, session: "k3y", image: "" });
    expect(messages.slice(1)).toEqual([
      { type: "call", id: 1, capability: "ccos.echo", args: ["ä"] },
      { type: "call", id: 2, capability: "ccos.echo", args: [2] },
    ]);
  });

  test.each([
    ["None", "nil"],
    ["True", "true"],
    ["9007199254740993", "9007199254740993"],
    ["-2**63", "-9223372036854775808"],
    ["1.5", "1.5"],
    ["1.0", "1.0"],
    ["-0.0", "-0.0"],
    ["1e16", "10000000000000000.0"],
    ["1e300", "1e+300"],
    ["math.inf", "##Inf"],
    ['{"a": [1, {"b": None}], 2: "x"}', '{"a" [1 {"b" nil}] 2 "x"}'],
  ])("%s crosses as %s and comes back equal", async (python, rtfs) => {
    const { out, values } = await converse(
      `v = ${python}\nr = connect().call("x", v)\nprint(r == v, type(r) == type(v))`,
    );
    expect(values).toEqual([rtfs]);
    expect(out).toBe("True True\n");
  });

  test("a refusal is an exception with the host's code, and the connection goes on", async () => {
    const script =
      'c = connect()\ntry:\n  c.call("refuse", 1)\nexcept CapabilityError as e:\n  print(e.code, e.kind, e.retryable)\nprint(c.call("x", 5))';
    expect((await converse(script)).out).toBe("CAPABILITY_DENIED SecurityViolation False\n5\n");
  });
});
