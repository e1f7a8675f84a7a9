"""The flow net, which turns noise into a latent, and the four ways of calling it."""

from dataclasses import dataclass

import numpy as np

from ..config.config import FlowConfig
from ..config.tensors import TIME_FREQUENCIES
from ..kernels import entry_points as kernels
from ..kernels.arguments import FlowWeights
from ..kernels.panels import of_one_kind, pack
from ..weights.checkpoint import Weights
from ..weights.packing import stacked_panels
from .linear import Linear
from .norm import std_norm


@dataclass(frozen=True, eq=False, repr=False)
class TimeEmbedder:
    """A time in [0, 1] as a vector: sines and cosines through a small network and a norm."""

    freqs: np.ndarray  # [128]
    linear1: Linear
    linear2: Linear
    gain: np.ndarray  # [h]

    @classmethod
    def load(cls, w: Weights, width: int) -> "TimeEmbedder":
        return cls(
            w.take("freqs", (TIME_FREQUENCIES // 2,)),
            Linear.load(w.scope("mlp.0"), TIME_FREQUENCIES, width, bias=True),
            Linear.load(w.scope("mlp.2"), width, width, bias=True),
            w.take("mlp.3.alpha", (width,)),
        )

    def __call__(self, t: float) -> np.ndarray:  # -> [h]
        angles = np.float32(t) * self.freqs
        x = np.concatenate([np.cos(angles), np.sin(angles)])[None]
        return std_norm(self.linear2(silu(self.linear1(x)[0])[None])[0], self.gain)


@dataclass(frozen=True, eq=False, repr=False)
class FlowNet:
    """AdaLN network with the sampler its training asks for.

    * `lsd`: Lagrangian self-distillation (Boffi et al. 2025): told start and target time, x += v / n each step;
    * `flow_matching`: Euler steps of a flow (Lipman et al. 2022): told one time; wants 16 steps or more;
    * `drifting`: no time; the output is the latent; `pointwise`: no time; noise plus output is the latent.
    """

    weights: FlowWeights
    condition: Linear  # condition_dim -> h
    times: tuple[TimeEmbedder, ...]
    sampler: str

    @classmethod
    def load(cls, w: Weights, config: FlowConfig, latent_dim: int, condition_dim: int) -> "FlowNet":
        h, n = config.dim, config.depth

        def stacked(leaf: str, *shape: int) -> np.ndarray:
            return w.stack([f"res_blocks.{i}.{leaf}" for i in range(n)], shape)

        linear1, linear2, modulation, last = of_one_kind(
            stacked_panels(w, "res_blocks.{}.mlp.0.weight", n, (h, h)),
            stacked_panels(w, "res_blocks.{}.mlp.2.weight", n, (h, h)),
            stacked_panels(w, "res_blocks.{}.adaLN_modulation.1.weight", n, (3 * h, h)),
            stacked_panels(w, "final_layer.adaLN_modulation.1.weight", 1, (2 * h, h)),
        )
        weights = FlowWeights(
            in_proj=pack(w.take("input_proj.weight", (h, latent_dim))),
            in_bias=w.take("input_proj.bias", (h,)),
            modulation=modulation.data,
            modulation_scale=modulation.scale,
            modulation_bias=stacked("adaLN_modulation.1.bias", 3 * h),
            last_modulation=last.data[0],
            last_modulation_scale=last.scale[0],
            last_modulation_bias=w.take("final_layer.adaLN_modulation.1.bias", (2 * h,)),
            norm=np.stack([stacked("in_ln.weight", h), stacked("in_ln.bias", h)], axis=1),
            linear1=linear1.data,
            scale1=linear1.scale,
            bias1=stacked("mlp.0.bias", h),
            linear2=linear2.data,
            scale2=linear2.scale,
            bias2=stacked("mlp.2.bias", h),
            out_proj=pack(w.take("final_layer.linear.weight", (latent_dim, h))),
            out_bias=w.take("final_layer.linear.bias", (latent_dim,)),
        )
        times = tuple(TimeEmbedder.load(w.scope(f"time_embed.{i}"), h) for i in range(config.n_time_conditions))
        return cls(weights, Linear.load(w.scope("cond_embed"), condition_dim, h, bias=True), times, config.type)

    def time_table(self, n_steps: int) -> np.ndarray:
        """What the times of each step add to the condition: [n_steps, h]; the mean over the time embedders."""
        if not self.times:
            return np.zeros((1, self.condition.n_out), np.float32)
        steps = [[embed((i + j) / n_steps) for j, embed in enumerate(self.times)] for i in range(n_steps)]
        return np.array(steps, np.float32).mean(axis=1)

    def velocity(self, x: np.ndarray, condition: np.ndarray) -> np.ndarray:
        """One evaluation: x [B, latent_dim], conditions [B, h] with their time added -> [B, latent_dim]."""
        out = np.empty_like(x)
        kernels.flow_net(x, condition, self.weights, out)
        return out

    def sample(self, z: np.ndarray, noise: np.ndarray, time_table: np.ndarray) -> np.ndarray:
        """The latents for B conditions: z [B, condition_dim], noise [B, latent_dim], one step a row of `time_table`.

        A latent comes out as it does alone, to the bit where kernels are compiled.
        """
        condition = self.condition(z)
        if self.sampler == "drifting":
            return self.velocity(noise, condition)
        x = noise
        for step in time_table:
            x = x + self.velocity(x, condition + step) / np.float32(len(time_table))
        return x


def silu(x: np.ndarray) -> np.ndarray:
    """x · sigmoid(x): [d] -> [d]."""
    out = x.copy()
    kernels.silu(out)
    return out
