"""The two networks in plain torch, whole sequences at a time; parameter names are those of Pocket TTS checkpoints.

Language model: text tokens, then latents one frame later than they are predicted; one regression step gives the next.
Decoder: latents at 12.5 Hz -> depthwise upsampling to 200 Hz -> transformer -> SEANet -> 24 kHz.
Both are causal, so the packages that run them can stream.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from tools.voice.common import FRAME_SAMPLES, LATENT_DIM

MAX_PERIOD = 10000.0
N_PHONEMES = 160  # more than any Piper voice has
PHONEMES_PER_FRAME = 3
VOICE_ROWS = 2  # learnt rows that stand for a voice, after the beginning that all voices share


def rotate(x: torch.Tensor, first: int = 0) -> torch.Tensor:  # [B, T, H, D]
    """Rotary positions on interleaved pairs, position `first` onwards."""
    _, length, _, dim = x.shape
    rates = torch.exp(torch.arange(dim // 2) * (-math.log(MAX_PERIOD) * 2 / dim))
    angles = torch.arange(first, first + length)[:, None] * rates
    cos, sin = torch.cos(angles)[None, :, None], torch.sin(angles)[None, :, None]
    even, odd = x[..., 0::2].float(), x[..., 1::2].float()
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1).flatten(-2).to(x.dtype)


class Attention(nn.Module):
    def __init__(self, width: int, n_heads: int, context: int | None) -> None:
        super().__init__()
        self.n_heads, self.context = n_heads, context
        self.in_proj = nn.Linear(width, 3 * width, bias=False)
        self.out_proj = nn.Linear(width, width, bias=False)

    def mask(self, n_queries: int, n_keys: int) -> torch.Tensor:  # [queries, keys]
        age = torch.arange(n_keys - n_queries, n_keys)[:, None] - torch.arange(n_keys)
        return (age >= 0) & (age < (self.context or n_keys))

    def forward(self, x, cache=None):
        """Output [B, T, width] and the weights of head 0 [B, T, T]. `cache` is a dict that keeps keys and values."""
        batch, length, width = x.shape
        q, k, v = self.in_proj(x).view(batch, length, 3, self.n_heads, -1).unbind(2)
        first = cache["k"].shape[2] if cache else 0
        q, k, v = rotate(q, first).transpose(1, 2), rotate(k, first).transpose(1, 2), v.transpose(1, 2)  # [B, H, T, D]
        if cache is not None:
            k, v = (torch.cat([cache[name], new], 2) if cache else new for name, new in (("k", k), ("v", v)))
            cache.update(k=k, v=v)
        # Written out: for such short sequences several times as fast on a CPU as torch's fused attention.
        logits = (q @ k.transpose(-1, -2)).float() / math.sqrt(q.shape[-1])
        weights = logits.masked_fill(~self.mask(length, k.shape[2]), -1e9).softmax(-1)
        y = weights.to(v.dtype) @ v
        return self.out_proj(y.transpose(1, 2).reshape(batch, length, width)), weights[:, 0]


class Scale(nn.Module):
    def __init__(self, width: int, start: float) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((width,), start))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scale * x


class Layer(nn.Module):
    def __init__(self, width: int, n_heads: int, hidden: int, context: int | None, scale: float | None) -> None:
        super().__init__()
        self.self_attn = Attention(width, n_heads, context)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.linear1 = nn.Linear(width, hidden, bias=False)
        self.linear2 = nn.Linear(hidden, width, bias=False)
        self.layer_scale_1 = Scale(width, scale) if scale else nn.Identity()
        self.layer_scale_2 = Scale(width, scale) if scale else nn.Identity()
        self.dropout = nn.Dropout(0.0)

    def forward(self, x, cache=None):
        update, weights = self.self_attn(self.norm1(x), cache)
        x = x + self.dropout(self.layer_scale_1(update))
        hidden = functional.gelu(self.linear1(self.norm2(x)), approximate="tanh")
        return x + self.dropout(self.layer_scale_2(self.linear2(hidden))), weights


class Transformer(nn.Module):
    def __init__(self, width, n_heads, n_layers, hidden, context=None, scale=None) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(width, n_heads, hidden, context, scale) for _ in range(n_layers))

    def forward(self, x, want=(), caches=None):
        """Output, and for the layers in `want` the weights of head 0 and the hidden state after the layer."""
        weights, hidden = {}, {}
        for i, layer in enumerate(self.layers):
            x, w = layer(x, caches[i] if caches else None)
            if i in want:
                weights[i], hidden[i] = w, x
        return x, weights, hidden


# ---- language model


class HeadBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.in_ln = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 3 * width))

    def forward(self, x, condition):
        shift, scale, gate = self.adaLN_modulation(condition).chunk(3, -1)
        return x + gate * self.mlp(self.in_ln(x) * (1 + scale) + shift)


class HeadOutput(nn.Module):
    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.norm_final = nn.LayerNorm(width, eps=1e-6, elementwise_affine=False)
        self.linear = nn.Linear(width, out)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x, condition):
        shift, scale = self.adaLN_modulation(condition).chunk(2, -1)
        return self.linear(self.norm_final(x) * (1 + scale) + shift)


class PointwiseHead(nn.Module):
    """Hidden state and noise -> displacement from the noise to the latent, in one step."""

    def __init__(self, width: int, condition: int, n_blocks: int) -> None:
        super().__init__()
        self.cond_embed = nn.Linear(condition, width)
        self.input_proj = nn.Linear(LATENT_DIM, width)
        self.res_blocks = nn.ModuleList(HeadBlock(width) for _ in range(n_blocks))
        self.final_layer = HeadOutput(width, LATENT_DIM)

    def forward(self, condition, noise):
        x, condition = self.input_proj(noise), self.cond_embed(condition)
        for block in self.res_blocks:
            x = block(x, condition)
        return self.final_layer(x, condition)


class TokenEmbedding(nn.Module):
    def __init__(self, n_tokens: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(n_tokens + 1, width)
        nn.init.normal_(self.embed.weight, 0, 0.5)


class LanguageModel(nn.Module):
    """`voices` are names; a model of one voice has none, and no rows for it."""

    def __init__(
        self, n_tokens=512, width=192, n_heads=4, n_layers=6, hidden=768, head_width=128, head_blocks=2, voices=()
    ) -> None:
        super().__init__()
        self.sizes = {"n_tokens": n_tokens, "width": width, "n_heads": n_heads, "n_layers": n_layers}
        self.sizes |= {"hidden": hidden, "head_width": head_width, "head_blocks": head_blocks}
        self.sizes |= {"voices": list(voices)} if voices else {}
        self.conditioner = TokenEmbedding(n_tokens, width)
        self.flow_net = PointwiseHead(head_width, width, head_blocks)
        self.bos_emb = nn.Parameter(torch.randn(LATENT_DIM))
        self.bos_before_voice = nn.Parameter(torch.randn(1, 1, width) * 0.5)
        self.input_linear = nn.Linear(LATENT_DIM, width, bias=False)
        self.transformer = Transformer(width, n_heads, n_layers, hidden)
        self.out_norm, self.out_eos = nn.LayerNorm(width), nn.Linear(width, 1)
        for layer in self.transformer.layers:
            for linear in (layer.self_attn.out_proj, layer.linear2):
                nn.init.normal_(linear.weight, 0, 0.04 / math.sqrt(2 * n_layers))
        self.dropout = nn.Dropout(0.0)
        # Not exported with the weights: the voices, which become files of their own, and "aux", phoneme classifiers.
        self.n_before_text = 1 + (VOICE_ROWS if voices else 0)
        if voices:
            self.voices = nn.Parameter(torch.randn(len(voices), VOICE_ROWS, width) * 0.5)
        self.aux = nn.Linear(width, PHONEMES_PER_FRAME * N_PHONEMES)
        self.aux_mid = nn.Linear(width, PHONEMES_PER_FRAME * N_PHONEMES)

    def before_text(self, voices: torch.Tensor) -> torch.Tensor:  # voice numbers [B] -> [B, 1 or 1 + VOICE_ROWS, width]
        beginning = self.bos_before_voice.expand(len(voices), 1, -1)
        return torch.cat([beginning, self.voices[voices]], 1) if "voices" in self.sizes else beginning

    @torch.no_grad()
    def generate(
        self, tokens: list[int], voice=0, most_frames=200, eos_threshold=0.0, frames_after_eos=1, least_frames=4
    ):
        """Latents [frames, 32] at temperature 0, and whether the model ended by itself."""
        caches = [{} for _ in self.transformer.layers]
        embedded = self.conditioner.embed(torch.tensor([tokens]))
        before = self.before_text(torch.tensor([voice]))
        x = torch.cat([before, embedded, self.input_linear(self.bos_emb[None, None])], 1)
        latents, stop = [], None
        for frame in range(most_frames):
            hidden = self.out_norm(self.transformer(x, caches=caches)[0][:, -1])
            latent = self.flow_net(hidden, torch.zeros(1, LATENT_DIM))
            latents.append(latent)
            if stop is None and frame >= least_frames and float(self.out_eos(hidden)) > eos_threshold:
                stop = frame + frames_after_eos
            if stop is not None and frame >= stop:
                break
            x = self.input_linear(latent[:, None])
        return torch.cat(latents), stop is not None


# ---- decoder
#
# Signals are rows [B, T, C]: so a processor's matrix unit (AMX) multiplies them as they lie.


class CausalConv(nn.Module):
    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight, bias = self.conv.weight, self.conv.bias
        if weight.shape[-1] == 1:
            return functional.linear(x, weight[..., 0], bias)
        image = functional.pad(x, (0, 0, weight.shape[-1] - 1, 0)).transpose(1, 2)[:, :, None]
        return functional.conv2d(image, weight[:, :, None], bias)[:, :, 0].transpose(1, 2)


class CausalUpsampling(nn.Module):
    """Transposed convolution of kernel 2 × stride whose overhang past the last sample is dropped.

    A row gives `stride` rows, to which the row before it adds: one product of rows in pairs, or without mixing of
    channels two.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, groups: int = 1, bias: bool = True) -> None:
        super().__init__()
        self.convtr = nn.ConvTranspose1d(inputs, outputs, 2 * stride, stride, groups=groups, bias=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        stride, weight, bias = self.convtr.stride[0], self.convtr.weight, self.convtr.bias
        before = functional.pad(x, (0, 0, 1, 0))[:, :-1]
        if self.convtr.groups > 1:
            own, late = weight[:, 0].T.split(stride)  # [stride, C]
            return (x[:, :, None] * own + before[:, :, None] * late).flatten(1, 2)
        pair = torch.cat(weight.split(stride, -1)).permute(2, 1, 0).flatten(0, 1)  # [stride * outputs, 2 * inputs]
        rows = functional.linear(torch.cat([x, before], -1), pair, bias.repeat(stride))
        return rows.reshape(len(x), -1, weight.shape[1])


class Residual(nn.Module):
    def __init__(self, width: int, kernel: int) -> None:
        super().__init__()
        narrow = [nn.ELU(), CausalConv(width, width // 2, kernel)]
        self.block = nn.ModuleList([*narrow, nn.ELU(), CausalConv(width // 2, width, 1)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for layer in self.block:
            y = layer(y)
        return x + y


class SEANet(nn.Module):
    def __init__(self, width: int, n_filters: int, ratios: tuple[int, ...], kernel: int = 3) -> None:
        super().__init__()
        channels = n_filters * 2 ** len(ratios)
        layers: list[nn.Module] = [CausalConv(width, channels, kernel)]
        for ratio in ratios:
            layers += [nn.ELU(), CausalUpsampling(channels, channels // 2, ratio), Residual(channels // 2, kernel)]
            channels //= 2
        self.model = nn.ModuleList([*layers, nn.ELU(), CausalConv(n_filters, 1, kernel)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.model:
            x = layer(x)
        return x


class Projected(nn.Module):
    def __init__(self, *sizes, **options) -> None:
        super().__init__()
        self.transformer = Transformer(*sizes, **options)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.transformer(x)[0]


class Quantizer(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.output_proj = nn.Conv1d(LATENT_DIM, width, 1, bias=False)


class Upsample(nn.Module):
    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.convtr = CausalUpsampling(width, width, stride, groups=width, bias=False)


class Decoder(nn.Module):
    """Latents [B, 32, T] -> speech [B, 1, 1920 T], `lookahead` frames late: a frame is spoken with the next at hand.

    The encoder reads both sides of a frame, so that what a frame sounds like stands in the next latent too.
    """

    def __init__(
        self, n_filters=16, n_layers=2, width=128, n_heads=4, hidden=384, ratios=(6, 5, 4), lookahead=0
    ) -> None:
        super().__init__()
        self.sizes = {
            "n_filters": n_filters,
            "n_layers": n_layers,
            "width": width,
            "n_heads": n_heads,
            "hidden": hidden,
            "lookahead": lookahead,
        }
        self.quantizer, self.upsample = Quantizer(width), Upsample(width, 16)
        self.decoder_transformer = Projected(width, n_heads, n_layers, hidden, context=50, scale=0.01)
        self.decoder = SEANet(width, n_filters, ratios)

    def rows(self, latents: torch.Tensor) -> torch.Tensor:  # [B, 32, T] -> [B, 16 T, width]
        x = self.upsample.convtr(self.quantizer.output_proj(latents).transpose(1, 2))
        return self.decoder_transformer(x)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        return self.decoder(self.rows(latents)).transpose(1, 2)

    @torch.no_grad()
    def speak(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents of a whole utterance [T, 32] -> speech [1920 T] in time with them."""
        lookahead = self.sizes["lookahead"]
        rows = torch.cat([latents, latents[-1:].expand(lookahead, -1)])
        return self(rows.T[None])[0, 0, lookahead * FRAME_SAMPLES :]
