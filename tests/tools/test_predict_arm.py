"""The prediction for ARM boards: reading machine code, counting a frame's work, and the arithmetic between them."""

import dataclasses

import numpy as np
import pytest

from pockettts_np import TTSModel
from pockettts_np.config.config import SEANetConfig
from pockettts_np.config.load import load_config
from pockettts_np.config.tensors import language_model_stacks, tensors_of
from pockettts_np.kernels.panels import NumberType, n_panels
from tests.support.helpers import GOLDEN
from tools.bench import frame_work, machine_code, predict_arm
from tools.bench.frame_work import PUBLISHED, QUANTIZED, Product, Work
from tools.bench.machine_code import Loop
from tools.bench.predict_arm import BOARDS, Board, Costs, Prediction

LISTING = """
kernels.o:	file format elf64-littleaarch64

Disassembly of section .text:

0000000000000000 <_ZN8products7productB3v10E5ArrayIfLi2E1CE5ArrayIaLi3E1CE>:
       0: mov	x8, xzr
       4: mov	x9, xzr
       8: ldp	q24, q25, [x14]
       c: ldr	s26, [x0], #4
      10: fmla	v23.4s, v24.4s, v26.s[0]
      14: fmla	v19.4s, v25.4s, v26.s[0]
      18: subs	x9, x9, #1
      1c: b.ne	0x8 <_ZN8products7productB3v10E5ArrayIfLi2E1CE5ArrayIaLi3E1CE+0x8>
      20: cbnz	x8, 0x4 <_ZN8products7productB3v10E5ArrayIfLi2E1CE5ArrayIaLi3E1CE+0x4>
      24: cbz	x8, 0x2c <_ZN8products7productB3v10E5ArrayIfLi2E1CE5ArrayIaLi3E1CE+0x2c>
      28: ret
      2c: ret

0000000000000040 <pockettts_np_elu>:
      40: ldr	q16, [x11]
      44: stp	q16, q17, [x11], #32
      48: b.ne	0x40 <pockettts_np_elu>
"""
PRODUCT, ELU = "_ZN8products7productB3v10E5ArrayIfLi2E1CE5ArrayIaLi3E1CE", "pockettts_np_elu"
ALL = tuple(NumberType)


def costs(tile: float = 16.0, streams: float = 32.0) -> Costs:
    return Costs(
        tile=dict.fromkeys(ALL, tile),
        row=dict.fromkeys(ALL, streams / 2),
        streams=dict.fromkeys(ALL, streams),
        activations={"elu": 4.0, "gelu": 8.0, "silu": 8.0},
    )


def test_a_listing_is_read_as_functions():
    code = machine_code.functions(LISTING)
    assert list(code) == [PRODUCT, ELU]
    assert [x.address for x in code[ELU]] == [0x40, 0x44, 0x48]
    assert code[PRODUCT][2].text == "ldp q24, q25, [x14]"


def test_only_loops_without_a_loop_inside_are_found():
    code = machine_code.functions(LISTING)
    (loop,) = machine_code.inner_loops(code[PRODUCT])
    assert loop.instructions[0].startswith("ldp")
    assert loop.instructions[-1].startswith("subs")
    assert (loop.n_multiply_adds, loop.n_stored) == (8, 0)


def test_the_loops_of_a_kernel_are_found_by_its_name_and_its_weights():
    code = machine_code.functions(LISTING)
    assert list(machine_code.product_loops(code, "product", 8)) == [NumberType.INT8]
    assert machine_code.product_loops(code, "product", 64) == {}
    assert machine_code.product_loops(code, "_product_of_row", 8) == {}
    assert machine_code.activation_loop(code, ELU).n_stored == 8


def test_the_shortest_of_equal_loops_counts():
    body = LISTING[LISTING.index("       0:") : LISTING.index("00000040") - 8]
    longer = body.replace("      18: subs", "      17: nop\n      18: subs")
    assert longer != body
    code = machine_code.functions(LISTING + f"\n0000000000000000 <{PRODUCT}2>:\n{longer}")
    assert len(code) == 3
    assert len(machine_code.product_loops(code, "product", 8)[NumberType.INT8].instructions) == 5


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("str q16, [x11], #16", ["str q16, [x11]", "add x11, x11, #16"]),
        ("ld1r { v25.4s }, [x30], #4", ["ld1r { v25.4s }, [x30]", "add x30, x30, #4"]),
        ("ldp q24, q25, [x14, #32]", ["ldp q24, q25, [x14, #32]"]),
        ("fmla v0.4s, v28.4s, v26.s[0]", ["fmla v0.4s, v28.4s, v26.s[0]"]),
    ],
)
def test_a_pointer_that_moves_does_not_wait_for_data(text, split):
    assert machine_code.split_post_index(text) == split


def test_the_report_of_llvm_mca_is_read():
    assert machine_code.total_cycles("Iterations:        200\nTotal Cycles:      2611\nTotal uOps: 7000\n") == 2611
    with pytest.raises(ValueError, match="Total Cycles"):
        machine_code.total_cycles("error: unable to get target")


