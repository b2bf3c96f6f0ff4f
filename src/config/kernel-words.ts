/** Which words of a guest kernel's command line a config may set: closed, because any other word may undo the wall. */

/** Root and init are composed by the host; every other word that may reach the kernel is named here. */
const ALLOWED =
  /^(?:quiet|ro|nosmt|noapic|nomodule|slab_nomerge|(?:console|loglevel|lockdown|page_poison|panic|reboot|random\.trust_cpu|swiotlb|tsc|clocksource|init_on_alloc|init_on_free|page_alloc\.shuffle|randomize_kstack_offset|audit|8250\.nr_uarts|i8042\.[a-z]+|oops|vsyscall|debugfs|transparent_hugepage|ipv6\.disable|pci|acpi)=[a-z0-9,._:-]+|i8042\.[a-z]+)$/i;

/** The words of a command line, in their order. */
export function kernelWords(cmdline: string): readonly string[] {
  return cmdline.split(/\s+/).filter((each) => each !== "");
}

/** Whether a config may set this word: `console=none` yes; `init=/bin/sh`, `rw`, `root=…` and whatever is not known, no. */
export function isAllowedKernelWord(word: string): boolean {
  return ALLOWED.test(word);
}
