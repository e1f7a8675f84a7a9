"""What the way that kernels are run by promises beyond the numbers."""

import os

from pockettts_np.kernels.ways import way
from pockettts_np.weights.packing import KEEPS_KINDS

# BLAS, whose sums depend on the number of rows, makes the products of NumPy's way, and of Numba's without its compiler.
_BY_BLAS = way().name == "numpy" or (way().name == "numba" and os.environ.get("NUMBA_DISABLE_JIT", "0") != "0")


def same_bits(else_within: float) -> float:
    """The tolerance of what is equal to the bit where the product of a row does not depend on the rows beside it."""
    return else_within if _BY_BLAS else 0


def bytes_held(n: int) -> int:
    """How large numbers of n bytes are in memory: NumPy's way widens all when they are loaded."""
    return n if KEEPS_KINDS else 4
