"""One row through all layers of a transformer, by several threads: one leads, the others take parts of its products.

The leader goes through the phases of a step: four products and the attention of each layer, each cut into units of its
outputs. Whoever is free takes the next unit. `shared` begins with the board: a word, whose parts are the number of the
step, the phase and the next unit, and how many units of the phase are done. A helper claims a unit by changing the word
that it has read, so it never takes part in a phase, or a step, that is over; and the leader goes on when all units are
done, so nothing that a helper reads or writes changes meanwhile. What they read and write follows the board.

Each output is summed up as one thread does it: the result is the same to the bit.
"""

from ...arguments import BOARD, DONE, PHASE, STEP, WORD
from ...panels import PANEL
from ...scratch import TEAM_COLUMNS
from ..attention import attention
from ..compiled import kernel
from ..elementwise import add, gelu, layer_norm
from ..products import matmul
from ..scratch import take, zeros
from ..transformer import _split_heads
from ..views import cube, matrix
from .board import claim, count, load, store

IN, ATTENTION, OUT, HIDDEN, LAST, N_PHASES = 0, 1, 2, 3, 4, 5  # of a layer
UNIT_PANELS = TEAM_COLUMNS // PANEL
PATIENCE = 100_000  # looks at the board in vain, together a millisecond, before a helper goes


@kernel
def _n_units(part, n_kv_heads, w):
    if part == ATTENTION:
        return n_kv_heads
    if part == IN:
        n_panels = w.in_proj.shape[1]
    elif part == OUT:
        n_panels = w.out_proj.shape[1]
    elif part == HIDDEN:
        n_panels = w.linear1.shape[1]
    else:
        n_panels = w.linear2.shape[1]
    return -(-n_panels // UNIT_PANELS)


@kernel
def _product(x, w, scale, unit, no_bias, out):
    """Some columns of x @ w.T · scale, all of one row: which ones is returned."""
    first = unit * UNIT_PANELS
    last = min(first + UNIT_PANELS, w.shape[0])
    start, end = first * PANEL, min(last * PANEL, out.shape[1])
    columns = out[0, start:end]
    matmul(x, w[first:last], scale[start:end], no_bias[: end - start], matrix(columns, 1, end - start))
    return columns


@kernel
def _attend(queries, keys, values, n_rows, context, head, attended, scratch):
    """The query heads that one key-value head serves."""
    dim = keys.shape[2]
    width = queries.shape[1] // keys.shape[0]
    mine = slice(head * width, (head + 1) * width)
    query, out = cube(queries[0, mine], 1, width // dim, dim), cube(attended[0, mine], 1, width // dim, dim)
    attention(query, keys[head : head + 1], values[head : head + 1], n_rows, context, out, scratch)


@kernel
def _do(layer, part, unit, rows, keys, values, n_rows, context, w, no_bias, scratch):
    normed, projected, queries, attended, hidden, update = rows
    if part == IN:
        _product(normed, w.in_proj[layer], w.in_scale[layer], unit, no_bias, projected)
    elif part == ATTENTION:
        _attend(queries, keys[layer], values[layer], n_rows, context, unit, attended, scratch)
    elif part == OUT:
        _product(attended, w.out_proj[layer], w.out_scale[layer], unit, no_bias, update)
    elif part == HIDDEN:
        gelu(_product(normed, w.linear1[layer], w.scale1[layer], unit, no_bias, hidden))
    else:
        _product(hidden, w.linear2[layer], w.scale2[layer], unit, no_bias, update)


@kernel
def _rows(shared, width, w):
    """What the threads work on: normed, projected, queries, attended, hidden, update; each [1, n]."""
    left = shared[BOARD:]
    normed, left = take(left, 1, width)
    projected, left = take(left, 1, w.in_scale.shape[1])
    queries, left = take(left, 1, w.out_proj.shape[2])
    attended, left = take(left, 1, w.out_proj.shape[2])
    hidden, left = take(left, 1, w.scale1.shape[1])
    update, left = take(left, 1, width)
    return normed, projected, queries, attended, hidden, update


@kernel
def transformer_lead(x, keys, values, n_rows, position, context, inv_freq, w, shared, scratch):
    """`transformer` on one row, with whoever calls `transformer_assist` meanwhile.

    The word on the board says which step it is, and that none of its units can be had yet.
    """
    dim, n_kv_heads = keys.shape[3], keys.shape[1]
    rows = _rows(shared, x.shape[1], w)
    normed, projected, queries, _, _, update = rows
    query = cube(queries, 1, queries.shape[1] // dim, dim)
    no_bias, scratch = zeros(scratch, TEAM_COLUMNS)
    step = load(shared, WORD) // STEP * STEP
    for phase in range(keys.shape[0] * N_PHASES):
        layer, part = phase // N_PHASES, phase % N_PHASES
        if part == IN:
            layer_norm(x, w.norm1[layer, 0], w.norm1[layer, 1], 1e-5, normed)
        elif part == ATTENTION:
            _split_heads(projected, keys[layer], values[layer], n_rows, position, inv_freq, query)
        elif part == HIDDEN:
            layer_norm(x, w.norm2[layer, 0], w.norm2[layer, 1], 1e-5, normed)
        n_units = _n_units(part, n_kv_heads, w)
        store(shared, DONE, 0)
        store(shared, WORD, step + phase * PHASE)
        word = load(shared, WORD)
        while word % PHASE < n_units:
            if claim(shared, WORD, word):
                _do(layer, part, word % PHASE, rows, keys, values, n_rows, context, w, no_bias, scratch)
                count(shared, DONE)
            word = load(shared, WORD)
        while load(shared, DONE) < n_units:
            pass
        if part in (OUT, LAST):
            add(x, update)
    store(shared, WORD, step + STEP - 1)


@kernel
def transformer_assist(x, keys, values, n_rows, step, context, inv_freq, w, shared, scratch):
    """Help `transformer_lead` with the step of that number, until it is over or nothing comes for a millisecond."""
    n_kv_heads, n_phases = keys.shape[1], keys.shape[0] * N_PHASES
    rows = _rows(shared, x.shape[1], w)
    no_bias, scratch = zeros(scratch, TEAM_COLUMNS)
    n_vain = 0
    while n_vain < PATIENCE:
        n_vain += 1
        word = load(shared, WORD)
        phase, unit = word % STEP // PHASE, word % PHASE
        if word // STEP != step or phase >= n_phases:
            return
        layer, part = phase // N_PHASES, phase % N_PHASES
        if unit < _n_units(part, n_kv_heads, w) and claim(shared, WORD, word):
            _do(layer, part, unit, rows, keys, values, n_rows, context, w, no_bias, scratch)
            count(shared, DONE)
            n_vain = 0
