# Does the processor that KVM gives really run a 64-bit system? Protected mode, paging, long mode, a task and gates,
# RT round trips between ring 3 and ring 0, then LOOPS turns of a loop, and only then the word. An ELF with a PVH note,
# so that every monitor loads it. Marks on the serial port: 1 entered, 2 paging, 3 long mode, 4 gates, 5 back from
# ring 3. Ends by QEMU's debug exit (status 33), else by a reset, else by a triple fault.
  .section .note.Xen,"a",@note
  .long 4, 4, 18
  .asciz "Xen"
  .long start32
  .text
  .code32
  .globl start32
start32:
  cli
  mov $stack_top,%esp
  mov $0x3f8,%dx
  mov $'1',%al
  out %al,%dx
  lgdt gdtr
  ljmp $0x08,$1f
1: mov $0x10,%eax
  mov %eax,%ds
  mov %eax,%es
  mov %eax,%ss
  # page tables: identity 2 MiB pages for first 16 MiB, user accessible
  mov $pml4,%edi
  movl $pdpt+7,(%edi)
  mov $pdpt,%edi
  movl $pd+7,(%edi)
  mov $pd,%edi
  mov $0x87,%eax
  mov $8,%ecx
2: mov %eax,(%edi)
  add $0x200000,%eax
  add $8,%edi
  dec %ecx
  jnz 2b
  mov %cr4,%eax
  or $0x20,%eax
  mov %eax,%cr4
  mov $pml4,%eax
  mov %eax,%cr3
  mov $0xc0000080,%ecx
  rdmsr
  or $0x100,%eax
  wrmsr
  mov %cr0,%eax
  or $0x80000001,%eax
  mov %eax,%cr0
  mov $0x3f8,%dx
  mov $'2',%al
  out %al,%dx
  ljmp $0x18,$lm
  .code64
lm:
  mov $0x10,%eax
  mov %eax,%ds
  mov %eax,%es
  mov %eax,%ss
  mov $stack_top,%rsp
  mov $0x3f8,%edx
  mov $'3',%al
  out %al,%dx
  movq $stack0_top,tss+4
  movw $0x68,tss+0x66
  mov $tss,%eax
  movw %ax,gdt_tss+2
  shr $16,%eax
  movb %al,gdt_tss+4
  movb %ah,gdt_tss+7
  mov $0x30,%ax
  ltr %ax
  mov $isr,%eax
  mov $idt,%edi
  movw %ax,0x800(%rdi)
  movw $0x18,0x802(%rdi)
  movb $0,0x804(%rdi)
  movb $0xee,0x805(%rdi)
  shr $16,%eax
  movw %ax,0x806(%rdi)
  lidt idtr
  xor %eax,%eax
  cpuid
  rdtsc
  mov $0x3f8,%edx
  mov $'4',%al
  out %al,%dx
  # ring 3 round trips
  pushq $0x23
  pushq $ustack_top
  pushq $0x02
  pushq $0x2b
  pushq $user
  iretq
user:
  mov $RT,%ebx
2: mov $1,%eax
  int $0x80
  dec %ebx
  jnz 2b
  mov $2,%eax
  int $0x80
3: jmp 3b
isr:
  cmp $2,%eax
  je r0
  iretq
r0:
  mov $0x3f8,%edx
  mov $'5',%al
  out %al,%dx
  mov $LOOPS,%ecx
1: dec %ecx
  jnz 1b
  mov $msg,%esi
1: lodsb
  test %al,%al
  jz 2f
  mov $0x3f8,%edx
  out %al,%dx
  jmp 1b
2:
  mov $0x501,%edx         # QEMU isa-debug-exit (if present): rc 33
  mov $0x10,%al
  out %al,%dx
  mov $0xfe,%al            # i8042 reset: Firecracker / CH exit
  out %al,$0x64
  lidt nullidt             # triple fault: everything else
  int3
4: hlt
  jmp 4b
  .data
msg: .asciz "RTFS-KVM-OK\n"
  .balign 8
gdt:
  .quad 0
  .quad 0x00cf9a000000ffff   # 08 code32
  .quad 0x00cf92000000ffff   # 10 data
  .quad 0x00af9a000000ffff   # 18 code64
  .quad 0x00cff2000000ffff   # 20 data dpl3
  .quad 0x00affa000000ffff   # 28 code64 dpl3
gdt_tss:
  .quad 0x0000890000000067   # 30 tss
  .quad 0
gdtr: .word gdtr-gdt-1
  .quad gdt
idtr: .word 0xfff
  .quad idt
nullidt: .word 0
  .quad 0
  .bss
  .balign 4096
pml4: .skip 4096
pdpt: .skip 4096
pd:   .skip 4096
idt:  .skip 4096
tss:  .skip 256
  .skip 2048
stack_top:
  .skip 2048
stack0_top:
  .skip 2048
ustack_top:
