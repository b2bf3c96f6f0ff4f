/** Programs behind real walls that speak HTTP(S) themselves: every request is decided, and stands in the chain. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTls } from "node:https";
import { type AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { certificateFor } from "../adversary/egress-certificate.ts";
import { type Sandbox, sandbox } from "./ccos.ts";

let box: Sandbox;
let servers: Server[];
let ports: number[];
const certificate = certificateFor("localhost");

beforeAll(async () => {
  box = sandbox();
  const answer = (request: IncomingMessage, response: ServerResponse): void =>
    void response.end(`answer to ${request.url}`);
  servers = [createServer(answer), createTls(certificate, answer)];
  for (const server of servers) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  ports = servers.map((server) => (server.address() as AddressInfo).port);
  box.write("roots.pem", certificate.cert);
});
afterAll(() => {
  for (const server of servers) server.close();
  box.remove();
});

const NODE = `for (const url of process.argv.slice(1)) await fetch(url)
  .then(async (answer) => console.log(answer.status, (await answer.text()).slice(0, 60)))
  .catch((cause) => console.log("failed", cause.cause?.code ?? cause.message))`;

async function ask(...urls: readonly string[]): Promise<string> {
  const [http, https] = ports;
  const rule = (port: number | undefined, scheme: string, more: string): string =>
    `{:host "localhost" :schemes [:${scheme}] :ports [${port}] :paths ["/ok/*"] :addresses ["127.0.0.0/8" "::1/128"] ${more}}`;
  box.write(
    "agent.rtfs",
    `(agent.config :agent-id "agent.inspected" :features [:network]
       :network {:enabled true :egress {:via :proxy
         :rules [${rule(http, "http", "")} ${rule(https, "https", ":inspect true")}]}}
       :capabilities {:http {:enabled true}} :limits {:wall-ms 30000})`,
  );
  const program = ["/ccos/node", "--input-type=module", "-e", NODE, ...urls];
  const done = await box.run(["run", "--policy", "agent.rtfs", "--", ...program], {
    env: { NODE_EXTRA_CA_CERTS: join(box.dir, "roots.pem") },
  });
  return done.stdout + (done.status === 0 ? "" : done.stderr);
}

test("a program's own requests are decided one by one, plain and inside TLS, without a change of the program", async () => {
  const [http, https] = ports;
  const said = await ask(
    `http://localhost:${http}/ok/1`,
    `https://localhost:${https}/ok/2?q=x`,
    `https://localhost:${https}/other`,
    `https://127.0.0.1:${https}/ok/3`,
    "https://example.com/ok/4",
  );
  const lines = said.trim().split("\n");
  expect(lines.slice(0, 2)).toEqual(["200 answer to /ok/1", "200 answer to /ok/2?q=x"]);
  expect(lines[2]).toMatch(/^403 .*EGRESS_DENIED/);
  expect(lines.slice(3).every((line) => line.startsWith("failed"))).toBe(true);
  const records = (await box.run(["chain", "show", "last", "--json"])).stdout;
  expect(records).toContain(`"target":"https://localhost:${https}/ok/2?…"`);
  expect(records).toContain('"inspected":true');
  expect((await box.json(["chain", "verify", "last"])).value["ok"]).toBe(true);
});
