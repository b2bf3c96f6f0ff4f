/** Attacks G46: hosts whose certificate verifies but whose key is not the pinned one, and hosts that ask who we are. */
import { createHash, createPublicKey } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { parseClientIdentity } from "../../src/host/index.ts";
import type { EgressRule } from "../../src/policy/index.ts";
import {
  authority,
  type Certificate,
  certificateFor,
  certificateWith,
} from "./egress-certificate.ts";
import { brokerOf, ruleOf, said, send, serveHttps, stopServers } from "./egress-world.ts";

afterEach(stopServers);

const pin = ({ cert }: Certificate): string => {
  const key = createPublicKey(cert).export({ type: "spki", format: "der" });
  return `sha256/${createHash("sha256").update(key).digest("base64")}`;
};
const other = `sha256/${"A".repeat(43)}=`;

async function ask(
  served: Certificate,
  trustAnchors: string,
  rest: Partial<EgressRule>,
): Promise<{ said: string; requests: number }> {
  let requests = 0;
  const port = await serveHttps(served, (_request, response) => {
    requests++;
    response.end("page");
  });
  const rule = ruleOf("a.test", port, rest);
  const broker = brokerOf([rule], { trustAnchors });
  return { said: said(await send(broker, `https://a.test:${port}/`, rule)), requests };
}

describe("pins", () => {
  const root = authority("Root");
  const leaf = certificateWith(["a.test"], { issuer: root });

  test.each([
    ["the host's own key", [other, pin(leaf)]],
    ["the key of the authority that signed it", [pin(root), other]],
    ["no pins at all", undefined],
  ])("%s lets it pass", async (_what, pins) => {
    const served = { key: leaf.key, cert: leaf.cert + root.cert };
    expect(await ask(served, root.cert, pins === undefined ? {} : { pins })).toEqual({
      said: "200 page",
      requests: 1,
    });
  });

  test("another key is refused before any request is sent, although the chain verifies", async () => {
    const answer = await ask(leaf, root.cert, { pins: [other, pin(certificateFor("a.test"))] });
    expect(answer.requests).toBe(0);
    expect(answer.said).toMatch(
      /^TLS_PIN_MISMATCH a\.test:\d+: none of its keys is among the pins/,
    );
  });

  test("a pinned key does not replace the chain: a self-made certificate stays refused", async () => {
    const own = certificateFor("a.test");
    const answer = await ask(own, root.cert, { pins: [pin(own), other] });
    expect(answer.requests).toBe(0);
    expect(answer.said).toMatch(/^NETWORK_ERROR/);
  });

  test("a certificate sent along with the right name and the pinned key, which signed nothing, is no pin", async () => {
    const pinned = authority("Pinned");
    const forged = certificateWith(["Root"], { authority: true, publicKeyOf: pinned.cert });
    const served = { key: leaf.key, cert: leaf.cert + forged.cert + root.cert };
    const answer = await ask(served, root.cert, { pins: [pin(pinned), other] });
    expect(answer.requests).toBe(0);
    expect(answer.said).toMatch(/^TLS_PIN_MISMATCH/);
  });
});

describe("a client certificate", () => {
  const clients = authority("Clients");
  const mine = certificateWith(["agent.test"], { issuer: clients });
  const identity = parseClientIdentity(mine.cert + mine.key, Date.now());
  const server = certificateFor("a.test");

  async function askAsked(shown: boolean): Promise<string> {
    const served = { ...server, ca: clients.cert, requestCert: true, rejectUnauthorized: true };
    const port = await serveHttps(served, (request, response) => {
      const subject = (request.socket as TLSSocket).getPeerX509Certificate()?.subject;
      response.end(subject);
    });
    const rule = ruleOf("a.test", port);
    if (!identity.ok) throw new Error(identity.error);
    const rest = shown ? { identity: identity.value } : {};
    const broker = brokerOf([rule], { trustAnchors: server.cert, ...rest });
    return said(await send(broker, `https://a.test:${port}/`, rule));
  }

  test("is shown to a host that asks, which refuses everybody else", async () => {
    expect(await askAsked(true)).toBe("200 CN=agent.test");
    expect(await askAsked(false)).toMatch(/^NETWORK_ERROR/);
  });

  test.each([
    ["no certificate", mine.key, "no certificate"],
    ["no key", mine.cert, "no key"],
    ["several keys", mine.cert + mine.key + server.key, "several keys"],
    ["another's key", mine.cert + server.key, "its key is not the certificate's"],
    ["broken text", mine.cert.replace("MII", "AAA") + mine.key, "cannot be read"],
    ["an expired one", expired().cert + expired().key, "expired"],
    ["one of the future", future().cert + future().key, "not valid yet"],
  ])("cannot be %s", (_what, pem, reason) => {
    const parsed = parseClientIdentity(pem, Date.now());
    expect(parsed.ok ? "" : parsed.error).toContain(reason);
  });

  function expired(): Certificate {
    return certificateWith(["agent.test"], { daysFrom: -2, daysTo: -1 });
  }
  function future(): Certificate {
    return certificateWith(["agent.test"], { daysFrom: 1, daysTo: 2 });
  }
});
