/** What the guests use of JavaScript's WebAssembly interface; the library that declares it all is the browser's. */
declare namespace WebAssembly {
  class Module {
    static exports(module: Module): readonly { readonly name: string }[];
    static imports(module: Module): readonly { readonly module: string; readonly name: string }[];
    constructor(bytes: Uint8Array);
  }
  class Memory {
    readonly buffer: ArrayBuffer;
  }
  class Global {
    value: number;
  }
  type ModuleImports = Record<string, (...values: never[]) => number | undefined | void>;
  type Imports = Record<string, ModuleImports>;
  class Instance {
    readonly exports: Readonly<Record<string, unknown>>;
    constructor(module: Module, imports: Imports);
  }
  class CompileError extends Error {}
  class LinkError extends Error {}
  class RuntimeError extends Error {}
}
