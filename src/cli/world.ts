/** The world of the command line: this process, its environment, and the bundles beside this one. */
import { randomBytes } from "node:crypto";
import { homedir } from "node:os";
import { join } from "node:path";
import type { World } from "../runtime/index.ts";
import { VERSION } from "./version.ts";

/** Where the bundle lies, with the guests below it; examples and this package's files are one above. */
export const distDir: string =
  typeof __dirname === "string" ? __dirname : join(import.meta.dirname, "..", "..", "dist");

export function createWorld(): World {
  const walls = process.env["CCOS_WALLS"];
  const image = process.env["CCOS_IMAGE"];
  return {
    stateDir: stateDirectory(),
    nodePath: process.execPath,
    guestDir: join(distDir, "guest"),
    version: VERSION,
    environment: process.env,
    nowMs: Date.now,
    randomBytes: (length) => randomBytes(length),
    ...(image === undefined || image === "" ? {} : { imageDir: image }),
    ...(walls === undefined ? {} : { onlyWalls: walls.split(",") }),
  };
}

/** `CCOS_HOME`, else the XDG state directory. */
function stateDirectory(): string {
  const own = process.env["CCOS_HOME"];
  if (own !== undefined && own !== "") return own;
  const xdg = process.env["XDG_STATE_HOME"];
  return join(
    xdg !== undefined && xdg.startsWith("/") ? xdg : join(homedir(), ".local", "state"),
    "ccos",
  );
}
