"""Working memory of kernels, which the caller gives: kernels allocate nothing.

A kernel takes from the front of `scratch` [n] what it needs and hands the rest on. How much that is together:
`kernels.scratch`.
"""

from .compiled import kernel
from .elementwise import ONE, ZERO


@kernel
def take(scratch, n_rows, width):
    """An array [n_rows, width], not cleared, and what is left of the scratch."""
    n = n_rows * width
    if n > scratch.size:
        raise MemoryError("The scratch of a kernel is too small.")
    return scratch[:n].reshape(n_rows, width), scratch[n:]


@kernel
def zeros(scratch, n):
    """n zeros, and what is left of the scratch."""
    taken, left = take(scratch, 1, n)
    taken[0] = ZERO
    return taken[0], left


@kernel
def ones(scratch, n):
    """n ones, and what is left of the scratch."""
    taken, left = take(scratch, 1, n)
    taken[0] = ONE
    return taken[0], left
