"""Working memory of kernels, which the caller gives: kernels allocate nothing.

A kernel takes from the front of `scratch` [n] what it needs and hands the rest on. How much that is together:
`kernels.scratch`.
"""

from .compiled import kernel
from .elementwise import ONE, ZERO
from .views import matrix


@kernel
def take(scratch, n_rows, width):
    """An array [n_rows, width], not cleared, and what is left of the scratch."""
    n = n_rows * width
    if n > scratch.size:
        raise MemoryError("The scratch of a kernel is too small.")
    return matrix(scratch, n_rows, width), scratch[n:]


@kernel
def _filled(scratch, n, value):
    taken, left = take(scratch, 1, n)
    row = taken[0]
    for i in range(n):
        row[i] = value
    return row, left


@kernel
def zeros(scratch, n):
    """n zeros, and what is left of the scratch."""
    return _filled(scratch, n, ZERO)


@kernel
def ones(scratch, n):
    """n ones, and what is left of the scratch."""
    return _filled(scratch, n, ONE)
