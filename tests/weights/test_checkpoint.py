"""Checkpoints: what is stored is what is read, each tensor once, and no file can do worse than a clear ValueError."""

import json
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file

from pockettts_np.kernels.panels import NumberType, Panels, as_float32, bfloat16_to_float32, pack
from pockettts_np.weights.checkpoint import Weights, open_checkpoint
from pockettts_np.weights.packing import lone_panels, quantize_rows, stacked_panels
from pockettts_np.weights.safetensors_file import SafetensorsFile
from pockettts_np.weights.storage import Storage
from pockettts_np.weights.training_names import open_flow_lm, open_mimi
from tests.support.helpers import GOLDEN, assert_close


def file_bytes(header: object, data: bytes = b"", pad: int = 0) -> bytes:
    """A safetensors file, whatever the header says; `pad` spaces behind the header move the data."""
    text = json.dumps(header).encode() + b" " * pad
    return len(text).to_bytes(8, "little") + text + data


def entry(dtype: str, shape: list[int], start: int, stop: int) -> dict:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


@pytest.fixture
def write(tmp_path):
    """Write bytes, or named arrays, to a file and return its path."""

    def write(content):
        path = tmp_path / "model.safetensors"
        path.write_bytes(content) if isinstance(content, bytes) else save_file(content, path)
        return path

    return write


# ---------------------------------------------------------------- what is stored is what is read


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.float64])
@pytest.mark.parametrize("shape", [(3, 5), (), (1,), (0, 4), (2, 1, 3)])
def test_tensors_of_every_width_become_float32(write, dtype, shape):
    stored = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    file = SafetensorsFile(write({"a": np.asarray(stored), "b": np.ones(3, dtype)}))
    got = file.float32("a")
    assert got.dtype == np.float32
    assert np.array_equal(got, stored.astype(np.float32))
    assert np.array_equal(file.raw("a"), stored)
    assert np.array_equal(file.float32("b"), [1, 1, 1])


@pytest.mark.parametrize("dtype", [np.int64, np.int8])
def test_integers_are_read_as_they_are(write, dtype):
    stored = np.array([-128, 0, 127], dtype)
    got = SafetensorsFile(write({"a": stored})).raw("a")
    assert got.dtype == dtype
    assert np.array_equal(got, stored)


BFLOAT16 = {
    0x0000: 0.0,
    0x8000: -0.0,
    0x3F80: 1.0,
    0xBF80: -1.0,
    0x4049: 3.140625,
    0x3E20: 0.15625,
    0x0080: 2.0**-126,  # the smallest normal number
    0x0001: 2.0**-133,  # the smallest of all
    0x7F7F: 255 * 2.0**120,  # the largest
    0x7F80: math.inf,
    0xFF80: -math.inf,
}


def test_bfloat16_has_the_published_values(write):
    bits = np.array(list(BFLOAT16), np.uint16)
    header = {"a": entry("BF16", [len(bits)], 0, bits.nbytes), "b": entry("BF16", [1], bits.nbytes, bits.nbytes + 2)}
    file = SafetensorsFile(write(file_bytes(header, bits.tobytes() + b"\xc0\x7f")))
    want = np.array(list(BFLOAT16.values()), np.float32)
    assert np.array_equal(file.float32("a"), want)
    assert np.array_equal(np.signbit(file.float32("a")), np.signbit(want))
    assert np.isnan(file.float32("b")).all()


@given(bits=st.lists(st.integers(0, 0xFFFF), min_size=1))
def test_bfloat16_is_the_upper_half_of_float32(bits):
    got = bfloat16_to_float32(np.array(bits, np.uint16))
    assert got.dtype == np.float32
    assert np.array_equal(got.view(np.uint32) >> 16, bits)
    assert not (got.view(np.uint32) & 0xFFFF).any()


@pytest.mark.parametrize("pad", range(8))
@pytest.mark.parametrize(("dtype", "stored"), [("F32", np.float32), ("F16", np.float16), ("I64", np.int64)])
def test_tensors_at_odd_places_are_read_too(write, pad, dtype, stored):
    """The format does not promise alignment: here the data begins anywhere, behind a tensor of one byte."""
    want = np.arange(4).astype(stored)
    header = {"byte": entry("I8", [1], 0, 1), "a": entry(dtype, [4], 1, 1 + want.nbytes)}
    got = SafetensorsFile(write(file_bytes(header, b"\x07" + want.tobytes(), pad))).raw("a")
    assert np.array_equal(got, want)
    assert got.flags.aligned


