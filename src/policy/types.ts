/**
 * The nouns of a decision: what is asked, what is granted, what was answered.
 *
 * Pure data. A `Policy` is compiled from an agent config (src/config); `decide` (decide.ts) is the
 * one function that reads it. Rule ids are config paths, so every verdict names its line.
 *
 * @module
 */
import type { ErrorCode } from "../foundation/error-codes.ts";

/** A network target after the one and only parse; what is checked is what is dialled. */
export interface HttpTarget {
  readonly scheme: "http" | "https";
  /** Lower-case ASCII (punycode) name without trailing dot, or an IP literal without brackets. */
  readonly host: string;
  /** 1..65535, defaulted from the scheme. */
  readonly port: number;
  /** Path with query, as sent: starts with `/`. No fragment, no credentials. */
  readonly path: string;
  /** Canonical URL: what records and errors show (query values are redacted elsewhere). */
  readonly url: string;
}

export type ResourceRequest =
  | { readonly kind: "http"; readonly method: string; readonly target: HttpTarget }
  /** An opaque tunnel: method and path cannot be seen, so only rules without them can allow it. */
  | { readonly kind: "connect"; readonly host: string; readonly port: number }
  /** `path` is absolute and normalised; symlinks are resolved by the host when it opens. */
  | {
      readonly kind: "file";
      readonly operation: "read" | "write" | "delete";
      readonly path: string;
    }
  | { readonly kind: "environment"; readonly name: string };

export interface AccessRequest {
  /** Canonical capability id, e.g. `ccos.network.http-fetch`. The proxy asks as `ccos.network.connect`. */
  readonly capability: string;
  /** What the call touches besides itself; null when nothing. */
  readonly resource: ResourceRequest | null;
}

/** The answer. `rule` is the config path that decided, e.g. `network.egress.rules[0]`. */
export type Verdict =
  | { readonly kind: "allow"; readonly rule: string }
  /** `rule` grants it once somebody who may has said yes. Whoever cannot ask denies. */
  | { readonly kind: "ask"; readonly rule: string; readonly question: string }
  | {
      readonly kind: "deny";
      /** Null: nothing matched, and the default is deny. */
      readonly rule: string | null;
      readonly code: ErrorCode;
      readonly reason: string;
      /** The narrowest change that would allow exactly this request. */
      readonly fix: string;
    };

/** A capability pattern: an exact id, `prefix.*` for one or more further segments, `*` only at level full. */
export interface CapabilityRule {
  readonly rule: string;
  readonly pattern: string;
}

/** What a JSON-RPC body may call. */
export interface JsonRpcRule {
  /** Exact, or a prefix and `/*`. */
  readonly methods: readonly string[];
  /** Tools of MCP's `tools/call`, exact. Null: every tool. */
  readonly tools: readonly string[] | null;
}

export interface EgressRule {
  readonly rule: string;
  /** Exact host or `*.example.com` (one or more labels, not the apex). */
  readonly host: string;
  readonly schemes: readonly ("http" | "https")[];
  readonly ports: readonly number[];
  /** Upper case. Default GET, HEAD. Says nothing about what is inside a tunnel. */
  readonly methods: readonly string[];
  /** Path patterns: exact, or a prefix ending in `/*`. Empty: every path. Not empty: no tunnel. */
  readonly paths: readonly string[];
  /** CIDRs that this name may resolve to although they are private or loopback. Empty: public only. */
  readonly addresses: readonly string[];
  /** Whether CONNECT tunnels (not inspected) are allowed to this host and port. */
  readonly tunnel: boolean;
  /** Programs may speak to it themselves, and tunnels to it are opened, whatever another rule lets pass. */
  readonly inspect?: boolean;
  /** A request may ask to speak WebSocket; what is said then passes unread. */
  readonly websocket?: boolean;
  /** A body must be JSON-RPC that calls no more than this. Absent: bodies are not read for it. */
  readonly jsonRpc?: JsonRpcRule;
  /** SPKI pins `sha256/<base64>`: one key of the server's verified chain must be among them. Absent: not pinned. */
  readonly pins?: readonly string[];
  readonly requestBytesMax: number;
  readonly responseBytesMax: number;
  /** What it grants is asked about first. */
  readonly ask?: true;
}

