"""Kokoro's vocoder in torch, for a GPU: the weights and their names are those of the ONNX network.

The front, and the source (harmonics of the pitch as a short-time spectrum), stay with ONNX Runtime.
"""

import math

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch.nn import functional

from tools.voice.kokoro import PITCH, SOUNDS, Kokoro, Voice, network

SOURCE = "/decoder/decoder/generator/Concat_3_output_0"  # [1, 22, frames]
ROOT = "/decoder/decoder/"
BINS = 11


class Vocoder:
    """Convolutions and normalisations are called by the name of their node."""

    def __init__(self, model: onnx.ModelProto, device: str) -> None:
        self.nodes = {node.name.removeprefix(ROOT): node for node in model.graph.node}
        arrays = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
        self.arrays = {
            name: torch.from_numpy(value.copy()).to(device)
            for name, value in arrays.items()
            if value.dtype == np.float32
        }
        (self.window_sum,) = (value for name, value in self.arrays.items() if name.endswith("window_sum"))

    def conv(self, name: str, x: torch.Tensor) -> torch.Tensor:
        node = self.nodes[name] if name in self.nodes else self.nodes[f"{name}_quant"]
        options = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        weight, *bias = (self.arrays[part] for part in node.input[1:])
        around = (bias[0] if bias else None, options["strides"][0], options["pads"][0])
        if node.op_type == "Conv":
            return functional.conv1d(x, weight, *around, options["dilations"][0])
        overhang = options.get("output_padding", [0])[0]
        return functional.conv_transpose1d(x, weight, *around, overhang, options["group"])

    def normalise(self, name: str, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        weight = self.arrays[self.nodes[f"{name}/fc/Gemm_MatMul_quant"].input[1]]
        bias = self.arrays[next(i for i in self.nodes[f"{name}/fc/Gemm_Add"].input if i in self.arrays)]
        scale, shift = (style @ weight + bias)[..., None].chunk(2, 1)
        return functional.instance_norm(x, eps=1e-5) * (1 + scale) + shift

    def block(self, name: str, x: torch.Tensor, style: torch.Tensor, doubled: bool = False) -> torch.Tensor:
        y = functional.leaky_relu(self.normalise(f"{name}/norm1", x, style), 0.2)
        if doubled:
            x, y = functional.interpolate(x, scale_factor=2), self.conv(f"{name}/pool/ConvTranspose", y)
        y = self.conv(f"{name}/conv1/Conv", y)
        y = functional.leaky_relu(self.normalise(f"{name}/norm2", y, style), 0.2)
        return (self.conv(f"{name}/conv2/Conv", y) + self.conv(f"{name}/conv1x1/Conv", x)) / math.sqrt(2)

    def residuals(self, name: str, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        for i in range(3):
            y = x
            for half in "12":
                y = self.normalise(f"{name}/adain{half}.{i}", y, style)
                alpha = self.arrays[f"decoder.decoder.{name.replace('/', '.')}.alpha{half}.{i}"]
                y = self.conv(f"{name}/convs{half}.{i}/Conv", y + torch.sin(alpha * y) ** 2 / alpha)
            x = x + y
        return x

    def hidden(self, sounds, pitch, energy, style: torch.Tensor) -> torch.Tensor:  # -> [1, 512, 80 a second]
        curves = [self.conv(f"{name}_conv/Conv", x[:, None]) for name, x in (("F0", pitch), ("N", energy))]
        again = [self.conv("asr_res/asr_res.0/Conv", sounds), *curves]
        x = self.block("encode", torch.cat([sounds, *curves], 1), style)
        for i in range(4):
            x = self.block(f"decode.{i}", torch.cat([x, *again], 1), style, doubled=i == 3)
        return x

    @torch.no_grad()
    def __call__(self, sounds, pitch, energy, source, style: torch.Tensor) -> torch.Tensor:  # -> [n]
        x = self.hidden(sounds, pitch, energy, style)
        for i in range(2):
            voiced = self.conv(f"generator/noise_convs.{i}/Conv", source)
            voiced = self.residuals(f"generator/noise_res.{i}", voiced, style)
            x = self.conv(f"generator/ups.{i}/ConvTranspose", functional.leaky_relu(x, 0.1))
            x = (functional.pad(x, (1, 0), "reflect") if i == 1 else x) + voiced
            x = sum(self.residuals(f"generator/resblocks.{3 * i + j}", x, style) for j in range(3)) / 3
        x = self.conv("generator/conv_post/Conv", functional.leaky_relu(x, 0.01))
        size, phase = x[:, :BINS].exp(), x[:, BINS:].sin()
        x = torch.cat([size * phase.cos(), size * phase.sin()], 1)
        samples = self.conv("generator/istft/stft/ConvTranspose", x)[0, 0]
        samples[: len(self.window_sum)] /= self.window_sum.clamp(min=1e-9)  # the network has it for its beginning alone
        return 4 * samples[10:-10]


class KokoroOnDevice(Kokoro):
    def __init__(self, device: str) -> None:
        super().__init__((SOUNDS, PITCH, SOURCE))
        self.vocoder, self.device = Vocoder(network(), device), device

    def run(self, phonemes: str, voice: Voice) -> tuple[np.ndarray, ...]:
        durations, energy, sounds, pitch, source = super().run(phonemes, voice)
        style = voice.style[len(phonemes) - 1, None, :128]
        inputs = (sounds, pitch, energy[None], source, style)
        samples = self.vocoder(*(torch.from_numpy(np.ascontiguousarray(x)).to(self.device) for x in inputs))
        return durations, energy, samples.cpu().numpy()
