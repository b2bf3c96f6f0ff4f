/**
 * The built-in profiles: four RTFS functions from an agent id to a whole config.
 *
 * Each takes an options map last and refuses an option it does not know, so a typing error never
 * becomes a default. Their output is valid by construction: mTLS only with a client certificate,
 * attestation with the digest that was given or else marked as resolved by policy. The text is
 * examples/macros.rtfs, held equal by a test, so it can be copied and changed.
 *
 * @module
 */
import { type Form, headName, readForms } from "../rtfs/index.ts";
import { rewriteConfigForms } from "./config-form.ts";

/** What spans inside the profiles carry as their file. */
export const PROFILES_FILE = "<profiles>";

/** Where an author's program uses or defines one of these names. */
const PREFIX = "profile:";

export const PROFILES_SOURCE: string = `;; The four profiles of agent.config. They are built in: a config may call them without this file.
;; Copy one, change it, and put it before your own (profile:… ) call to make it yours.
;;
;;   (profile:networked "agent.shop" ["api.example.com"] {:plan "plan.rtfs" :limits {:wall-ms 60000}})
;;
;; The options map is optional, and so is each option in it; an unknown option is an error.
;; Whatever no option covers is overridden behind the call:
;;
;;   (-> (profile:minimal "agent.sums") (assoc-in [:orchestrator :isolation :mode] :process))

;; No network, no files, no models; the chain is kept by the host.
(defn profile:minimal [id & options]
  (let [o (or (first options) {})
        ;; Override: files the agent may touch, e.g. ["/data" {:path "/workspace" :mode :rw}].
        paths (get o :paths [])
        rest-options (dissoc o :paths :plan :env :secrets :limits :storage :features :governance
                               :registries :allow :deny)]
    (if (empty? rest-options)
      (agent.config
        :version "0.1"
        :agent-id id
        :profile :minimal
        :features (concat (if (empty? paths) [] [:fs]) (get o :features []))
        :plan (get o :plan)
        :orchestrator {:isolation {:mode :wasm :fs {:ephemeral true}}
                       :dlp {:enabled false :policy :lenient}}
        :network {:enabled false :egress {:via :none}}
        :capabilities {:http {:enabled false}
                       :fs {:enabled (not (empty? paths)) :paths paths}
                       :llm {:enabled false}
                       :allow (get o :allow)
                       :deny (get o :deny [])}
        :governance (get o :governance {:policies {:default {:risk_tier :low :requires_approvals 0}}})
        :causal_chain {:storage (get o :storage {:mode :in_memory}) :anchor {:enabled false}}
        :marketplace {:registry_paths (get o :registries []) :readonly true}
        :env (get o :env {})
        :secrets (get o :secrets {})
        ;; Override: resource bounds of one run, e.g. {:wall-ms 60000 :memory-mb 256}.
        :limits (get o :limits {}))
      (throw (str "the profile takes no option " (first (keys rest-options)))))))

;; As minimal, and HTTPS through the proxy to the listed domains.
(defn profile:networked [id domains & options]
  (let [o (or (first options) {})
        ;; Override: mTLS is on exactly when a client certificate is named.
        cert (get o :client-cert)
        mtls (not (nil? cert))
        ;; Override: rules with methods, paths and ports, beside or instead of the plain domains.
        rules (get o :rules [])
        base (profile:minimal id (dissoc o :client-cert :pins :rules))]
    (-> base
        (assoc :profile :networked)
        (assoc :features (concat [:network] (get base :features)))
        (assoc :network {:enabled true
                         :egress {:via :proxy
                                  ;; Override: the domains are the second argument.
                                  :allow-domains domains
                                  :rules rules
                                  :mtls mtls
                                  :tls_pins (get o :pins [])
                                  :client-cert cert}})
        (assoc-in [:capabilities :http]
                  {:enabled true
                   :egress {:allow-domains (if (empty? rules) domains []) :mtls mtls}}))))

;; A microVM without a network card: the host is reached by vsock only.
(defn profile:microvm-min [id & options]
  (let [o (or (first options) {})
        base (profile:minimal id (dissoc o :kernel :cmdline :rootfs :rootfs-hash :vcpus :mem_mb :cid))]
    (-> base
        (assoc :profile :microvm-min)
        (assoc :features (concat [:microvm :attestation] (get base :features)))
        (assoc :orchestrator {:isolation {:mode :microvm
                                          :fs {:ephemeral true :mounts {:capabilities {:mode :ro}}}}
                              :dlp {:enabled true :policy :strict}})
        (assoc :microvm
               {:kernel {:image (get o :kernel "kernels/vmlinuz-min")
                         :cmdline (get o :cmdline "console=none")}
                :rootfs {:image (get o :rootfs "images/agent-rootfs.img") :ro true}
                ;; Override: resource bounds of the machine.
                :resources {:vcpus (get o :vcpus 1) :mem_mb (get o :mem_mb 256)}
                :devices {:nic {:enabled false}
                          ;; Override: the vsock context id, 3 to 4294967294.
                          :vsock {:enabled true :cid (get o :cid 3)}}
                ;; Override: the digest of the root image. Without it a policy or lock file must give one.
                :attestation {:enabled true
                              :expect_rootfs_hash (get o :rootfs-hash :policy-resolved)}})
        (assoc-in [:causal_chain :storage]
                  (get o :storage {:mode :vsock_stream :buffer_local true})))))

;; As microvm-min, with a network card in the proxy's namespace.
(defn profile:microvm-networked [id domains & options]
  (let [o (or (first options) {})
        cert (get o :client-cert)
        mtls (not (nil? cert))
        rules (get o :rules [])
        base (profile:microvm-min id (dissoc o :proxy-ns :client-cert :pins :rules))]
    (-> base
        (assoc :profile :microvm-networked)
        (assoc :features (concat [:network] (get base :features)))
        (assoc :network {:enabled true
                         :egress {:via :proxy
                                  ;; Override: the domains are the second argument.
                                  :allow-domains domains
                                  :rules rules
                                  :mtls mtls
                                  :tls_pins (get o :pins [])
                                  :client-cert cert}})
        ;; Override: the network namespace in which the proxy listens.
        (assoc-in [:microvm :devices :nic]
                  {:enabled true :proxy_ns (get o :proxy-ns "egress-proxy-ns")})
        (assoc-in [:capabilities :http]
                  {:enabled true
                   :egress {:allow-domains (if (empty? rules) domains []) :mtls mtls}}))))
`;