def test_float32_is_a_view_of_the_file_and_the_file_stays_as_it_is(write):
    path = write({"a": np.ones(1000, np.float32)})
    before = path.read_bytes()
    file = SafetensorsFile(path)
    assert np.shares_memory(file.float32("a"), file.float32("a"))
    file.float32("a")[:] = 2  # a private copy of the page
    assert path.read_bytes() == before


def test_released_pages_are_read_again(write):
    stored = np.random.default_rng(0).standard_normal((3, 5000)).astype(np.float32)
    file = SafetensorsFile(write({"a": stored[0], "b": stored[1], "c": stored[2]}))
    views = [file.float32(name) for name in "abc"]
    file.release("b")
    assert np.array_equal(views, stored)


def test_metadata_is_kept_apart(write):
    file = SafetensorsFile(write(file_bytes({"__metadata__": {"made": "today"}})))
    assert file.metadata == {"made": "today"}
    assert list(file.names()) == []


# ---------------------------------------------------------------- hostile files


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        SafetensorsFile(tmp_path / "none.safetensors")
    with pytest.raises(IsADirectoryError):
        SafetensorsFile(tmp_path)


def test_a_file_cut_short_at_any_byte_is_refused(write):
    header = {"a": entry("F32", [3], 0, 12), "b": entry("BF16", [2], 12, 16)}
    content = file_bytes(header, bytes(16))
    for n in range(len(content)):
        path = write(content[:n])
        with pytest.raises(ValueError, match=r"model\.safetensors"):
            SafetensorsFile(path)
    assert len(list(SafetensorsFile(write(content)).names())) == 2


def read_everything(path) -> None:
    file = SafetensorsFile(path)
    for name in file.names():
        file.raw(name)
        file.float32(name)
        file.release(name)


def assert_harmless(content: bytes, path) -> None:
    """Reading the file works or is a ValueError, and never takes more memory than some copies of the file."""
    path.write_bytes(content)
    tracemalloc.start()
    try:
        read_everything(path)
    except ValueError:
        pass
    finally:
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak_bytes < 1_000_000 + 20 * len(content)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile") / "x.safetensors"


@given(content=st.binary(max_size=200))
@example(content=(2**63 - 1).to_bytes(8, "little") + b"{}")
@example(content=(3).to_bytes(8, "little") + b"[1]")
@example(content=(2).to_bytes(8, "little") + b"\xff\xfe")
def test_random_bytes(hostile, content):
    assert_harmless(content, hostile)


COUNTS = st.one_of(
    st.integers(-2, 40), st.sampled_from([2**31, 2**63, 10**30, -(10**30)]), st.floats(), st.booleans(), st.none()
)
ENTRIES = st.one_of(
    st.fixed_dictionaries(
        {
            "dtype": st.sampled_from(["F32", "BF16", "F16", "I64", "I8", "F8_E4M3", "", 3, None, []]),
            "shape": st.one_of(st.lists(COUNTS, max_size=4), st.just("ab"), st.none()),
            "data_offsets": st.lists(COUNTS, min_size=1, max_size=3),
        }
    ),
    st.none(),
    st.text(max_size=3),
    st.dictionaries(st.sampled_from(["dtype", "shape"]), st.none()),
)


@given(header=st.dictionaries(st.one_of(st.text(max_size=3), st.just("__metadata__")), ENTRIES, max_size=3))
@example(header={"a": entry("F32", [0, 10**30], 0, 0)})
@example(header={"a": entry("F32", [0], 32, 32)})
@example(header={"a": entry("F32", [1] * 70, 0, 4)})
@example(header={"a": entry("F32", [True], 0, 4)})
@example(header={"a": entry("U8", [2**60], 0, 2**60)})
@settings(max_examples=100)
def test_headers_that_lie(hostile, header):
    assert_harmless(file_bytes(header, bytes(32)), hostile)


