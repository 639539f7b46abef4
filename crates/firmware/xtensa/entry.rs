//! Start-up code for builds with the upstream compiler (linked with `-eS3Reset`).
//!
//! xtensa-lx-rt 0.23 splits `Reset` over three `global_asm!` blocks and so relies on their order, which
//! rustc does not promise (upstream sorts them by symbol name: the tail comes before the head).
//! This is the same sequence in one block. It also enables the FPU, which the ROM's soft-float routines use.
use core::arch::global_asm;
unsafe extern "C" {
    fn __pre_init();
    fn __post_init();
    fn main() -> !;
    static _bss_start: u32;
    static _bss_end: u32;
    static _init_start: u32;
    static _stack_start_cpu0: u32;
}
global_asm!(
    // not `.literal`: upstream LLVM leaves such a section at alignment 1
    ".section .rwtext.literal,\"ax\",@progbits", ".p2align 2",
    "s3_stack: .4byte {stack}", "s3_pre: .4byte {pre}", "s3_post: .4byte {post}", "s3_main: .4byte {main}",
    "s3_bss: .4byte {bss}", "s3_bss_end: .4byte {bss_end}", "s3_vec: .4byte {vec}",
    ".section .rwtext,\"ax\",@progbits",
    ".global S3Reset", ".p2align 2", ".type S3Reset,@function",
    "S3Reset:",
    "entry  a1, 0x10",
    "movi   a0, 0",
    "wsr    a0, intenable",
    "movi   a2, 1",
    ".byte  0x20, 0xe0, 0x13", // wsr a2, cpenable
    "rsync",
    "l32r   a2, s3_stack",
    "mov    sp, a2",
    "l32r   a2, s3_pre",
    "callx4 a2",
    "l32r   a2, s3_bss",
    "l32r   a3, s3_bss_end",
    ".Ls3_bss: bgeu a2, a3, .Ls3_bss_done",
    "s32i   a0, a2, 0",
    "addi   a2, a2, 4",
    "j      .Ls3_bss",
    ".Ls3_bss_done: memw",
    ".byte  0x00, 0xf0, 0x13, 0x00, 0xf1, 0x13, 0x00, 0xf2, 0x13", // wsr a0, ccompare0..2
    "isync",
    "l32r   a2, s3_vec",
    ".byte  0x20, 0xe7, 0x13", // wsr a2, vecbase
    "l32r   a2, s3_post",
    "callx4 a2",
    "l32r   a2, s3_main",
    "callx4 a2",
    stack = sym _stack_start_cpu0, pre = sym __pre_init, post = sym __post_init, main = sym main,
    bss = sym _bss_start, bss_end = sym _bss_end, vec = sym _init_start,
);
