"""The two networks in plain torch, whole sequences at a time; parameter names are those of Pocket TTS checkpoints.

Language model: text tokens, then latents one frame later than they are predicted; one regression step gives the next.
Decoder: latents at 12.5 Hz -> depthwise upsampling to 100 Hz -> transformer -> filters of harmonics and noise.
Both are causal, so the packages that run them can stream.
"""

import math

import torch
from torch import nn
from torch.nn import functional

from tools.voice.common import FRAME_SAMPLES, LATENT_DIM, SAMPLE_RATE_HZ

MAX_PERIOD = 10000.0
N_PHONEMES = 160  # more than there are
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
        # Written out: for such short sequences two to three times as fast on a CPU as torch's fused attention.
        hidden = torch.zeros(length, k.shape[2]).masked_fill(~self.mask(length, k.shape[2]), -1e9).to(q.dtype)
        logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + hidden
        weights = logits.softmax(-1, dtype=torch.float32)
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
# Signals are rows [B, T, C].

ROWS_A_FRAME, N_FFT, HIGHEST_HZ = 8, 480, 11000.0
LARGEST = 6.0  # log size of a filter
ROW_SAMPLES = FRAME_SAMPLES // ROWS_A_FRAME
WINDOW_HOP = ROW_SAMPLES // 2  # a window is four hops
N_BINS, OVERLAP = N_FFT // 2 + 1, N_FFT - WINDOW_HOP
MIDDLE_HZ = 150.0  # log pitch is counted from here