@given(data=st.data())
@settings(max_examples=100)
def test_a_good_file_with_a_changed_byte(hostile, data):
    content = bytearray(file_bytes({"a": entry("F32", [3], 0, 12), "b": entry("BF16", [2], 12, 16)}, bytes(16)))
    content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    assert_harmless(bytes(content), hostile)


@pytest.mark.parametrize(
    "text", [b'{"a":' + b"[" * 100_000, b'{"a":' + b"1" * 5000 + b"}"], ids=["deep", "long number"]
)
def test_a_header_that_python_cannot_read(hostile, text):
    assert_harmless(len(text).to_bytes(8, "little") + text, hostile)
    with pytest.raises(ValueError, match=r"x\.safetensors is not a safetensors file"):
        SafetensorsFile(hostile)


@pytest.mark.parametrize(
    ("lie", "sentence"),
    [
        (entry("F32", [2], 0, 4), r"'a' holds 4 bytes, not F32 \[2\]"),
        (entry("BF16", [2], 0, 8), r"'a' holds 8 bytes, not BF16 \[2\]"),
        (entry("F32", [-1], 0, 4), "'a' has a shape or an offset that is no count"),
        (entry("F32", [1.0], 0, 4), "'a' has a shape or an offset that is no count"),
        (entry("F32", [3], 0, 12), "'a' ends at byte 12 of the data, the file has 8"),
    ],
)
def test_what_is_wrong_with_a_tensor_is_said(write, lie, sentence):
    with pytest.raises(ValueError, match=sentence):
        SafetensorsFile(write(file_bytes({"a": lie}, bytes(8))))


@pytest.mark.parametrize("b", [entry("F32", [1], 0, 4), entry("F32", [1], 4, 8), entry("F16", [1], 6, 8)])
def test_tensors_that_share_bytes_are_refused(write, b):
    header = {"a": entry("F32", [2], 0, 8), "nothing": entry("F32", [0], 4, 4)}
    assert len(list(SafetensorsFile(write(file_bytes(header, bytes(8)))).names())) == 2
    with pytest.raises(ValueError, match=r"is damaged: its tensors '[ab]' and '[ab]' share bytes"):
        SafetensorsFile(write(file_bytes({"b": b, **header}, bytes(8))))


def test_a_tensor_of_an_unknown_type_is_only_refused_when_read(write):
    file = SafetensorsFile(write(file_bytes({"a": entry("F8_E4M3", [4], 0, 4)}, bytes(4))))
    with pytest.raises(ValueError, match="'a' has type F8_E4M3; wanted one of F32"):
        file.raw("a")


# ---------------------------------------------------------------- taking tensors


def weights(write, tensors: dict[str, np.ndarray]) -> Weights:
    path = write({name: np.asarray(array) for name, array in tensors.items()})
    return Weights("model.safetensors", open_checkpoint(path))


def test_tensors_are_taken_by_scoped_names(write):
    a, b = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(2, np.float16)
    w = weights(write, {"lm.layers.0.a": a, "lm.b": b})
    assert np.array_equal(w.scope("lm").scope("layers.0").take("a", (2, 3)), a)
    got = w.scope("lm").take("b", (2,))
    assert got.dtype == np.float32
    assert np.array_equal(got, b)


def test_has_knows_tensors_and_what_is_above_them(write):
    w = weights(write, {"lm.layers.a": np.ones(1, np.float32)})
    assert [w.has(name) for name in ("lm", "lm.layers", "lm.layers.a")] == [True] * 3
    assert not any(w.has(name) for name in ("lm.lay", "layers", "lm.layers.a.b", ""))
    assert w.scope("lm").has("layers")


def test_a_missing_tensor_is_named_with_the_shape_wanted(write):
    w = weights(write, {"lm.a": np.ones(1, np.float32)})
    with pytest.raises(ValueError, match=r"model.safetensors: the tensor 'lm.b' of shape \[2, 3\] is missing"):
        w.scope("lm").take("b", (2, 3))


def test_a_wrong_shape_is_named_with_both_shapes(write):
    w = weights(write, {"lm.a": np.ones((3, 2), np.float32)})
    with pytest.raises(ValueError, match=r"'lm.a' has shape \[3, 2\]; the configuration wants \[2, 3\]"):
        w.scope("lm").take("a", (2, 3))


