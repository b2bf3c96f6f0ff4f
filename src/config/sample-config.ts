/** For tests: a config without findings, to be changed in one place. */
export const DIGEST: string = "0123456789abcdef".repeat(4);

/** A clean config with a microVM. */
export const MICROVM: string = `(agent.config :agent-id "agent.a" :features [:network :attestation]

  :orchestrator {:isolation {:mode :microvm
                             :fs {:ephemeral true
                                  :mounts {:capabilities {:mode :ro}}}}
                 :dlp {:enabled true
                       :policy :strict}}
  :network {:enabled true
            :egress {:via :proxy
                     :allow-domains ["example.com"]}}
  :microvm {:kernel {:image "k"
                     :cmdline "console=none"}
            :rootfs {:image "r"
                     :ro true}
            :resources {:vcpus 1
                        :mem_mb 256}
            :devices {:nic {:enabled true
                            :proxy_ns "ns"}
                      :vsock {:enabled true
                              :cid 3}}
            :attestation {:enabled true
                          :expect_rootfs_hash "sha256:${DIGEST}"}}
  :marketplace {:readonly true})`;
