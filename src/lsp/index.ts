/** The language server: what editors ask over LSP, answered from rtfs/assist. */
export { serveLanguage } from "./server.ts";
