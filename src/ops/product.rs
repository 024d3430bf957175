//! Products of matrices that lie in slices.

use gemm::Parallelism;

/// A matrix to read: its numbers, and how far apart its rows and its columns are.
pub(super) type Matrix<'a> = (&'a [f32], [usize; 2]);

/// `out = a b`, or with `add` `out += a b`, of `[rows, columns, terms]`; `row` is how far apart the rows of `out` are, whose columns stand side by side.
pub(super) fn product([m, n, k]: [usize; 3], (out, row): (&mut [f32], usize), a: Matrix<'_>, b: Matrix<'_>, add: bool) {
    multiply(
        [m, n, k],
        (out, row),
        a,
        b,
        add,
        if m * n * k < 1 << 18 { Parallelism::None } else { Parallelism::Rayon(0) },
    );
}

/// The same in this thread, for who splits the work otherwise.
#[cfg(feature = "ndarray")]
pub(super) fn product_here(sizes: [usize; 3], out: (&mut [f32], usize), a: Matrix<'_>, b: Matrix<'_>, add: bool) {
    multiply(sizes, out, a, b, add, Parallelism::None);
}

fn multiply(
    [m, n, k]: [usize; 3],
    (out, row): (&mut [f32], usize),
    (a, of_a): Matrix<'_>,
    (b, of_b): Matrix<'_>,
    add: bool,
    parallelism: Parallelism,
) {
    let last = |[rows, columns]: [usize; 2], [row, column]: [usize; 2]| (rows - 1) * row + (columns - 1) * column;
    let fits = last([m, n], [row, 1]) < out.len() && last([m, k], of_a) < a.len() && last([k, n], of_b) < b.len();
    assert!(fits, "matrices of {m}, {n}, {k}");
    let stride = |stride: usize| stride as isize;
    // SAFETY: every entry lies within its slice, as was just seen, and `out` overlaps nothing.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            stride(row),
            add,
            a.as_ptr(),
            stride(of_a[1]),
            stride(of_a[0]),
            b.as_ptr(),
            stride(of_b[1]),
            stride(of_b[0]),
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}
