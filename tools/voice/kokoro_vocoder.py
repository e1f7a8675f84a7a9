"""Kokoro's vocoder in torch: weights and their names are those of the ONNX network.

The source (harmonics of the pitch as a short-time spectrum) stays with ONNX Runtime. Signals are [frames, channels]:
the layout in which convolutions of bfloat16 reach AMX, ten times as fast as float32 on AVX-512.
"""

import math
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch.nn import functional

from tools.voice.common import SAMPLE_RATE_HZ
from tools.voice.kokoro import PITCH, Front, Voice, network, part, session_of
from tools.voice.pitch import ROW_SAMPLES
from tools.voice.training import has_bfloat16

SOURCE = "/decoder/decoder/generator/Concat_3_output_0"  # [1, 22, frames]
ROOT = "/decoder/decoder/"
BINS = 11


def as_image(x: torch.Tensor) -> torch.Tensor:  # [frames, channels] -> [1, channels, 1, frames], channels last
    return x.T[None, :, None]


def as_rows(x: torch.Tensor) -> torch.Tensor:  # and back
    return x[0, :, 0].T


def normalised(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Mean 0 and deviation 1 over time, then the style's scale and shift [channels]."""
    x = x.float()
    mean = x.mean(0)
    variance = (x - mean).square().mean(0)
    return (x - mean) * (torch.rsqrt(variance + 1e-5) * (1 + scale)) + shift


def normalised_leaky(kind: torch.dtype, x, scale, shift) -> torch.Tensor:
    return functional.leaky_relu(normalised(x, scale, shift), 0.2).to(kind)


def normalised_snake(kind: torch.dtype, x, scale, shift, alpha) -> torch.Tensor:
    y = normalised(x, scale, shift)
    return (y + torch.sin(alpha * y).square() / alpha).to(kind)


class Vocoder:
    """Convolutions and normalisations are called by the name of their node."""

    def __init__(self, model: onnx.ModelProto, device: str, kind: torch.dtype = torch.float32) -> None:
        self.nodes = {node.name.removeprefix(ROOT): node for node in model.graph.node}
        arrays = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
        self.arrays = {
            name: torch.from_numpy(value.copy()).to(device)
            for name, value in arrays.items()
            if value.dtype == np.float32
        }
        (self.window_sum,) = (value for name, value in self.arrays.items() if name.endswith("window_sum"))
        self.kind, self.weights = kind, {}
        fused = kind == torch.bfloat16  # on a CPU: steps between convolutions cost more than these
        self.leaky, self.snake = (
            (lambda f: torch.compile(f, dynamic=True))(f) if fused else f for f in (normalised_leaky, normalised_snake)
        )

    def weight(self, name: str, kind: torch.dtype) -> torch.Tensor:  # [outputs, inputs, 1, taps], channels last
        if name not in self.weights:
            weight = self.arrays[name][:, :, None].to(kind)
            self.weights[name] = weight.contiguous(memory_format=torch.channels_last)
        return self.weights[name]

    def conv(self, name: str, x: torch.Tensor, kind: torch.dtype | None = None) -> torch.Tensor:
        kind = kind or self.kind
        node = self.nodes[name] if name in self.nodes else self.nodes[f"{name}_quant"]
        options = {item.name: helper.get_attribute_value(item) for item in node.attribute}
        weight, *bias = node.input[1:]
        offset = self.arrays[bias[0]].to(kind) if bias else None
        x, weight = as_image(x.to(kind)), self.weight(weight, kind)
        stride, pad = (1, options["strides"][0]), (0, options["pads"][0])
        if node.op_type == "Conv":
            return as_rows(functional.conv2d(x, weight, offset, stride, pad, (1, options["dilations"][0])))
        overhang = (0, options.get("output_padding", [0])[0])
        return as_rows(functional.conv_transpose2d(x, weight, offset, stride, pad, overhang, options["group"]))

    def style(self, name: str, style: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale and shift [channels] of a normalisation."""
        weight = self.arrays[self.nodes[f"{name}/fc/Gemm_MatMul_quant"].input[1]]
        bias = self.arrays[next(i for i in self.nodes[f"{name}/fc/Gemm_Add"].input if i in self.arrays)]
        return (style @ weight + bias)[0].chunk(2)

    def block(self, name: str, x: torch.Tensor, style: torch.Tensor, doubled: bool = False) -> torch.Tensor:
        y = self.leaky(self.kind, x, *self.style(f"{name}/norm1", style))
        if doubled:
            x, y = x.repeat_interleave(2, 0), self.conv(f"{name}/pool/ConvTranspose", y)
        y = self.conv(f"{name}/conv1/Conv", y)
        y = self.leaky(self.kind, y, *self.style(f"{name}/norm2", style))
        return (self.conv(f"{name}/conv2/Conv", y).float() + self.conv(f"{name}/conv1x1/Conv", x)) / math.sqrt(2)

    def residuals(self, name: str, x: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        for i in range(3):
            y = x
            for half in "12":
                alpha = self.arrays[f"decoder.decoder.{name.replace('/', '.')}.alpha{half}.{i}"].flatten()
                y = self.snake(self.kind, y, *self.style(f"{name}/adain{half}.{i}", style), alpha)
                y = self.conv(f"{name}/convs{half}.{i}/Conv", y)
            x = x + y
        return x

    def hidden(self, sounds, pitch, energy, style: torch.Tensor) -> torch.Tensor:  # -> [80 a second, 512]
        curves = [self.conv(f"{name}_conv/Conv", x.T) for name, x in (("F0", pitch), ("N", energy))]
        sounds = sounds[0].T
        again = [self.conv("asr_res/asr_res.0/Conv", sounds), *curves]
        x = self.block("encode", torch.cat([sounds.to(self.kind), *curves], 1), style)
        for i in range(4):
            x = self.block(f"decode.{i}", torch.cat([x, *again], 1), style, doubled=i == 3)
        return x

    def sound_of(self, x: torch.Tensor, source: torch.Tensor, style: torch.Tensor) -> torch.Tensor:  # -> [n]
        source = source[0].T
        for i in range(2):
            voiced = self.conv(f"generator/noise_convs.{i}/Conv", source).float()
            voiced = self.residuals(f"generator/noise_res.{i}", voiced, style)
            x = self.conv(f"generator/ups.{i}/ConvTranspose", functional.leaky_relu(x, 0.1)).float()
            x = (torch.cat([x[1:2], x]) if i == 1 else x) + voiced
            x = sum(self.residuals(f"generator/resblocks.{3 * i + j}", x, style) for j in range(3)) / 3
        x = self.conv("generator/conv_post/Conv", functional.leaky_relu(x, 0.01), torch.float32)
        size, phase = x[:, :BINS].exp(), x[:, BINS:].sin()
        return self.sound(torch.cat([size * phase.cos(), size * phase.sin()], 1))

    def sound(self, spectra: torch.Tensor) -> torch.Tensor:  # [frames, 22] -> [n]
        node = self.nodes["generator/istft/stft/ConvTranspose"]
        (stride,) = next(helper.get_attribute_value(item) for item in node.attribute if item.name == "strides")
        samples = functional.conv_transpose1d(spectra.T[None], self.arrays[node.input[1]], stride=stride)[0, 0]
        samples[: len(self.window_sum)] /= self.window_sum.clamp(min=1e-9)  # the network has it for its beginning alone
        return 4 * samples[10:-10]


@dataclass
class Speech:
    """A text as Kokoro says it, with a little silence at both ends. Rows: 80 a second."""

    phonemes: list[int]
    seconds: list[float]  # that each phoneme lasts
    hidden: np.ndarray  # float16 [rows, 512]: what the sound is made of
    pitch: np.ndarray  # float32 [rows], Hz
    phase: float  # of the pitch before the first row, in cycles
    samples: np.ndarray | None  # float32 [n_samples], in [-1, 1]

    @property
    def n_samples(self) -> int:
        return len(self.pitch) * ROW_SAMPLES


class Kokoro:
    """Text to speech, or to all but its sound. Products are bfloat16 on processors that have them, float32 on a GPU."""

    def __init__(self, device: str = "cpu") -> None:
        model = network()
        kind = torch.bfloat16 if device == "cpu" and has_bfloat16() else torch.float32
        self.front, self.vocoder, self.device = Front(), Vocoder(model, device, kind), device
        self.source = session_of(part(model, [SOURCE], [PITCH]))

    @torch.no_grad()
    def speak(self, text: str, voice: Voice, with_sound: bool = True) -> Speech:
        score = self.front(text, voice)
        sounds, pitch, energy, style = map(
            self._tensor, (score.sounds, score.pitch[None], score.energy[None], score.style)
        )
        first, last = score.span
        hidden, samples = self.vocoder.hidden(sounds, pitch, energy, style), None
        if with_sound:
            source = self._tensor(self.source.run(None, {PITCH: score.pitch[None]})[0])
            samples = self.vocoder.sound_of(hidden, source, style).cpu().numpy()
            samples = samples[first * ROW_SAMPLES : last * ROW_SAMPLES] * np.float32(voice.gain)
        phase = float(np.sum(score.pitch[:first], dtype=np.float64) * ROW_SAMPLES / SAMPLE_RATE_HZ % 1)
        rows = hidden[first:last].half().cpu().numpy()
        return Speech(score.phonemes, score.seconds(), rows, score.pitch[first:last], phase, samples)

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)
