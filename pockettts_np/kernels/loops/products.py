"""Matrix products, on the register tile of `tile`."""

from ..panels import PANEL
from . import tile
from .compiled import kernel
from .elementwise import ZERO

_HALF = tile.TILE_ROWS // 2

_tile = tile.make_tile(tile.TILE_ROWS, 1)
_half_tile = tile.make_tile(_HALF, 1)
_tile_1 = tile.make_tile(1, 1)
_whole_tile = tile.make_whole_tile(tile.TILE_ROWS)
_half_whole_tile = tile.make_whole_tile(_HALF)
_streams = tile.make_tile(1, tile.STREAMS)
_sums = tile.make_sums(tile.TILE_ROWS)
_sums_of_streams = tile.make_sums(tile.STREAMS)


@kernel
def _store(sums, row, first, scale, bias, out):
    """Rows of sums [n, COLUMNS], times scale plus bias, into out [T, n_out] from row `row` and column `first` on."""
    n_columns = min(sums.shape[1], out.shape[1] - first)
    for i in range(sums.shape[0]):
        to, of = out[row + i], sums[i]
        for j in range(n_columns):
            to[first + j] = of[j] * scale[first + j] + bias[first + j]


@kernel
def _product_of_row(x, w, first, scale, bias, out):
    """The product of one row: several distant panels at once, because one stream of memory is limited by the hardware
    prefetcher, which stops at each 4 KiB page; eight read about twice as fast."""
    tile.never_inline()
    sums = _sums_of_streams()
    stride = w.shape[0] // tile.STREAMS
    for p in range(stride):
        for column in range(0, PANEL, tile.COLUMNS):
            _streams(x, 0, w, p, stride, first, column, sums)
            for i in range(tile.STREAMS):
                _store(sums[i : i + 1], 0, (p + i * stride) * PANEL + column, scale, bias, out)
    for p in range(stride * tile.STREAMS, w.shape[0]):
        for column in range(0, PANEL, tile.COLUMNS):
            _tile_1(x, 0, w, p, 1, first, column, sums)
            _store(sums[:1], 0, p * PANEL + column, scale, bias, out)


@kernel
def product(x, w, first, scale, bias, out):
    """`matmul` with the n_in inputs from `first` on of panels [P, N, 32] that may have more."""
    tile.never_inline()
    n_rows = x.shape[0]
    if n_rows == 1:
        _product_of_row(x, w, first, scale, bias, out)
        return
    sums = _sums()
    for p in range(w.shape[0]):
        for column in range(0, PANEL, tile.COLUMNS):
            place = p * PANEL + column
            is_whole = place + tile.COLUMNS <= out.shape[1]
            for t in range(0, n_rows, tile.TILE_ROWS):
                n_left = min(tile.TILE_ROWS, n_rows - t)
                if is_whole and n_left > _HALF:
                    _whole_tile(x, t, w, p, first, column, scale, bias, out)
                elif is_whole and n_left > 1:
                    _half_whole_tile(x, t, w, p, first, column, scale, bias, out)
                else:
                    if n_left > _HALF:
                        _tile(x, t, w, p, 1, first, column, sums)
                    elif n_left > 1:
                        _half_tile(x, t, w, p, 1, first, column, sums)
                    else:
                        _tile_1(x, t, w, p, 1, first, column, sums)
                    _store(sums[:n_left], t, place, scale, bias, out)


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
