"""Matrix products, on the register tile of `tile`."""

from ..panels import PANEL
from . import tile
from .compiled import kernel
from .elementwise import ZERO

_BLOCK_INPUTS = 256  # inputs whose weights are multiplied by all rows before the next: they stay in the cache
ASIDE_ROWS = 96  # rows whose products with a part of a panel are kept aside
_WIDENED_FROM = 3 * tile.TILE_ROWS  # rows for which it pays to convert weights once, beforehand

_tile = tile.make_tile(tile.TILE_ROWS, 1, tile.COLUMNS)
_four = tile.make_tile(4, 1, tile.COLUMNS)
_two = tile.make_tile(2, 1, PANEL)
_one = tile.make_tile(1, 1, PANEL)
_streams = tile.make_tile(1, tile.STREAMS, PANEL)
_widened = tile.make_array(1, _BLOCK_INPUTS, PANEL)
aside = tile.make_array(ASIDE_ROWS, PANEL)
row_factors = tile.make_array(2, PANEL)


@kernel
def _row(x, row, w, panel, n_panels, first, scale, bias, out, to):
    """The product of one row: several distant panels at once, because one stream of memory is limited by the hardware
    prefetcher, which stops at each 4 KiB page."""
    n_in, stride, step = x.shape[1], n_panels // tile.STREAMS, PANEL * w.itemsize
    for p in range(stride):
        ahead = ((panel + p) * w.shape[1] + first) * step + tile.AHEAD
        _streams(x, row, w, panel + p, stride, first, 0, n_in, 0, scale, bias, out, to, p * PANEL, w, ahead, step)
    for p in range(stride * tile.STREAMS, n_panels):
        ahead = ((panel + p) * w.shape[1] + first) * step + tile.AHEAD
        _one(x, row, w, panel + p, 1, first, 0, n_in, 0, scale, bias, out, to, p * PANEL, w, ahead, step)


@kernel
def _rows(x, row, n_rows, w, panel, first, start, end, scale, bias, out, to, place, coming, ahead, step):
    """The products of rows with a block of inputs of one panel, while memory brings what comes next."""
    tile.never_inline()
    for t in range(0, n_rows, tile.TILE_ROWS):
        n_left, i, j = n_rows - t, row + t, to + t
        if n_left == 1:
            _one(x, i, w, panel, 1, first, start, end, 0, scale, bias, out, j, place, coming, ahead, step)
        elif n_left == 2:
            _two(x, i, w, panel, 1, first, start, end, 0, scale, bias, out, j, place, coming, ahead, step)
        else:
            for c in range(0, PANEL, tile.COLUMNS):
                if n_left > 4:
                    _tile(x, i, w, panel, 1, first, start, end, c, scale, bias, out, j, place, coming, ahead, step)
                else:
                    _four(x, i, w, panel, 1, first, start, end, c, scale, bias, out, j, place, coming, ahead, step)
                ahead += step * (end - start)


@kernel
def _by_panels(x, row, n_rows, w, panel, n_panels, first, scale, bias, out, to):
    """Rows `row`.. of x times panels from `panel` on, to rows `to`.. of out, which has all their columns."""
    tile.never_inline()
    if n_rows == 1:
        _row(x, row, w, panel, n_panels, first, scale, bias, out, to)
        return
    widened, n_in = _widened(), x.shape[1]
    is_widened = w.itemsize < tile.FLOAT_BYTES and n_rows >= _WIDENED_FROM
    n_tiles = max(1, (n_rows + tile.TILE_ROWS - 1) // tile.TILE_ROWS)
    step = tile.COLUMNS * w.itemsize // n_tiles  # in each of their passes over a block
    for p in range(n_panels):
        for start in range(0, n_in, _BLOCK_INPUTS):
            end, place = min(n_in, start + _BLOCK_INPUTS), p * PANEL
            ahead = ((panel + p) * w.shape[1] + first + end) * PANEL * w.itemsize
            if is_widened:
                tile.widen(w, panel + p, first + start, first + end, widened)
                _rows(x, row, n_rows, widened, 0, -start, start, end, scale, bias, out, to, place, w, ahead, step)
            else:
                _rows(x, row, n_rows, w, panel + p, first, start, end, scale, bias, out, to, place, w, ahead, step)


@kernel
def fill_factors(scale, bias, done, n_out, factors):
    """The scales and biases of outputs `done` to `n_out`, in a panel that is not full: [2, 32], zeros behind them."""
    for j in range(PANEL):
        column = done + j
        factors[0, j] = scale[column] if column < n_out else ZERO
        factors[1, j] = bias[column] if column < n_out else ZERO


@kernel
def keep_columns(products, n, out, row, done):
    """Take the outputs from `done` on, of `n` rows from `row` on, from where they are aside."""
    for t in range(n):
        for j in range(out.shape[1] - done):
            out[row + t, done + j] = products[t, j]


@kernel
def product(x, w, first, scale, bias, out):
    """`matmul` with the n_in inputs from `first` on of panels [P, N, 32] that may have more."""
    n_rows, n_out = out.shape
    n_whole = n_out // PANEL
    done = n_whole * PANEL
    _by_panels(x, 0, n_rows, w, 0, n_whole, first, scale, bias, out, 0)
    if done == n_out:
        return
    products, factors = aside(), row_factors()
    fill_factors(scale, bias, done, n_out, factors)
    for row in range(0, n_rows, ASIDE_ROWS):
        n = min(ASIDE_ROWS, n_rows - row)
        _by_panels(x, row, n, w, n_whole, 1, first, factors[0], factors[1], products, 0)
        keep_columns(products, n, out, row, done)


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
