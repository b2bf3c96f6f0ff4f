/**
 * Rules of TLS towards the hosts: pins, and the client certificate.
 *
 * @module
 */
import { quoted } from "./display.ts";
import type { RuleContext } from "./rule-context.ts";
import type { AgentConfig, EgressRuleConfig } from "./types.ts";

const EGRESS = "network.egress";

/** The pins that hold for a rule: its own, else the network's. */
export function pinsOf({ network }: AgentConfig, rule: EgressRuleConfig): readonly string[] {
  return rule.tlsPins.length > 0 ? rule.tlsPins : network.egress.tlsPins;
}

export function checkTls(context: RuleContext): void {
  const { tlsPins, rules } = context.config.network.egress;
  checkPins(context, `${EGRESS}.tls_pins`, tlsPins);
  for (const [index, rule] of rules.entries()) {
    checkPins(context, `${EGRESS}.rules[${index}].tls_pins`, rule.tlsPins);
    checkPinnable(context, `${EGRESS}.rules[${index}]`, rule);
  }
  checkClientCertificate(context);
}

function checkPins(
  { production, complain }: RuleContext,
  path: string,
  pins: readonly string[],
): void {
  for (const [index, pin] of pins.entries()) {
    if (isPin(pin)) continue;
    const message = `${quoted(pin)} is not sha256/ and the base64 of 32 bytes`;
    complain("INVALID_TLS_PIN", `${path}[${index}]`, message);
  }
  if (new Set(pins).size !== 1 || !pins.every(isPin)) return;
  const code = production ? "SINGLE_PIN_IN_PRODUCTION" : "NO_BACKUP_PIN";
  complain(code, path, "one pin is listed, and none for the key that comes after it");
}

/** 43 base64 digits and one `=` are 32 bytes; the last digit's two spare bits must be zero. */
function isPin(text: string): boolean {
  return /^sha256\/[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/.test(text);
}

/** A pin is compared where the host itself speaks TLS, and nowhere else. */
function checkPinnable(
  { config, complain }: RuleContext,
  path: string,
  rule: EgressRuleConfig,
): void {
  if (pinsOf(config, rule).length === 0) return;
  const refuse = (key: string, message: string) =>
    complain("INVALID_EGRESS_RULE", `${path}.${key}`, message);
  if (rule.tunnel) refuse("tunnel", "pins cannot be compared inside a tunnel; use :inspect");
  if (rule.schemes.includes("http"))
    refuse("schemes", "plain http has no key that a pin could name");
}

function checkClientCertificate({ config, complain }: RuleContext): void {
  const { enabled, egress } = config.network;
  const { clientCert } = egress;
  const named = clientCert !== null && clientCert !== "";
  if (named && !/^file:[^\0]+$/.test(clientCert)) {
    const message = `${quoted(clientCert)} is not file:PATH`;
    complain("INVALID_CLIENT_CERTIFICATE", `${EGRESS}.client-cert`, message);
  }
  if (!enabled || named) return;
  const message = "mTLS is on, but no client certificate is named";
  if (egress.mtls) complain("MTLS_WITHOUT_CREDENTIALS", `${EGRESS}.mtls`, message);
  const { http } = config.capabilities;
  if (http.enabled && http.egress.mtls) {
    complain("MTLS_WITHOUT_CREDENTIALS", "capabilities.http.egress.mtls", message);
  }
}
