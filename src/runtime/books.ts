/**
 * The books of a run: three counts kept by three parties, which must agree.
 *
 * `declared` is counted at the channel's mouth, `gate` by the gate, `egress` by the broker and the proxy. A
 * record that was forged, lost or bypassed shows as a difference.
 *
 * @module
 */
import type { JsonObject } from "../foundation/json.ts";
import type { GateCounts } from "./gate.ts";

export interface Books {
  /** Calls and tunnel requests that arrived from the guest. */
  readonly declared: number;
  readonly gate: { readonly intended: number; readonly denied: number; readonly refused: number };
  /** Network effects the gate let through, and those the egress began. */
  readonly network: { readonly gate: number; readonly egress: number };
  readonly balanced: boolean;
}

export function balanceBooks(declared: number, gate: GateCounts, egress: number): Books {
  const { intended, denied, refused, network } = gate;
  return {
    declared,
    gate: { intended, denied, refused },
    network: { gate: network, egress },
    balanced: declared === intended + denied + refused && network === egress,
  };
}

export function booksData(books: Books): JsonObject {
  return {
    declared: books.declared,
    gate: books.gate,
    network: { gate: books.network.gate },
    balanced: books.balanced,
  };
}

/** `declared 5 = gate 5 · network 3 = egress 3`, with `≠` where they differ. */
export function booksText(books: Books): string {
  const gate = books.gate.intended + books.gate.denied + books.gate.refused;
  const sign = (left: number, right: number): string => (left === right ? "=" : "≠");
  const { network } = books;
  return (
    `declared ${books.declared} ${sign(books.declared, gate)} gate ${gate} · ` +
    `network ${network.gate} ${sign(network.gate, network.egress)} egress ${network.egress}`
  );
}
