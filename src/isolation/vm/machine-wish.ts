/** What a config may say of a machine, where the spec of a program says nothing. */
export interface MachineWish {
  readonly vcpus: number;
  /** All of the machine's memory; null: what the program may use, and room for its kernel. */
  readonly memoryMib: number | null;
  /** Harmless words for the kernel, after ours; checked where configs are read. */
  readonly kernelWords: string;
  /** `sha256:` and 64 hex digits that the root must have; null: what the lock says is enough. */
  readonly expectRoot: string | null;
}

export const DEFAULT_MACHINE: MachineWish = {
  vcpus: 1,
  memoryMib: null,
  kernelWords: "",
  expectRoot: null,
};
