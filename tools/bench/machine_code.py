"""The inner loops of an object file of kernels for 64-bit ARM, and how many cycles a processor needs for them.

The code is read by llvm-objdump and timed by llvm-mca, which knows the pipelines of a processor but no memory: what it
reads is in the first cache.
"""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pockettts_np.kernels.panels import NumberType

FLOATS_A_REGISTER = 4
TIMED_ITERATIONS = 200
TYPE_LETTERS = {"f": NumberType.FLOAT32, "t": NumberType.BFLOAT16, "s": NumberType.FLOAT16, "a": NumberType.INT8}

_FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")
_INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S.*)$")
_BRANCH = re.compile(r"^(?:b|b\.\w+|cbn?z|tbn?z)\s.*?0x([0-9a-f]+)(?: <.*)?$")
_PANELS = re.compile(r"ArrayI([ftsa])Li3E")  # a three-axis array in a name that Numba has mangled
_POST_INDEXED = re.compile(r"^(.*\[(\w+)\]), (#\d+)$")
_TOTAL_CYCLES = re.compile(r"^Total Cycles:\s+(\d+)$", re.MULTILINE)


@dataclass(frozen=True)
class Instruction:
    address: int
    text: str


@dataclass(frozen=True)
class Loop:
    """A loop with no loop inside."""

    instructions: tuple[str, ...]

    @property
    def n_multiply_adds(self) -> int:
        """Products of two numbers and their sums, one iteration."""
        return FLOATS_A_REGISTER * sum(text.startswith("fmla") for text in self.instructions)

    @property
    def n_stored(self) -> int:
        """Numbers that one iteration stores, in whole registers."""
        registers = sum(text.startswith("str q") + 2 * text.startswith("stp q") for text in self.instructions)
        return FLOATS_A_REGISTER * registers


def disassembled(path: Path, objdump: str) -> dict[str, list[Instruction]]:
    """The functions of an object file."""
    command = [objdump, "-d", "--no-show-raw-insn", str(path)]
    return functions(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def functions(listing: str) -> dict[str, list[Instruction]]:
    """The functions in what llvm-objdump has printed."""
    found: dict[str, list[Instruction]] = {}
    instructions: list[Instruction] = []
    for line in listing.splitlines():
        if match := _FUNCTION.match(line):
            instructions = found.setdefault(match[1], [])
        elif match := _INSTRUCTION.match(line):
            instructions.append(Instruction(int(match[1], 16), " ".join(match[2].split())))
    return found


def inner_loops(instructions: list[Instruction]) -> list[Loop]:
    """The loops of a function that hold no other: from where a branch jumps back to, up to that branch."""
    places = {instruction.address: i for i, instruction in enumerate(instructions)}
    spans = []
    for i, instruction in enumerate(instructions):
        match = _BRANCH.match(instruction.text)
        start = places.get(int(match[1], 16), i + 1) if match else i + 1
        if start <= i:
            spans.append((start, i))
    inner = [span for span in spans if not any(other != span and _holds(span, other) for other in spans)]
    return [Loop(tuple(x.text for x in instructions[start:end])) for start, end in inner]


def _holds(span: tuple[int, int], other: tuple[int, int]) -> bool:
    return span[0] <= other[0] and other[1] <= span[1]


def product_loops(code: dict[str, list[Instruction]], function: str, n_sums: int) -> dict[NumberType, Loop]:
    """For each type of weights, the loop of a kernel that adds to `n_sums` numbers an iteration.

    Loops that also do other things are longer, and run at the edges of a matrix: the shortest counts.
    """
    found: dict[NumberType, list[Loop]] = {}
    for name, loop in _loops_of(code, function):
        if loop.n_multiply_adds == n_sums and (match := _PANELS.search(name)):
            found.setdefault(TYPE_LETTERS[match[1]], []).append(loop)
    return {kind: min(loops, key=lambda loop: len(loop.instructions)) for kind, loops in found.items()}


def activation_loop(code: dict[str, list[Instruction]], function: str) -> Loop:
    """The loop of a kernel that stores most numbers an iteration."""
    return max((loop for _, loop in _loops_of(code, function)), key=lambda loop: loop.n_stored)


def _loops_of(code: dict[str, list[Instruction]], function: str) -> Iterator[tuple[str, Loop]]:
    for name, instructions in code.items():
        if name == function or f"{len(function)}{function}B" in name:
            yield from ((name, loop) for loop in inner_loops(instructions))


def cycles(loop: Loop, llvm_mca: str, processor: str) -> float:
    """Cycles of one iteration, after many others."""
    command = [llvm_mca, "-mtriple=aarch64", f"-mcpu={processor}", f"-iterations={TIMED_ITERATIONS}"]
    source = "\n".join(line for text in loop.instructions for line in split_post_index(text))
    return total_cycles(subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout) / (
        TIMED_ITERATIONS
    )


def split_post_index(text: str) -> list[str]:
    """An access that moves its pointer afterwards, as two instructions: llvm-mca lets the pointer wait for the data."""
    match = _POST_INDEXED.match(text)
    return [match[1], f"add {match[2]}, {match[2]}, {match[3]}"] if match else [text]


def total_cycles(report: str) -> int:
    """The cycles that llvm-mca has counted. ValueError: its report names none."""
    match = _TOTAL_CYCLES.search(report)
    if match is None:
        raise ValueError("llvm-mca's report has no line 'Total Cycles'.")
    return int(match[1])
