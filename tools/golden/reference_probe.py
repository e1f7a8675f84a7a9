"""How the tools look inside the reference: what its modules return, and its noise replaced by recorded draws."""

from contextlib import contextmanager
from unittest import mock

import numpy as np
import torch
from pocket_tts.models.tts_model import TTSModel


def rows(output: torch.Tensor, time_last: bool) -> np.ndarray:
    """[1, T, C] or [1, C, T] (or [1, C]) as float32 [T, C] (or [C])."""
    output = output.detach()[0]
    return np.ascontiguousarray((output.T if time_last else output).numpy())


@contextmanager
def tapped(modules: dict):
    """Collect what each module of `modules` (name → module) returns: name → list of tensors."""
    seen = {name: [] for name in modules}
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output, name=name: seen[name].append(output.clone()))
        for name, module in modules.items()
    ]
    yield seen
    for hook in hooks:
        hook.remove()


@contextmanager
def recorded_noise(model: TTSModel, draws: np.ndarray):
    """Frame i starts from std · draws[i]; prompting takes none. Yields how many were taken, in a list."""
    run, used, is_frame = model._run_flow_lm_and_increment_step, [0], [False]

    def step(**inputs):
        is_frame[0] = inputs.get("backbone_input_latents") is not None
        return run(**inputs)

    def normal(tensor, mean, std):
        if not is_frame[0]:
            return tensor.zero_()
        used[0] += 1
        return tensor.copy_(std * torch.from_numpy(draws[used[0] - 1]))

    with mock.patch.object(torch.nn.init, "normal_", normal):
        model._run_flow_lm_and_increment_step = step
        yield used
        del model._run_flow_lm_and_increment_step


def stacked_cache(state: dict) -> np.ndarray:
    """Keys and values of every layer, [layer, 2, T, H_kv, D]."""
    return np.stack([layer["cache"][:, 0].numpy() for layer in state.values()])