@pytest.mark.parametrize("bad", [[np.nan], [np.inf], [-np.inf], [np.inf, -np.inf], [np.nan, np.inf]])
@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_tensor_that_is_not_finite_is_named(write, bad, dtype):
    array = np.ones(20, dtype)
    array[3 : 3 + len(bad)] = bad
    with pytest.raises(ValueError, match="'a' holds NaN or infinity"):
        weights(write, {"a": array}).take("a", (20,))


def test_large_finite_numbers_are_no_infinity(write):
    array = np.full(20, 3e38, np.float32)
    assert np.array_equal(weights(write, {"a": array}).take("a", (20,)), array)


def test_a_tensor_cannot_be_taken_twice(write):
    w = weights(write, {"lm.a": np.ones(1, np.float32)})
    w.take("lm.a", (1,))
    with pytest.raises(ValueError, match=r"'lm\.a' was taken twice"):
        w.scope("lm").take("a", (1,))


def test_a_checkpoint_that_holds_what_is_wanted_is_accepted_unread(write):
    """By its header alone: that a number is NaN is found when it is taken."""
    w = weights(write, {"lm.a": np.full((2, 3), np.nan, np.float32), "lm.b": np.ones(2, np.float32)})
    w.require({"lm.a": (2, 3), "lm.b": (2,)})
    w.scope("lm").require({"a": (2, 3), "b": (2,)})
    assert w.taken == set()
    with pytest.raises(ValueError, match="NaN"):
        w.take("lm.a", (2, 3))


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"a": (2,), "b": (3,), "c": (1,)}, r"model\.safetensors: the tensor 'c' of shape \[1\] is missing"),
        ({"a": (2,), "b": (4,)}, r"'b' has shape \[3\]; the configuration wants \[4\]"),
    ],
)
def test_a_checkpoint_that_lacks_what_is_wanted_is_refused(write, wanted, sentence):
    w = weights(write, {"a": np.ones(2, np.float32), "b": np.ones(3, np.float32)})
    with pytest.raises(ValueError, match=sentence):
        w.require(wanted)


@pytest.mark.parametrize(("n", "names"), [(1, r"'t0'\."), (3, r"'t0', 't1', 't2'\."), (5, r"'t2' and 2 more\.")])
def test_tensors_that_have_no_place_are_named(write, n, names):
    w = weights(write, {f"t{i}": np.ones(1, np.float32) for i in range(n)} | {"used": np.ones(1, np.float32)})
    with pytest.raises(ValueError, match=names):
        w.require({"used": (1,)})


def test_a_scope_wants_nothing_of_others(write):
    w = weights(write, {"a.x": np.ones(1, np.float32), "b.x": np.ones(1, np.float32)})
    w.scope("a").require({"x": (1,)})
    with pytest.raises(ValueError, match=r"'b\.x'"):
        w.require({"a.x": (1,)})


def test_tensors_can_be_taken_again_on_a_new_account(write):
    w = weights(write, {"a": np.ones(2, np.float32)})
    w.take("a", (2,))
    assert np.array_equal(w.again().take("a", (2,)), [1, 1])
    with pytest.raises(ValueError, match="'a' was taken twice"):
        w.take("a", (2,))


def test_stacks_keep_the_order_given(write):
    tensors = {f"{i}.a": np.full((2, 2), i, np.float32) for i in range(3)}
    w = weights(write, tensors)
    got = w.stack(["2.a", "0.a", "1.a"], (2, 2))
    assert np.array_equal(got[:, 0, 0], [2, 0, 1])


# ---------------------------------------------------------------- int8 matrices


def test_rounding_to_int8_is_within_half_a_step():
    w = np.random.default_rng(0).standard_normal((6, 40)).astype(np.float32) * np.logspace(-3, 3, 6)[:, None]
    w = w.astype(np.float32)
    w[2] = 0
    values, scale = quantize_rows(w)
    assert values.dtype == np.int8
    assert scale.dtype == np.float32
    assert np.array_equal(np.abs(values).max(axis=1), [127, 127, 0, 127, 127, 127])
    assert np.all(np.abs(values * scale[:, None] - w) <= 0.5001 * scale[:, None])


