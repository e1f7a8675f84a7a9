"""Matrix products, on the register tile of `tile`."""

from ..panels import PANEL
from . import tile
from .compiled import kernel
from .elementwise import ZERO

COLUMNS = tile.COLUMNS
_BLOCK_INPUTS = 256  # inputs whose weights are multiplied by all rows before the next: they stay in the cache
_BLOCK_ROWS = 96  # rows whose products with a part of a panel are kept aside

_tile = tile.make_tile(tile.TILE_ROWS, 1, tile.COLUMNS)
_four = tile.make_tile(4, 1, tile.COLUMNS)
_two = tile.make_tile(2, 1, PANEL)
_one = tile.make_tile(1, 1, PANEL)
_streams = tile.make_tile(1, tile.STREAMS, PANEL)
_aside = tile.make_matrix(_BLOCK_ROWS, PANEL)
_factors = tile.make_matrix(2, PANEL)


@kernel
def _row_by_panels(x, row, w, n_panels, first, scale, bias, out, to):
    """The product of one row: several distant panels at once, because one stream of memory is limited by the hardware
    prefetcher, which stops at each 4 KiB page."""
    n_in, stride = x.shape[1], n_panels // tile.STREAMS
    step = PANEL * w.itemsize
    for p in range(stride):
        ahead = (p * w.shape[1] + first) * step + tile.AHEAD
        _streams(x, row, w, p, stride, first, 0, n_in, 0, scale, bias, out, to, w, ahead, step)
    for p in range(stride * tile.STREAMS, n_panels):
        ahead = (p * w.shape[1] + first) * step + tile.AHEAD
        _one(x, row, w, p, 1, first, 0, n_in, 0, scale, bias, out, to, w, ahead, step)


@kernel
def _block_by_panel(x, row, n_rows, w, p, first, start, end, scale, bias, out, to):
    """The products of rows with inputs `start` to `end` − 1 of one panel, while memory brings the next inputs."""
    n_tiles = (n_rows + tile.TILE_ROWS - 1) // tile.TILE_ROWS
    step = COLUMNS * w.itemsize // n_tiles
    part = step * (end - start)
    ahead = (p * w.shape[1] + first + end) * PANEL * w.itemsize
    for t in range(0, n_rows, tile.TILE_ROWS):
        n_left = n_rows - t
        if n_left > 4:
            for column in range(0, PANEL, COLUMNS):
                _tile(x, row + t, w, p, 1, first, start, end, column, scale, bias, out, to + t, w, ahead, step)
                ahead += part
        elif n_left > 2:
            for column in range(0, PANEL, COLUMNS):
                _four(x, row + t, w, p, 1, first, start, end, column, scale, bias, out, to + t, w, ahead, step)
                ahead += part
        elif n_left == 2:
            _two(x, row + t, w, p, 1, first, start, end, 0, scale, bias, out, to + t, w, ahead, step)
        else:
            _one(x, row + t, w, p, 1, first, start, end, 0, scale, bias, out, to + t, w, ahead, step)


@kernel
def _by_whole_panels(x, row, n_rows, w, n_panels, first, scale, bias, out, to):
    """Rows `row`.. of x times the first panels, whose columns all exist in out, to rows `to`.. of out."""
    tile.never_inline()
    if n_rows == 1:
        _row_by_panels(x, row, w, n_panels, first, scale, bias, out, to)
        return
    n_in = x.shape[1]
    for p in range(n_panels):
        for start in range(0, n_in, _BLOCK_INPUTS):
            end = min(n_in, start + _BLOCK_INPUTS)
            _block_by_panel(x, row, n_rows, w, p, first, start, end, scale, bias, out, to)


@kernel
def product(x, w, first, scale, bias, out):
    """`matmul` with the n_in inputs from `first` on of panels [P, N, 32] that may have more."""
    n_rows, n_out = out.shape
    n_whole = n_out // PANEL
    _by_whole_panels(x, 0, n_rows, w, n_whole, first, scale, bias, out, 0)
    n_rest = n_out - n_whole * PANEL
    if n_rest == 0:
        return
    products, factors = _aside(), _factors()
    for j in range(n_rest):
        factors[0, j], factors[1, j] = scale[n_out - n_rest + j], bias[n_out - n_rest + j]
    for row in range(0, n_rows, _BLOCK_ROWS):
        n = min(_BLOCK_ROWS, n_rows - row)
        _by_whole_panels(x, row, n, w[n_whole:], 1, first, factors[0], factors[1], products, 0)
        for t in range(n):
            for j in range(n_rest):
                out[row + t, n_out - n_rest + j] = products[t, j]


@kernel
def matmul(x, w, scale, bias, out):
    """out = (x @ w.T) · scale + bias: [T, n_in], panels [P, n_in, 32], [n_out], [n_out] -> [T, n_out].

    A row's result does not depend on the number of rows.
    """
    product(x, w, 0, scale, bias, out)


@kernel
def dot_rows(x, w, bias, out):
    """out = x @ w + bias for a single output: [T, n_in], [n_in], [1] -> [T]."""
    for t in range(x.shape[0]):
        row, s = x[t], ZERO
        for k in range(w.size):
            s += row[k] * w[k]
        out[t] = s + bias[0]
