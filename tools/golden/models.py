"""The tiny models of tests/golden: configurations, tokenizer and random weights."""

import copy
import io
import json
import math
from pathlib import Path

import numpy as np
import sentencepiece
import tokenizers
import torch
from pocket_tts.models.mimi import build_mimi
from pocket_tts.models.tts_model import TTSModel
from pocket_tts.utils.config import Config

CORPUS = """Hello world, this is a test. The cat sat on the mat, and the dog sat there too.
How are you today? I'm fine; it's a lovely day! She said: "Wait... was it red or blue?"
The quick brown fox jumps over the lazy dog. Pack my box with five dozen liquor jugs.
One, two, three, four, five, six, seven, eight, nine, ten. It's 3.14 and 2.72, not 1,000.
Was that all there was to it? No, there is more to say about this and that."""

SEANET = {
    "dimension": 12, "channels": 1, "n_filters": 2, "n_residual_layers": 1, "ratios": [6, 5, 4],
    "kernel_size": 7, "residual_kernel_size": 3, "last_kernel_size": 3, "dilation_base": 2,
    "pad_mode": "constant", "compress": 2,
}  # fmt: skip
CODEC_TRANSFORMER = {
    "d_model": 12, "num_heads": 2, "num_layers": 2, "layer_scale": 0.01, "context": 250,
    "dim_feedforward": 24, "input_dimension": 12, "output_dimensions": [12],
}  # fmt: skip
BASE = {
    "replace_characters": {"’": "'", "‘": "'"},
    "flow_lm": {
        "insert_bos_before_voice": True, "dtype": "float32",
        "flow": {"depth": 2, "dim": 8, "type": "lsd"},
        "transformer": {
            "d_model": 16, "hidden_scale": 2, "max_period": 10000, "num_heads": 2, "num_layers": 2,
        },
        "lookup_table": {"dim": 16, "tokenizer": "sentencepiece", "tokenizer_path": "tokenizer.model"},
    },
    "mimi": {
        "dtype": "float32", "sample_rate": 24000, "channels": 1, "frame_rate": 12.5,
        "inner_dim": 8, "outer_dim": 12, "quantizer": {"dimension": 8, "output_dimension": 12},
        "seanet": SEANET, "transformer": CODEC_TRANSFORMER,
    },
}  # fmt: skip
SMALL_DECODER = {
    "outer_dim": 8, "quantizer": {"output_dimension": 8},
    "decoder_seanet": SEANET | {"dimension": 8, "kernel_size": 3},
    "decoder_transformer": CODEC_TRANSFORMER | {
        "d_model": 8, "num_layers": 3, "context": 20, "dim_feedforward": 12, "input_dimension": 8,
        "output_dimensions": [8],
    },
}  # fmt: skip
VARIANTS = {
    # The 100M and 24-layer models; two time conditions.
    "lsd": {"steps": (1, 3)},
    # english_2026-01: the encoder's full width reaches the voice; no BOS row; short text is padded.
    "wide": {
        "steps": (1,), "pad_with_spaces_for_short_inputs": True, "default_temperature": 0.7,
        "flow_lm": {
            "insert_bos_before_voice": False, "transformer": {"hidden_scale": 4},
            "lookup_table": {"tokenizer": "tokenizers", "tokenizer_path": "tokenizer.json"},
        },
        "mimi": {"inner_dim": None, "outer_dim": None},
    },
    # The 18M models: no time condition, hidden_scale 1, projected heads, a decoder of its own, short context.
    "drifting": {
        "steps": (1,), "remove_semicolons": True, "default_eos_threshold": -1.0,
        "flow_lm": {"flow": {"type": "drifting"}, "transformer": {"hidden_scale": 1}, "z_dim": 6},
        "mimi": SMALL_DECODER | {"transformer": {"context": 30}},
    },
    # The 7M models: attention wider than the model, keys shared by query heads, a low-rank text table.
    "grouped": {
        "steps": (1,),
        "flow_lm": {
            "flow": {"type": "drifting"}, "z_dim": 6, "lookup_table": {"dim": 12, "rank": 4},
            "transformer": {
                "d_model": 12, "hidden_scale": 1, "num_heads": 4, "attn_dim": 16, "num_kv_heads": 2,
            },
        },
        "mimi": SMALL_DECODER,
    },
    # The 2M models: noise plus the head's output, one key head, a feed-forward width of its own.
    "pointwise": {
        "steps": (1,),
        "flow_lm": {
            "flow": {"type": "pointwise"}, "z_dim": 6, "lookup_table": {"dim": 12, "rank": 4},
            "transformer": {
                "d_model": 12, "hidden_scale": 1, "num_heads": 3, "attn_dim": 18, "num_kv_heads": 1,
                "dim_feedforward": 10,
            },
        },
        "mimi": SMALL_DECODER,
    },
    # No released model: one time condition and Euler steps, a dilated second residual layer.
    "flow_matching": {
        "steps": (4, 16), "model_recommended_frames_after_eos": 2,
        "flow_lm": {"flow": {"type": "flow_matching"}},
        "mimi": {"seanet": {"n_residual_layers": 2}},
    },
}  # fmt: skip


