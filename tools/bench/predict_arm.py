"""How fast a Raspberry Pi speaks, predicted from the machine code of the kernels. No board is needed.

    python -m tools.build.emit aarch64 kernels.o
    python -m tools.bench.predict_arm kernels.o --llvm-mca llvm-mca-19

For each model: the cycles of a frame's inner loops, as llvm-mca counts them, and the time in which memory delivers a
frame's weights. A network takes the longer of the two (Williams et al. 2009, Roofline). On one core the networks take
turns; on two they run side by side and share the memory. What is left out makes a board slower than its prediction.

llvm-mca must be of version 17 or newer: older ones do not know the pipelines of the Neoverse N1, which is the
Cortex-A76 of servers, and none knows those of the Cortex-A76 itself.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pockettts_np.config.config import Config
from pockettts_np.config.load import load_config
from pockettts_np.hub import catalogue
from pockettts_np.kernels.panels import PANEL, NumberType, n_panels
from pockettts_np.loading.headers import stored_config
from pockettts_np.weights.safetensors_file import SafetensorsFile
from tools.bench import machine_code
from tools.bench.frame_work import PUBLISHED, QUANTIZED, Kinds, Work, decoder, language_model
from tools.bench.machine_code import Loop

# Of pockettts_np/kernels/loops/tile.py and products.py on NEON.
TILE_ROWS, COLUMNS, STREAMS = 4, 16, 2
INPUTS = 4  # of an iteration of the loops for several rows
WIDENED_FROM = 3 * TILE_ROWS  # rows for which weights are converted beforehand, once


@dataclass(frozen=True)
class Board:
    """A computer, as published."""

    name: str
    processor: str  # llvm-mca's name of its pipelines
    clock_hz: float
    read_bytes_s: float  # of its memory by one core


BOARDS = (
    # STREAM, one core, its best kernel: https://www.sci-pi.org.uk/bench/stream.html
    Board("Pi 4", "cortex-a72", 1.8e9, 5.56e9),
    # tinymembench, "C scan 64" of the 8 GB board: https://github.com/raspberrypi/firmware/issues/1876
    Board("Pi 5", "neoverse-n1", 2.4e9, 9.12e9),
)


@dataclass(frozen=True)
class Costs:
    """Cycles that a processor needs."""

    tile: dict[NumberType, float]  # TILE_ROWS rows times COLUMNS weights, or half of them times a panel, one input
    row: dict[NumberType, float]  # one row times a panel, one input
    streams: dict[NumberType, float]  # one row times STREAMS panels, one input
    activations: dict[str, float]  # one number

    def of_product(self, n_rows: int, n_out: int, n_in: int, kind: NumberType) -> float:
        """To convert weights beforehand is left out: one of the rows' products takes as long."""
        panels = n_panels(n_out)
        if n_rows == 1:
            groups, rest = divmod(panels, STREAMS)
            once = groups * self.streams[kind] + rest * self.row[kind]
        else:
            kind = kind if n_rows < WIDENED_FROM else NumberType.FLOAT32
            tiles, rest = divmod(n_rows, TILE_ROWS)
            rest_cycles = (0, self.row[kind], self.tile[kind], PANEL // COLUMNS * self.tile[kind])[rest]
            once = panels * (tiles * PANEL // COLUMNS * self.tile[kind] + rest_cycles)
        return n_in * once

    def of(self, work: Work) -> float:
        """Products of vectors are counted as the product of one row with a float32 matrix."""
        products = sum(p.count * self.of_product(p.n_rows, p.n_out, p.n_in, p.kind) for p in work.products)
        activations = sum(n * self.activations[name] for name, n in work.activations.items())
        dots = work.dot_multiply_adds / (STREAMS * PANEL) * self.streams[NumberType.FLOAT32]
        return products + activations + dots


@dataclass(frozen=True)
class Prediction:
    """Seconds of one frame."""

    language_model: float
    decoder: float
    memory: float  # what both read

    @property
    def one_core(self) -> float:
        return self.language_model + self.decoder

    @property
    def two_cores(self) -> float:
        return max(self.language_model, self.decoder, self.memory)


def costs(object_file: Path, processor: str, llvm_mca: str, objdump: str) -> Costs:
    """The cycles of the loops in an object file of kernels for 64-bit ARM."""
    code = machine_code.disassembled(object_file, objdump)

    def cycles(loop: Loop) -> float:
        return machine_code.cycles(loop, llvm_mca, processor)

    def products(function: str, n_sums: int, n_inputs: int = 1) -> dict[NumberType, float]:
        loops = machine_code.product_loops(code, function, n_sums * n_inputs)
        return {kind: cycles(loop) / n_inputs for kind, loop in loops.items()}

    activations = {name: machine_code.activation_loop(code, f"pockettts_np_{name}") for name in ("elu", "gelu", "silu")}
    return Costs(
        tile=products("_rows", TILE_ROWS * COLUMNS, INPUTS),
        row=products("_rows", PANEL),
        streams=products("_by_panels", STREAMS * PANEL),
        activations={name: cycles(loop) / loop.n_stored for name, loop in activations.items()},
    )


def predict(config: Config, kinds: Kinds, board: Board, costs: Costs) -> Prediction:
    """A network takes as long as its arithmetic or its memory, whichever takes longer."""
    works = language_model(config, kinds), decoder(config, kinds)
    memory = [work.n_bytes / board.read_bytes_s for work in works]
    taken = [max(costs.of(work) / board.clock_hz, read) for work, read in zip(works, memory, strict=True)]
    return Prediction(*taken, sum(memory))


def real_time(config: Config, frame_s: float) -> float:
    """Seconds of speech a second."""
    return 1 / (config.mimi.frame_rate * frame_s)


MODELS: tuple[tuple[str, Callable[[], Config], Kinds], ...] = (
    ("builtin, int8", lambda: stored_config(SafetensorsFile(catalogue.builtin_file())), QUANTIZED),
    ("english_2m, bfloat16", lambda: load_config("english_2m_2026-10"), PUBLISHED),
    ("english_18m, bfloat16", lambda: load_config("english_18m_2026-10"), PUBLISHED),
    ("english, int8", lambda: load_config("english"), QUANTIZED),
)


def table(found: dict[str, Costs]) -> str:
    """A row for each model, for the costs of each board."""
    lines = [
        "| model | multiply-adds a frame | bytes read a frame |"
        + "".join(f" {board.name}, one core | {board.name}, two |" for board in BOARDS),
        "|---|---|---|" + "---|---|" * len(BOARDS),
    ]
    for name, config_of, kinds in MODELS:
        config = config_of()
        works = language_model(config, kinds), decoder(config, kinds)
        cells = [
            name,
            f"{sum(work.n_multiply_adds for work in works) / 1e6:.0f} M",
            f"{sum(work.n_bytes for work in works) / 1e6:.1f} MB",
        ]
        for board in BOARDS:
            prediction = predict(config, kinds, board, found[board.name])
            cells += [f"{real_time(config, s):.1f}" for s in (prediction.one_core, prediction.two_cores)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Predict how fast a Raspberry Pi speaks.")
    parser.add_argument("kernels", type=Path, help="object file of `python -m tools.build.emit aarch64 FILE`")
    parser.add_argument("--llvm-mca", default="llvm-mca", help="17 or newer (default: %(default)s)")
    parser.add_argument("--objdump", default="llvm-objdump", help="default: %(default)s")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    print(table({board.name: costs(args.kernels, board.processor, args.llvm_mca, args.objdump) for board in BOARDS}))


if __name__ == "__main__":
    main()
