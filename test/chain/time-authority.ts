/** A time stamping authority: openssl behind an HTTP server on loopback. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

export interface TimeAuthority {
  readonly url: string;
  /** Certificate to trust, PEM. */
  readonly certificate: string;
  /** What it answers instead of the next stamps; null: stamps. */
  answer: { readonly status: number; readonly body: Buffer } | null;
  asked: number;
  close(): Promise<void>;
}

const CONFIG = `
[req]
distinguished_name = name
[name]
[tsa_ext]
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, timeStamping
[tsa]
default_tsa = policy
[policy]
serial = serial
crypto_device = builtin
signer_cert = tsa.pem
signer_key = tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = no
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`;

export async function startTimeAuthority(directory: string): Promise<TimeAuthority> {
  const at = (name: string): string => join(directory, name);
  const openssl = (...args: readonly string[]): void =>
    void execFileSync("openssl", args, { cwd: directory, stdio: "pipe" });
  writeFileSync(at("tsa.cnf"), CONFIG);
  writeFileSync(at("serial"), "01\n");
  const request =
    "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=tsa -keyout tsa.key -out tsa.pem";
  openssl(...`${request} -config tsa.cnf -extensions tsa_ext`.split(" "));
  const authority: TimeAuthority = {
    url: "",
    certificate: at("tsa.pem"),
    answer: null,
    asked: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  const server = createServer((request, response) => {
    authority.asked++;
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      if (authority.answer !== null) {
        response.writeHead(authority.answer.status).end(authority.answer.body);
        return;
      }
      writeFileSync(at("query.tsq"), Buffer.concat(parts));
      openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr");
      response.writeHead(200, { "content-type": "application/timestamp-reply" });
      response.end(readFileSync(at("reply.tsr")));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/tsa`;
  return Object.assign(authority, { url });
}