def to_toml(table: dict, prefix: str = "") -> str:
    """`table` as TOML, its None left out: scalars first, then one section a nested table."""
    lines = [
        f"{json.dumps(key, ensure_ascii=False) if not key.isidentifier() else key} = "
        f"{json.dumps(value, ensure_ascii=False)}"
        for key, value in table.items()
        if value is not None and not isinstance(value, dict)
    ]
    text = "\n".join(lines) + "\n" if lines else ""
    for key, value in table.items():
        if isinstance(value, dict):
            body = to_toml(value, f"{prefix}{key}.")
            has_scalars = any(not isinstance(item, dict) for item in value.values())
            text += (f"\n[{prefix}{key}]\n" if has_scalars else "") + body
    return text


def make_tokenizers(folder: Path, texts: list[str]) -> int:
    """Train tokenizer.model, write the same vocabulary as tokenizer.json; returns the number of pieces.

    The two must agree on the training lines, on `texts` and on text that is in neither.
    """
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS.split("\n")), model_writer=model, model_type="unigram", vocab_size=340,
        byte_fallback=True, character_coverage=1.0, normalization_rule_name="identity", pad_id=3,
        remove_extra_whitespaces=False, split_digits=True, num_threads=1, minloglevel=2,
    )  # fmt: skip
    (folder / "tokenizer.model").write_bytes(model.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    n_bins = pieces.vocab_size()
    vocabulary = [(pieces.id_to_piece(i), pieces.get_score(i)) for i in range(n_bins)]
    unigram = tokenizers.Tokenizer(tokenizers.models.Unigram(vocabulary, unk_id=0, byte_fallback=True))
    unigram.normalizer = tokenizers.normalizers.Sequence(
        [tokenizers.normalizers.Prepend("▁"), tokenizers.normalizers.Replace(" ", "▁")]
    )
    decoders = tokenizers.decoders
    unigram.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    unigram.add_special_tokens([piece for piece, _ in vocabulary[:4]])
    for text in [*CORPUS.split("\n"), *texts, "  ünïcode 日本 "]:
        assert unigram.encode(text).ids == pieces.encode(text), text
    (folder / "tokenizer.json").write_text(unigram.to_str(), encoding="utf-8")
    return n_bins


def merged(base: dict, over: dict) -> dict:
    both = {k: merged(base[k], v) for k, v in over.items() if isinstance(v, dict) and isinstance(base.get(k), dict)}
    return copy.deepcopy(base) | copy.deepcopy(over) | both


def with_folder(raw: dict, folder: Path) -> Config:
    """The reference's Config for `raw`, its relative paths joined to `folder`."""
    raw = copy.deepcopy(raw)
    for section in (raw, raw["flow_lm"], raw["mimi"], raw["flow_lm"]["lookup_table"]):
        for key in ("weights_path", "tokenizer_path"):
            if section.get(key):
                section[key] = str(folder / section[key])
    return Config(**raw)


def random_value(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """A parameter off its neutral value, at a size that keeps signals healthy."""
    noise = rng.standard_normal(shape)
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "emb_std":
        return 1 + 0.3 * np.abs(noise)
    if leaf in ("scale", "bias", "emb_mean"):
        return (0.3 if leaf == "scale" else 0) + (0.1 if leaf == "scale" else 0.2) * noise
    if "norm" in name or "in_ln" in name or leaf == "alpha":
        return 1 + 0.2 * noise
    if ("embed.weight" in name and "conditioner" in name) or leaf in ("bos_emb", "bos_before_voice"):
        return noise
    if "convtr" in name:
        return noise * math.sqrt(0.8 if "upsample" in name else 3.2 / (shape[0] * shape[2]))
    gain = 1.6 if len(shape) == 3 else 1.0
    return noise * math.sqrt(gain / math.prod(shape[1:]))


@torch.no_grad()
def random_model(config: Config, seed: int) -> TTSModel:
    model = TTSModel._from_pydantic_config(config, 0.3, 1, None, -4.0, origin=None)
    inner_dim = config.mimi.inner_dim or config.mimi.seanet.dimension
    d_model = config.flow_lm.transformer.d_model
    model.flow_lm.speaker_proj_weight = torch.nn.Parameter(torch.empty(d_model, inner_dim))
    model.mimi = build_mimi(config.mimi)
    rng = np.random.default_rng(seed)
    for name, tensor in sorted(model.state_dict().items()):
        if not name.endswith(".freqs"):
            tensor.copy_(torch.from_numpy(random_value(name, tuple(tensor.shape), rng)))
    return model


def raw_training_names(state: dict, rng: np.random.Generator) -> tuple[dict, dict]:
    """`state` as the two files of a training run: other names, split weight norms, tensors to skip."""
    transcript, speaker = (f"condition_provider.conditioners.{x}" for x in ("transcript_in_segment", "speaker_wavs"))
    renamed = {
        "conditioner.embed.weight": f"{transcript}.embed.weight",
        "speaker_proj_weight": f"{speaker}.output_proj.weight",
        "bos_before_voice": "fuser.padding_value",
    }
    skipped = (
        "flow.w_s_t.weight",
        f"{transcript}.learnt_padding",
        f"{speaker}.learnt_padding",
        "num_ema_updates",
    )
    flow_lm = {name: torch.ones(3) for name in skipped}
    skipped = (
        "model.quantizer.vq.layers.0.weight",
        "model.quantizer.logvar_proj.weight",
        "model.semantic._codebook.embed",
        "quantizer.logvar_proj.weight",
        "quantizer.logvar_param",
        "wavlm_proj.weight",
        "wavlm_input_resample.kernel",
        "wavlm_emb_downsample.conv.conv.weight",
    )
    mimi = {name: torch.ones(3) for name in skipped}
    for name, tensor in state.items():
        part, name = name.split(".", 1)
        if part == "flow_lm":
            flow_lm[renamed.get(name, name.replace(".in_proj.weight", ".in_proj_weight"))] = tensor
            continue
        name = name.replace("in_proj.weight", "in_proj_weight")
        for layer in ("conv", "convtr"):
            head, dot, leaf = name.rpartition(f".{layer}.")
            name = f"{head}.{layer}.{layer}.{leaf}" if dot else name
        if "coder.model" in name and name.endswith(".weight"):
            norm = tensor.flatten(1).norm(dim=1).view(-1, 1, 1)
            mimi[f"{name}_g"] = norm
            mimi[f"{name}_v"] = tensor * torch.from_numpy(rng.uniform(0.5, 2.0, norm.shape)).float()
        else:
            mimi[f"model.{name}"] = tensor
    return flow_lm, mimi
