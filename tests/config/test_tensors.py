"""The plan of a checkpoint, made from the configuration, is what checkpoints hold and what loading takes."""

import pytest

from pockettts_np.config.load import load_config, released_models
from pockettts_np.config.tensors import is_for_cloning, language_model_stacks, tensors_of
from pockettts_np.weights.checkpoint import open_checkpoint
from tests.support.helpers import GOLDEN
from tests.support.random_models import RandomWeights, random_model, small_config

ARCHITECTURES = ["lsd", "flow_matching", "drifting", "pointwise", "wide", "grouped", "source_filter"]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_checkpoint_of_the_reference_holds_what_is_planned(name):
    held = {tensor: source.shape() for tensor, source in open_checkpoint(GOLDEN / f"{name}.safetensors").items()}
    planned = tensors_of(load_config(GOLDEN / f"{name}.toml"))
    assert {tensor: planned[tensor] for tensor in held} == held
    assert all(is_for_cloning(tensor) for tensor in planned.keys() - held.keys())


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_loading_takes_what_is_planned_each_tensor_once(name):
    """Every layer asks for its tensors with the shapes that its own configuration gives it."""
    weights = RandomWeights.seeded(0)
    model = random_model(small_config(name), weights)
    if model.encoder is not None:
        assert None not in (model.encoder.seanet, model.encoder.transformer, model.encoder.downsample)
    taken = {tensor: source.shape() for tensor, source in weights.sources.items()}
    planned = tensors_of(model.config)
    assert taken == {tensor: planned.get(tensor) for tensor in taken}
    assert all(is_for_cloning(tensor) for tensor in planned.keys() - taken.keys())


@pytest.mark.parametrize("name", released_models())
def test_stacks_of_the_language_model_are_among_its_tensors(name):
    config = load_config(name)
    planned = tensors_of(config)
    stacks = language_model_stacks(config)
    for stack in stacks:
        assert {planned[tensor] for tensor in stack.names} == {stack.shape}
    assert len({tensor for stack in stacks for tensor in stack.names}) == sum(stack.n_layers for stack in stacks)
    inside = {tensor for stack in stacks for tensor in stack.names}
    layers = [tensor for tensor in planned if tensor.startswith("flow_lm.transformer.layers.")]
    assert {tensor for tensor in layers if len(planned[tensor]) == 2} <= inside