@pytest.fixture
def three_matrices():
    """Matrices of 40 outputs, so that the second of their panels is not full."""
    arrays = np.random.default_rng(1).standard_normal((3, 40, 5)).astype(np.float32)
    return {f"layers.{i}.w": arrays[i] for i in range(3)}, arrays


def stacked(w: Weights) -> Panels:
    return stacked_panels(w, "layers.{}.w", 3, (40, 5))


def test_matrices_are_panels_of_float32_with_scales_of_one(write, three_matrices):
    tensors, arrays = three_matrices
    w = weights(write, tensors)
    panels = stacked(w)
    assert (panels.kind, panels.n_out) == (NumberType.FLOAT32, 40)
    assert np.array_equal(panels.data, pack(arrays))
    assert np.array_equal(panels.scale, np.ones((3, 40)))
    assert w.taken == set(tensors)
    assert np.array_equal(panels[1].data, pack(arrays[1]))


def bfloat16_file(arrays: np.ndarray) -> tuple[bytes, np.ndarray]:
    """A checkpoint of layers.N.w cut down to bfloat16, and the numbers that are left."""
    bits = (arrays.view(np.uint32) >> 16).astype(np.uint16)
    size = bits[0].nbytes
    header = {f"layers.{i}.w": entry("BF16", list(b.shape), i * size, (i + 1) * size) for i, b in enumerate(bits)}
    return file_bytes(header, bits.tobytes()), (bits.astype(np.uint32) << 16).view(np.float32)


def test_matrices_of_bfloat16_stay_so(write, three_matrices):
    content, numbers = bfloat16_file(three_matrices[1])
    w = Weights("m", open_checkpoint(write(content)))
    panels = stacked(w)
    assert (panels.kind, panels.data.itemsize) == (NumberType.BFLOAT16, 2)
    assert np.array_equal(as_float32(panels.data), pack(numbers))
    assert np.array_equal(panels.scale, np.ones((3, 40)))
    lone = lone_panels(w, numbers[0])
    assert lone.kind is NumberType.BFLOAT16
    assert np.array_equal(as_float32(lone.data), pack(numbers[0]))
    assert lone_panels(w, three_matrices[1][0]).kind is NumberType.FLOAT32


def test_matrices_of_float16_stay_so(write, three_matrices):
    halves = {name: array.astype(np.float16) for name, array in three_matrices[0].items()}
    w = Weights("m", open_checkpoint(write(halves)))
    panels = stacked(w)
    want = three_matrices[1].astype(np.float16)
    assert (panels.kind, panels.data.itemsize) == (NumberType.FLOAT16, 2)
    assert np.array_equal(as_float32(panels.data), pack(want.astype(np.float32)))
    assert np.array_equal(panels.scale, np.ones((3, 40)))
    lone = lone_panels(w, want[0])
    assert lone.kind is NumberType.FLOAT16
    assert np.array_equal(as_float32(lone.data), pack(want[0].astype(np.float32)))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_a_tensor_is_taken_as_a_matrix(write, dtype):
    stored = np.random.default_rng(0).standard_normal((3, 4, 5)).astype(dtype)
    w = weights(write, {"a": stored, "b": stored * np.array(np.inf, dtype)})
    got = w.take_matrix("a", (3, 4, 5), (2, 0, 1), 4)
    assert got.dtype == dtype
    assert np.array_equal(got, [[stored[o, i, k] for i in range(4)] for k in range(5) for o in range(3)])
    with pytest.raises(ValueError, match="'b' holds NaN or infinity"):
        w.take_matrix("b", (3, 4, 5), (0, 1, 2), 5)
    with pytest.raises(ValueError, match="'a' was taken twice"):
        w.take_matrix("a", (3, 4, 5), (0, 1, 2), 5)


