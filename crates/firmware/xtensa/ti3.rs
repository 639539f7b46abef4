//! i128 division entry points with the calling convention LLVM's Xtensa backend uses for
//! libcalls (8 scalar words; result in a2..a5); rustc's own extern "C" u128 puts the second
//! operand in memory, so compiler_builtins' versions read garbage.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct R(u32, u32, u32, u32);
fn j(a: u32, b: u32, c: u32, d: u32) -> u128 {
    a as u128 | (b as u128) << 32 | (c as u128) << 64 | (d as u128) << 96
}
fn s(x: u128) -> R {
    R(x as u32, (x >> 32) as u32, (x >> 64) as u32, (x >> 96) as u32)
}
#[inline(never)]
fn dm(n: &u128, d: &u128, rem: &mut u128) -> u128 {
    let (n, d) = (*n, *d);
    if d == 0 {
        return 0;
    }
    if n < d {
        *rem = n;
        return 0;
    }
    // Bit by bit: a `/` of u128 would be compiled to a call of the functions below, without end.
    let mut sh = d.leading_zeros() - n.leading_zeros();
    let mut r = n;
    let mut dd = d << sh;
    let mut q = 0u128;
    loop {
        if r >= dd {
            r -= dd;
            q |= 1u128 << sh;
        }
        if sh == 0 {
            break;
        }
        sh -= 1;
        dd >>= 1;
    }
    *rem = r;
    q
}
macro_rules! f {
    ($n:ident, |$a:ident, $b:ident| $e:expr) => {
        #[unsafe(no_mangle)]
        extern "C" fn $n(a0: u32, a1: u32, a2: u32, a3: u32, b0: u32, b1: u32, b2: u32, b3: u32) -> R {
            let ($a, $b) = (j(a0, a1, a2, a3), j(b0, b1, b2, b3));
            s($e)
        }
    };
}
fn sg(x: u128, neg: bool) -> u128 {
    if neg { x.wrapping_neg() } else { x }
}
f!(__udivti3, |a, b| {
    let mut r = 0;
    dm(&a, &b, &mut r)
});
f!(__umodti3, |a, b| {
    let mut r = 0;
    dm(&a, &b, &mut r);
    r
});
f!(__divti3, |a, b| {
    let mut r = 0;
    let (x, y) = (a as i128, b as i128);
    sg(dm(&x.unsigned_abs(), &y.unsigned_abs(), &mut r), (x < 0) != (y < 0))
});
f!(__modti3, |a, b| {
    let mut r = 0;
    let (x, y) = (a as i128, b as i128);
    dm(&x.unsigned_abs(), &y.unsigned_abs(), &mut r);
    // The remainder has the sign of the dividend, as `%` in Rust and C.
    sg(r, x < 0)
});