class Upsample(nn.Module):
    """Transposed depthwise convolution of kernel 2 × stride whose overhang past the last sample is dropped."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.convtr = nn.Module()
        self.convtr.convtr = nn.ConvTranspose1d(width, width, 2 * stride, stride, groups=width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = self.convtr.convtr.weight
        before = functional.pad(x, (0, 0, 1, 0))[:, :-1]
        own, late = weight[:, 0].T.split(weight.shape[-1] // 2)  # [stride, C]
        return (x[:, :, None] * own + before[:, :, None] * late).flatten(1, 2)


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


def pulses(phase: torch.Tensor, pitch: torch.Tensor) -> torch.Tensor:
    """All harmonics up to HIGHEST_HZ in cosine phase, of power 1: phase in cycles and pitch in Hz, [B, n]."""
    angle = 2 * math.pi * (phase - torch.round(phase))
    n_harmonics = torch.floor(HIGHEST_HZ / pitch)
    half = torch.sin(angle / 2)
    near = half.abs() < 1e-5
    ratio = torch.sin((n_harmonics + 0.5) * angle) / torch.where(near, 1.0, half)
    return (torch.where(near, 2 * n_harmonics + 1, ratio) - 1) * torch.rsqrt(2 * n_harmonics)


def drawn(rows: torch.Tensor) -> torch.Tensor:
    """Values at the end of each row [B, R] -> lines between them [B, R · ROW_SAMPLES]; the first row is flat."""
    before = torch.cat([rows[:, :1], rows[:, :-1]], 1)
    part = torch.arange(1, ROW_SAMPLES + 1) / ROW_SAMPLES
    return torch.lerp(before[..., None], rows[..., None], part).flatten(1)


def halfway(rows: torch.Tensor) -> torch.Tensor:
    """[B, R, C] -> [B, 2 R, C]: before each row, the mean of it and the row before."""
    before = torch.cat([rows[:, :1], rows[:, :-1]], 1)
    return torch.stack([(before + rows) / 2, rows], 2).flatten(1, 2)


def filtered(spectra, size, phase, noise, turn) -> tuple[torch.Tensor, torch.Tensor]:
    """Spectra [..., bins, 2] times a filter, plus noise of a size, as real and imaginary part."""
    re, im = spectra.unbind(-1)
    size, noise = torch.exp(size.clamp(max=LARGEST)), torch.exp(noise.clamp(max=LARGEST))
    cos, sin = size * torch.cos(phase), size * torch.sin(phase)
    return re * cos - im * sin + noise * torch.cos(turn), re * sin + im * cos + noise * torch.sin(turn)


class OverlapAdd(torch.autograd.Function):
    """Real and imaginary parts [B, windows, N_BINS] -> samples [B, WINDOW_HOP · windows]; torch goes back slowly."""

    @staticmethod
    def forward(ctx, re: torch.Tensor, im: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
        ctx.window = window
        frames = torch.fft.irfft(torch.complex(re, im), N_FFT) * window
        n_windows = frames.shape[1]
        hops = frames.new_zeros(len(frames), n_windows + 3, WINDOW_HOP)
        for i in range(4):
            hops[:, i : i + n_windows] += frames[..., i * WINDOW_HOP : (i + 1) * WINDOW_HOP]
        return hops[:, :n_windows].flatten(1)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        padded = functional.pad(gradient, (0, OVERLAP))
        frames = padded.unfold(1, N_FFT, WINDOW_HOP) * (ctx.window * (2 / N_FFT))
        re, im = torch.view_as_real(torch.fft.rfft(frames)).unbind(-1)
        re[..., [0, -1]] *= 0.5  # every other bin stands for two of the full spectrum
        return re, im, None


class Filters(nn.Module):
    """Rows [B, R, width] to a filter of the harmonics and one of the noise, pitch and voicing."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, 3 * N_BINS + 2)
        nn.init.normal_(self.linear.weight, 0, 0.01)
        nn.init.zeros_(self.linear.bias)
        with torch.no_grad():
            self.linear.bias[:N_BINS] = -3
            self.linear.bias[2 * N_BINS : 3 * N_BINS] = -6

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Log size and phase (radians) of the harmonics' filter, log size of the noise [B, R, N_BINS]; log pitch and
        a logit of voicing [B, R, 2]."""
        weight, bias = self.linear.weight, self.linear.bias
        return functional.linear(self.norm(x), weight, bias).float().split([N_BINS, N_BINS, N_BINS, 2], -1)


class Decoder(nn.Module):
    """Latents [B, LATENT_DIM, T] -> speech [B, 1920 T], `lookahead` frames late: the next frame is at hand.

    Latents at 12.5 Hz -> depthwise upsampling to 100 Hz -> transformer -> what windows of 20 ms, two a row, do to the
    harmonics of the pitch and to noise -> overlap-add. The last window of a row ends with it, so the speech is OVERLAP
    samples behind its rows.
    """

    def __init__(self, n_layers=4, width=192, n_heads=4, hidden=512, lookahead=1) -> None:
        super().__init__()
        self.sizes = {
            "n_layers": n_layers,
            "width": width,
            "n_heads": n_heads,
            "hidden": hidden,
            "lookahead": lookahead,
        }
        self.quantizer, self.upsample = Quantizer(width), Upsample(width, ROWS_A_FRAME)
        self.decoder_transformer = Projected(width, n_heads, n_layers, hidden, context=25, scale=0.1)
        self.filters = Filters(width)
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)

    def rows(self, latents: torch.Tensor) -> torch.Tensor:  # [B, LATENT_DIM, T] -> [B, 16 T, width]
        projected = functional.linear(latents.transpose(1, 2), self.quantizer.output_proj.weight[..., 0])
        return self.decoder_transformer(self.upsample(projected))

    def sound(self, filters: tuple, source: torch.Tensor) -> torch.Tensor:
        """Filters of R rows and source [B, ROW_SAMPLES · R + OVERLAP], which begins before them -> speech
        [B, ROW_SAMPLES · R], OVERLAP samples behind the rows; its first OVERLAP samples are incomplete."""
        size, phase, noise = map(halfway, filters[:3])
        spectra = torch.view_as_real(torch.fft.rfft(source.unfold(1, N_FFT, WINDOW_HOP) * self.window))
        turn = torch.rand_like(noise) * (2 * math.pi)
        return OverlapAdd.apply(*filtered(spectra, size, phase, noise, turn), self.window)

    @torch.no_grad()
    def speak(self, latents: torch.Tensor) -> torch.Tensor:
        """Latents of a whole utterance [T, LATENT_DIM] -> speech [1920 T] in time with them."""
        lookahead = self.sizes["lookahead"]
        rows = torch.cat([latents, latents[-1:].expand(lookahead, -1)])
        filters = self.filters(self.rows(rows.T[None]))
        log_pitch, voicing = filters[3].unbind(-1)
        pitch = drawn(MIDDLE_HZ * torch.exp(log_pitch))
        phase = torch.cumsum(pitch.double() / SAMPLE_RATE_HZ, 1) % 1
        source = pulses(phase.float(), pitch) * drawn((voicing > 0).float())
        return self.sound(filters, functional.pad(source, (OVERLAP, 0)))[0, lookahead * FRAME_SAMPLES :]