/**
 * The profile definitions that a program needs before its own forms: all or none, without those that it
 * defines itself.
 */
export function profileForms(program: readonly Form[]): readonly Form[] {
  if (!program.some(mentionsProfile)) return [];
  const own = new Set(program.map(definedName));
  return builtIn().filter((form) => !own.has(definedName(form)));
}

let parsed: readonly Form[] | null = null;

function builtIn(): readonly Form[] {
  if (parsed === null) {
    const read = readForms(PROFILES_SOURCE, { file: PROFILES_FILE });
    if (!read.ok) throw new TypeError(`Built-in profiles: ${read.error[0]?.message ?? ""}`);
    parsed = rewriteConfigForms(read.value).forms;
  }
  return parsed;
}

function definedName(form: Form): string | null {
  const head = headName(form);
  if (form.kind !== "list" || (head !== "def" && head !== "defn")) return null;
  return form.items.map((each) => (each.kind === "symbol" ? each.name : "")).at(1) ?? null;
}

function mentionsProfile(form: Form): boolean {
  if (form.kind === "symbol") return form.name.startsWith(PREFIX);
  if (form.kind === "map") {
    return form.entries.some(({ key, value }) => mentionsProfile(key) || mentionsProfile(value));
  }
  return (form.kind === "list" || form.kind === "vector") && form.items.some(mentionsProfile);
}