@pytest.mark.parametrize(
    "name", ["english", "english_18m_2026-10", "english_2m_2026-10", "german_24l", GOLDEN / "source_filter.toml"]
)
def test_every_matrix_of_a_frame_is_counted_once(name):
    """Numbers in the matrices of the products, against the checkpoint's tensors."""
    config = load_config(name)
    tensors = tensors_of(config)
    skipped = (
        "conditioner",
        "speaker_proj",
        "time_embed",
        "encoder",
        "downsample",
        "upsample",
        "bos_emb",
        "bos_before",
    )
    counted = {n: shape for n, shape in tensors.items() if len(shape) > 1 and not any(s in n for s in skipped)}
    eos = config.flow_lm.condition_dim
    head = config.mimi.decoder_head
    last = head.n_filters * head.last_kernel_size if isinstance(head, SEANetConfig) else 0
    for part, work in (
        ("flow_lm.", frame_work.language_model(config, PUBLISHED)),
        ("mimi.", frame_work.decoder(config, PUBLISHED)),
    ):
        numbers = sum(p.count * p.n_out * p.n_in for p in work.products)
        wanted = sum(int(np.prod(shape)) for n, shape in counted.items() if n.startswith(part))
        assert numbers == wanted - (eos if part == "flow_lm." else last)


def test_int8_matrices_are_those_of_a_quantised_file():
    config = load_config("english")
    work = frame_work.language_model(config, QUANTIZED)
    numbers = sum(p.count * p.n_out * p.n_in for p in work.products if p.kind is NumberType.INT8)
    assert numbers == sum(stack.n_layers * int(np.prod(stack.shape)) for stack in language_model_stacks(config))


def test_rows_multiply_with_the_ratios(tiny_model: TTSModel):
    config = tiny_model.config
    s, mimi = config.mimi.decoder_head, config.mimi
    rows = [p.n_rows for p in frame_work.decoder(config, PUBLISHED).products]
    assert rows[0] == 1
    assert max(rows) == mimi.frame_samples == mimi.frame_stride * np.prod(s.ratios)


def test_bytes_are_those_of_whole_panels():
    assert Product(1, 33, 10, NumberType.BFLOAT16, 3).n_bytes == 3 * n_panels(33) * 32 * 10 * 2


def test_cycles_of_a_product():
    """33 outputs are two panels, of two halves each; what is left of four rows is taken alone, in a pair or as four."""
    assert costs().of_product(4, 33, 10, NumberType.INT8) == 2 * 10 * 2 * 16
    for rest, cycles in ((1, 16), (2, 16), (3, 2 * 16)):
        assert costs().of_product(4 + rest, 33, 10, NumberType.INT8) == 2 * 10 * (2 * 16 + cycles)
    assert costs().of_product(1, 33, 10, NumberType.INT8) == 10 * 32
    assert costs().of_product(1, 5 * 32, 10, NumberType.INT8) == 10 * (2 * 32 + 16)


def test_many_rows_meet_weights_that_were_converted_before():
    widened = dataclasses.replace(costs(), tile=dict.fromkeys(ALL, 20.0) | {NumberType.FLOAT32: 16.0})
    few, many = (widened.of_product(n, 32, 10, NumberType.INT8) for n in (predict_arm.WIDENED_FROM - 1, 16))
    assert few == 10 * 2 * 3 * 20
    assert many == 10 * 2 * 4 * 16


def test_cycles_of_work_are_those_of_its_parts():
    products = (Product(4, 32, 10, NumberType.FLOAT32, 3),)
    work = Work(products, {"elu": 100, "gelu": 10}, dot_multiply_adds=640, dot_bytes=0)
    assert costs().of(work) == 3 * 2 * 10 * 16 + 400 + 80 + 640 / 64 * 32


def test_a_network_takes_its_arithmetic_or_its_memory():
    config = load_config("english")
    slow_memory = Board("", "", clock_hz=1e12, read_bytes_s=1e9)
    read = frame_work.language_model(config, QUANTIZED).n_bytes / 1e9
    assert predict_arm.predict(config, QUANTIZED, slow_memory, costs()).language_model == read
    slow_clock = dataclasses.replace(slow_memory, clock_hz=1e6, read_bytes_s=1e15)
    found = predict_arm.predict(config, QUANTIZED, slow_clock, costs())
    assert found.decoder == costs().of(frame_work.decoder(config, QUANTIZED)) / 1e6


def test_on_two_cores_the_slower_network_or_the_shared_memory_counts():
    assert Prediction(1, 2, 2.5).one_core == 3
    assert Prediction(1, 2, 1.5).two_cores == 2
    assert Prediction(1, 2, 2.5).two_cores == 2.5


def test_the_table_has_a_row_for_every_model():
    lines = predict_arm.table({board.name: costs() for board in BOARDS}).splitlines()
    assert len(lines) == 2 + len(predict_arm.MODELS)
    assert len({line.count("|") for line in lines}) == 1


def test_a_loop_stores_whole_registers():
    assert Loop(("str q1, [x0]", "stp q1, q2, [x0]", "str s1, [x0]")).n_stored == 12