@pytest.mark.parametrize("is_bfloat16", [False, True])
@pytest.mark.parametrize("kind", [NumberType.FLOAT16, NumberType.INT8])
def test_matrices_are_made_smaller_on_request(write, three_matrices, kind, is_bfloat16):
    tensors, arrays = three_matrices
    if is_bfloat16:
        tensors, arrays = bfloat16_file(arrays)
    panels = stacked(Weights("m", open_checkpoint(write(tensors)), Storage(stacks=kind)))
    assert panels.kind is kind
    if kind is NumberType.FLOAT16:
        assert np.array_equal(as_float32(panels.data), pack(arrays.astype(np.float16).astype(np.float32)))
        assert np.array_equal(panels.scale, np.ones((3, 40)))
    else:
        rounded = [quantize_rows(array) for array in arrays]
        assert np.array_equal(panels.data, pack(np.array([values for values, _ in rounded]), kind))
        assert np.array_equal(panels.scale, [steps for _, steps in rounded])


def test_lone_matrices_are_float16_on_request(write, three_matrices):
    tensors, arrays = three_matrices
    w = Weights("m", open_checkpoint(write(tensors))).held_as(Storage(lone=NumberType.FLOAT16))
    lone = lone_panels(w, arrays[0])
    assert lone.kind is NumberType.FLOAT16
    assert np.array_equal(as_float32(lone.data), pack(arrays[0].astype(np.float16).astype(np.float32)))


def test_a_single_row_is_never_rounded(write, three_matrices):
    """As in the smallest residual blocks."""
    tensors, arrays = three_matrices
    for storage in (Storage(), Storage(lone=NumberType.FLOAT16)):
        lone = lone_panels(Weights("m", open_checkpoint(write(tensors)), storage), arrays[0][:1])
        assert (lone.kind, lone.n_out) == (NumberType.FLOAT32, 1)
        assert np.array_equal(lone.data, pack(arrays[0][:1]))


def test_a_quantised_checkpoint_is_used_where_it_lies(write, three_matrices):
    tensors, _ = three_matrices
    panels = stacked(Weights("m", open_checkpoint(write(tensors)), Storage(stacks=NumberType.INT8)))
    stored = weights(write, {"layers.*.w": panels.data, "layers.*.w_scale": panels.scale})
    again = stacked(stored)
    assert again.kind is NumberType.INT8
    assert np.array_equal(again.data, panels.data)
    assert np.array_equal(again.scale, panels.scale)
    assert stored.taken == {"layers.*.w", "layers.*.w_scale"}


def test_scales_of_a_matrix_that_is_not_int8_are_refused(write, three_matrices):
    packed = pack(three_matrices[1])
    w = weights(write, {"layers.*.w": packed, "layers.*.w_scale": np.ones((3, 40), np.float32)})
    with pytest.raises(ValueError, match=r"'layers\.\*\.w' is float32; its scales want int8"):
        stacked(w)


# ---------------------------------------------------------------- names used while training


def test_training_files_hold_the_released_model_under_other_names():
    released = load_file(GOLDEN / "lsd.safetensors")
    sources = open_flow_lm(GOLDEN / "lsd_raw_flow_lm.safetensors") | open_mimi(GOLDEN / "lsd_raw_mimi.safetensors")
    assert set(sources) == set(released)
    for name, source in sources.items():
        assert_close(source.read(), released[name])


def test_weight_norm_is_gain_times_direction_over_its_norm(write):
    rng = np.random.default_rng(2)
    direction, gain = rng.standard_normal((3, 2, 4)).astype(np.float32), np.array([0.5, -2, 3], np.float32)
    tensors = {"model.encoder.conv.conv.weight_v": direction, "model.encoder.conv.conv.weight_g": gain[:, None, None]}
    (name, source), *rest = open_mimi(write(tensors)).items()
    assert rest == []
    assert name == "mimi.encoder.conv.weight"
    want = np.zeros((3, 2, 4))
    for o in range(3):
        want[o] = gain[o] * direction[o] / math.sqrt(sum(float(v) ** 2 for v in direction[o].ravel()))
    assert_close(source.read(), want)
    source.release()  # nothing to let go of
    assert np.array_equal(source.read_stored(), source.read())


def test_a_codec_may_lie_in_a_whole_checkpoint():
    """Then only its own tensors count."""
    sources = open_mimi(GOLDEN / "lsd.safetensors")
    names = {name for name in load_file(GOLDEN / "lsd.safetensors") if name.startswith("mimi.")}
    assert set(sources) == names
