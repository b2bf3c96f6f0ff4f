import { defineConfig } from "vitest/config";

/** Real processes and sandboxes share two cores: few files at once, generous timeouts. */
export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "guest/**/*.test.ts", "test/**/*.test.ts"],
    globalSetup: ["test/e2e/warm-walls.ts"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 15_000 } },
  },
});