export interface FileRule {
  readonly rule: string;
  /** Absolute, normalised; covers itself and all below it, by segment. The deepest rule decides. */
  readonly path: string;
  readonly mode: "ro" | "rw";
  /** What it grants is asked about first. */
  readonly ask?: true;
}

/** Where a secret may be substituted. The value itself is never in a policy. */
export interface SecretBinding {
  readonly rule: string;
  readonly name: string;
  /** `scheme://host:port` with an explicit port. */
  readonly origins: readonly string[];
  /** As in EgressRule.paths. */
  readonly paths: readonly string[];
  /** Lower-case header names. A secret is substituted in headers only. */
  readonly headers: readonly string[];
}

export interface DlpPolicy {
  readonly enabled: boolean;
  readonly level: "strict" | "moderate" | "lenient";
  /** The first that is about a finding decides on it, before the level. Absent: none. */
  readonly rules?: readonly DlpRule[];
  /** Texts that stand where nobody has a reason to look: found in any form, they block, at every level. */
  readonly canaries?: readonly { readonly rule: string; readonly text: string }[];
  /** Words of the house, found whole and in any case; the finding is `dlp.dictionary.NAME`. */
  readonly dictionaries?: readonly { readonly name: string; readonly words: readonly string[] }[];
  /** What becomes of a reply that speaks to a model. Absent: `label`. */
  readonly injection?: "label" | "withhold";
  /** The settings that these are the meet of: each decides, and the strictest answer holds. */
  readonly meet?: readonly DlpPolicy[];
}

export interface DlpRule {
  readonly rule: string;
  readonly about:
    | { readonly kind: "detector"; readonly name: string }
    /** A path into a JSON body, as in dlp/json-path.ts. */
    | { readonly kind: "path"; readonly path: string }
    /** A field of a form, in a body or a query. */
    | { readonly kind: "field"; readonly name: string };
  readonly action: "block" | "redact" | "report";
  /** Host patterns. Empty: every host, and what is not sent to a host. */
  readonly hosts: readonly string[];
}

/**
 * What the operator lets capabilities reach at most, whatever an agent's own rules grant. It grants nothing.
 * `rule` is the place in the operator's settings.
 */
export interface PolicyBound {
  readonly rule: string;
  /** Capability patterns that it is about. Empty: every capability. */
  readonly capabilities: readonly string[];
  /** Capability patterns that it is not about: others speak of them. */
  readonly except: readonly string[];
  /** Host patterns; `only` none of them is no network. Null: it says nothing of the network. */
  readonly hosts: { readonly kind: "only" | "except"; readonly patterns: readonly string[] } | null;
  /** Null: it says nothing of files; empty: none. */
  readonly files: readonly Pick<FileRule, "path" | "mode">[] | null;
}

/** A place that data comes from or goes to. Hosts and capabilities are patterns; a path covers what is below. */
export type FlowPlace =
  | { readonly kind: "host"; readonly host: string }
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "capability"; readonly capability: string }
  /** A variable, or the placeholder of a secret. */
  | { readonly kind: "env"; readonly name: string }
  /** A reply that speaks to a model. */
  | { readonly kind: "injection" };

/** What may flow where: labels of what comes from a source, and which of them a sink takes. */
export interface FlowPolicy {
  readonly sources: readonly {
    readonly rule: string;
    readonly place: FlowPlace;
    readonly labels: readonly string[];
  }[];
  readonly sinks: readonly {
    readonly rule: string;
    readonly place: FlowPlace;
    readonly accepts: readonly string[];
  }[];
}

export interface Policy {
  readonly level: "pure" | "controlled" | "full";
  readonly allow: readonly CapabilityRule[];
  readonly deny: readonly CapabilityRule[];
  /** Grants nothing: what is granted and matches is asked about first. Absent: nothing. */
  readonly ask?: readonly CapabilityRule[];
  readonly egress: readonly EgressRule[];
  readonly files: readonly FileRule[];
  /** Names an agent may read with get-env: plain variables and secret placeholders. */
  readonly environment: readonly { readonly rule: string; readonly name: string }[];
  readonly secrets: readonly SecretBinding[];
  readonly dlp: DlpPolicy;
  /** Each holds by itself. Absent: nothing is labelled. */
  readonly flow?: readonly FlowPolicy[];
  /** Absent: nobody but the agent's config says anything. */
  readonly bounds?: readonly PolicyBound[];
}
