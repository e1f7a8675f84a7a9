"""Convolutions equal naive loops, and a stream in pieces gives the same as a whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import naive
from tests.support.convolutions import CONVS, TRANSPOSED, conv, depthwise, transposed
from tests.support.helpers import assert_close
from tests.support.streams import SEEDS, cuts, in_pieces, normal, whole

pytestmark = pytest.mark.numerics


@pytest.mark.parametrize("g", CONVS, ids=str)
@pytest.mark.parametrize("n_outputs", [1, 2, 7, 70])  # windows are multiplied 64 at a time
def test_conv1d_equals_naive(g, n_outputs):
    layer, tensors = conv(g)
    x = normal(0, n_outputs * g.stride, 2)
    want = naive.conv1d(x, tensors["weight"], tensors.get("bias"), g.stride, g.dilation, replicate=g.replicate)
    assert_close(whole(layer, x), want)


@pytest.mark.parametrize("g", CONVS, ids=str)
@given(data=st.data(), seed=SEEDS)
@settings(max_examples=25)
def test_conv1d_in_pieces_equals_whole(g, data, seed):
    layer, _ = conv(g)
    x = normal(seed, 9 * g.stride, 2)
    assert_close(in_pieces(layer, x, data.draw(cuts(len(x), g.stride))), whole(layer, x))


@pytest.mark.parametrize(("kernel", "stride"), TRANSPOSED)
@pytest.mark.parametrize("n", [1, 2, 7, 70])
def test_conv_transpose1d_equals_naive(kernel, stride, n):
    x = normal(0, n, 3)
    layer, tensors = transposed(kernel, stride)
    assert_close(whole(layer, x), naive.conv_transpose1d(x, tensors["weight"], tensors["bias"], stride))
    layer, tensors = depthwise(kernel, stride)
    assert_close(whole(layer, x), naive.depthwise_conv_transpose1d(x, tensors["weight"], stride))


@pytest.mark.parametrize("make", [transposed, depthwise])
@pytest.mark.parametrize(("kernel", "stride"), TRANSPOSED)
@given(data=st.data(), seed=SEEDS)
@settings(max_examples=25)
def test_conv_transpose1d_in_pieces_equals_whole(make, kernel, stride, data, seed):
    layer, _ = make(kernel, stride)
    x = normal(seed, 8, 3)
    assert_close(in_pieces(layer, x, data.draw(cuts(8))), whole(layer, x))


def test_a_silent_stream_through_a_transposed_convolution_is_its_bias():
    """The tail must not carry the bias: it would be added twice wherever a chunk begins."""
    layer, tensors = transposed(6, 2)
    got = in_pieces(layer, np.zeros((5, 3), np.float32), [0, 1, 2, 5])
    assert np.array_equal(got, np.tile(tensors["bias"], (10, 1)))


@pytest.mark.parametrize("g", CONVS, ids=str)
def test_no_frames_give_none_and_change_nothing(g):
    layer, _ = conv(g)
    x = normal(0, 4 * g.stride, 2)
    assert len(whole(layer, x[:0])) == 0
    assert_close(in_pieces(layer, x, [0, 0, len(x), len(x)]), whole(layer, x))


@pytest.mark.parametrize("make", [transposed, depthwise])
def test_no_frames_through_a_transposed_convolution_give_none(make):
    layer, _ = make(6, 2)
    x = normal(0, 4, 3)
    assert len(whole(layer, x[:0])) == 0
    assert_close(in_pieces(layer, x, [0, 0, 4, 4]), whole(layer, x))
