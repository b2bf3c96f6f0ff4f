/** Writes docs/rtfs/stdlib.md from the table of the library: `node scripts/stdlib-doc.mjs`. A test holds them equal. */
import { writeFileSync } from "node:fs";
import { libraryDocument } from "../src/rtfs/stdlib/document.ts";

writeFileSync("docs/rtfs/stdlib.md", libraryDocument());
