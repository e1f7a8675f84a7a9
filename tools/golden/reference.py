"""Tiny random models of every architecture, run through the reference, layer by layer: most files of tests/golden."""

import copy
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from pocket_tts.data.audio_utils import end_on_pause
from pocket_tts.models import flow_lm as samplers
from pocket_tts.models.model_state import _import_model_state, export_model_state
from pocket_tts.models.text_chunking import split_into_best_sentences
from pocket_tts.models.tts_model import TTSModel
from pocket_tts.modules.stateful_module import increment_steps, init_states

from tools.golden.archive import write_npz
from tools.golden.models import (
    BASE,
    VARIANTS,
    make_tokenizers,
    merged,
    random_model,
    raw_training_names,
    to_toml,
    with_folder,
)
from tools.golden.reference_probe import recorded_noise, rows, stacked_cache, tapped

SEED = 20261
N_FRAMES = 6  # frames recorded layer by layer
THIN = 11  # of a long signal every 11th row is kept: coprime with every stride (4, 5, 6, 16)
LONG_ROWS = 300
TEXT = "Hello world, this is it."
TWO_CHUNKS = "The cat sat on the mat. It’s 3.14; was it red?"
CHUNK_TOKENS = 32
CLAMP = 0.5
DISTURBANCE = 1e-4
RECORD_ENCODER_LAYERS = ("lsd", "drifting", "flow_matching")


def save_npz(path: Path, arrays: dict, **meta) -> None:
    packages = ("torch", "pocket-tts", "numpy", "sentencepiece", "tokenizers")
    write_npz(path, arrays, packages, **meta, seed=SEED)


def load(raw: dict, folder: Path) -> TTSModel:
    """The reference's own loading; one frame a decoder call, so that timing decides nothing."""
    config = with_folder(raw, folder)
    temp, threshold = config.default_temperature, config.default_eos_threshold
    model = TTSModel._from_pydantic_config_with_weights(config, temp, 1, None, threshold)
    model.max_decoder_frames_per_call = 1
    return model


def thinned(rows: np.ndarray) -> np.ndarray:
    return rows[::THIN] if len(rows) > LONG_ROWS else rows


def numbered(prefix: str, modules, keep=lambda module: True) -> dict:
    return {f"{prefix}{i}": module for i, module in enumerate(modules) if keep(module)}


def not_elu(module) -> bool:
    return not isinstance(module, torch.nn.ELU)


def record_voice(model: TTSModel, audio: torch.Tensor, with_layers: bool) -> tuple[dict, dict]:
    """(arrays, voice state) for a prompt of samples [1, n]."""
    mimi = model.mimi
    codec = numbered("encode.seanet_", mimi.encoder.model, not_elu) | {"encode.downsample": mimi.downsample}
    layers = numbered("encode.transformer_", mimi.encoder_transformer.transformer.layers)
    with tapped(codec) as by_channel, tapped(layers) as by_row, torch.no_grad():
        conditioning = model._encode_audio(end_on_pause(audio, model.sample_rate)[None])
    arrays = {"voice.conditioning": rows(conditioning, False)}
    if with_layers:
        arrays |= {name: thinned(rows(out[0], True)) for name, out in by_channel.items()}
        arrays |= {name: rows(out[0], False) for name, out in by_row.items()}
    voice = model.get_state_for_audio_prompt(audio)
    return arrays | {"voice.cache": stacked_cache(voice)}, voice


def take_steps(model: TTSModel, voice: dict, draws: np.ndarray) -> dict:
    """Prompt with TEXT, then one frame a draw, every layer recorded."""
    flow_lm, state = model.flow_lm, copy.deepcopy(voice)
    tokens = flow_lm.conditioner.prepare(TEXT)
    model._expand_kv_cache(state, model._flow_lm_current_end(state) + tokens.shape[1] + len(draws))
    layers = numbered("", flow_lm.transformer.layers)
    heads = {"condition": flow_lm.z_proj or flow_lm.out_norm, "eos_logit": flow_lm.out_eos}
    latent = torch.full((1, 1, flow_lm.ldim), float("nan"))
    latents = []
    with recorded_noise(model, draws), torch.no_grad():
        with tapped(layers) as prompt:
            model._run_flow_lm_and_increment_step(model_state=state, text_tokens=tokens)
        with tapped(layers | heads) as seen:
            for _ in draws:
                latent, _ = model._run_flow_lm_and_increment_step(model_state=state, backbone_input_latents=latent)
                latents.append(rows(latent, False)[0])
        embedding = rows(flow_lm.conditioner(tokens), False)
    return {
        "tokens": tokens[0].numpy(),
        "text_embedding": embedding,
        "prompt.layers": np.stack([rows(out[0], False) for out in prompt.values()]),  # [layer, T, D]
        "step.noise": draws,
        "step.layers": np.stack([np.stack([rows(x, False)[0] for x in seen[name]]) for name in layers]),
        "step.condition": np.stack([x.flatten().numpy() for x in seen["condition"]]),
        "step.eos_logit": np.array([x.item() for x in seen["eos_logit"]], np.float32),
        "step.latents": np.stack(latents),
    }


def record_flow_net(model: TTSModel, condition: np.ndarray, start: np.ndarray, steps: tuple[int, ...]) -> dict:
    """One pass of the flow net, layer by layer, and whole samples from `start`, which is also clamped."""
    net = model.flow_lm.flow_net
    c, x = torch.from_numpy(condition)[None], torch.from_numpy(start)[None]
    times = [torch.tensor([[t]]) for t in (0.25, 0.75)[: net.num_time_conds]]
    taps = (
        {"flow.cond_embed": net.cond_embed}
        | numbered("flow.time_embed_", net.time_embed)
        | numbered("flow.res_block_", net.res_blocks)
    )
    with tapped(taps) as seen, torch.no_grad():
        out = net(c, *times, x)
    arrays = {"flow.start": start, "flow.out": rows(out, False)}
    arrays |= {name: rows(outputs[0], False) for name, outputs in seen.items()}
    names = {"lsd": "lsd", "flow_matching": "ot", "drifting": "drifting", "pointwise": "pointwise"}
    decode = getattr(samplers, f"{names[model.flow_lm.flow_type]}_decode")
    with torch.no_grad():
        for n_steps in steps:
            arrays[f"flow.sample_{n_steps}"] = rows(decode(lambda *a: net(c, *a), x, n_steps), False)
        arrays["flow.sample_clamped"] = rows(decode(lambda *a: net(c, *a), x.clamp(-CLAMP, CLAMP), steps[0]), False)
    return arrays


def record_decoder(model: TTSModel, latents: np.ndarray) -> dict:
    """Audio of `latents` [F, L] in one call, layer by layer, and again frame by frame."""
    mimi, flow_lm = model.mimi, model.flow_lm
    steps_a_frame = int(mimi.encoder_frame_rate / mimi.frame_rate)
    affine = (torch.from_numpy(latents) * flow_lm.emb_std + flow_lm.emb_mean)[None]
    codec = {"decode.quantizer": mimi.quantizer, "decode.upsample": mimi.upsample}
    codec |= numbered("decode.seanet_", mimi.decoder.model, not_elu)
    layers = numbered("decode.transformer_", mimi.decoder_transformer.transformer.layers)
    with tapped(codec) as by_channel, tapped(layers) as by_row, torch.no_grad():
        whole = mimi.decode_from_latent(affine, init_states(mimi, 1, steps_a_frame * len(latents)))
    state, parts = init_states(mimi, 1, steps_a_frame * len(latents)), []
    with torch.no_grad():
        for i in range(len(latents)):
            parts.append(mimi.decode_from_latent(affine[:, i : i + 1], state))
            increment_steps(mimi, state, steps_a_frame)
    arrays = {"decode.latents": rows(affine, False)}
    arrays |= {name: thinned(rows(out[0], True)) for name, out in by_channel.items()}
    arrays |= {name: rows(out[0], False) for name, out in by_row.items()}
    del arrays[max((n for n in arrays if n.startswith("decode.seanet_")), key=lambda n: int(n[14:]))]  # the audio
    arrays["decode.audio"] = whole[0, 0].numpy()[::THIN]
    arrays["decode.audio_by_frame"] = torch.cat(parts, dim=-1)[0, 0].numpy()[::THIN]
    return arrays


def speak(model: TTSModel, voice: dict, text: str, draws: np.ndarray) -> dict:
    """generate_audio from end to end; `noise` holds the rows of the frames that sounded, in order."""
    lengths, run = [], model._generate_audio_stream_short_text

    def one_chunk(**inputs):
        parts = list(run(**inputs))
        lengths.append(len(parts))
        yield from parts

    with recorded_noise(model, draws) as used, tapped({"eos": model.flow_lm.out_eos}) as seen:
        model._generate_audio_stream_short_text = one_chunk
        audio = model.generate_audio(voice, text, max_tokens=CHUNK_TOKENS)
        del model._generate_audio_stream_short_text
    ended = used[0] - sum(lengths)  # a chunk that ends by EOS draws once more, for a latent that is thrown away
    steps = [n + (ended == len(lengths)) for n in lengths]
    starts = np.cumsum([0, *steps])[:-1]
    kept = np.concatenate([np.arange(start, start + n) for start, n in zip(starts, lengths, strict=True)])
    logits = np.array([x.item() for x in seen["eos"]])
    return {"audio": audio.numpy(), "noise": draws[kept], "n_frames": lengths, "logits": logits,
            "ended": ended == len(lengths)}  # fmt: skip


def choose_eos_threshold(model: TTSModel, voice: dict, draws: np.ndarray) -> tuple[float, dict, dict]:
    """A threshold that ends every chunk soon, no logit being close to it; and what the model says with it."""
    model._estimate_max_gen_len = lambda tokens: 20
    model.eos_threshold = 1e9
    free = speak(model, voice, TWO_CHUNKS, draws)["logits"]
    for threshold in np.linspace(np.quantile(free, 0.95), np.quantile(free, 0.3), 120).round(3):
        model.eos_threshold = float(threshold)
        short, long = (speak(model, voice, text, draws) for text in (TEXT, TWO_CHUNKS))
        distance = np.abs(np.concatenate([short["logits"], long["logits"]]) - threshold).min()
        soon = sum(short["n_frames"]) <= 13 and sum(long["n_frames"]) <= 24
        if short["ended"] and long["ended"] and soon and distance > 0.005:
            del model._estimate_max_gen_len
            return float(threshold), short, long
    raise RuntimeError("no threshold ends every chunk; take another seed")


def spoken(prefix: str, result: dict) -> dict:
    return {f"{prefix}.noise": result["noise"], f"{prefix}.audio": result["audio"][::THIN],
            f"{prefix}.n_frames": np.array(result["n_frames"])}  # fmt: skip


# --- what is made -----------------------------------------------------------------------------------------


def make_inputs(folder: Path) -> torch.Tensor:
    """A voice prompt, shared by all models: loud bursts, a soft end 32 dB under them, a pause at −39 dB."""
    rng = np.random.default_rng(SEED)
    bursts = np.sin(np.arange(4800) * (2 * np.pi / 1700)) ** 2
    envelope = np.concatenate([bursts, np.full(500, 10 ** (-32 / 20)), np.full(1700, 10 ** (-39 / 20))])
    prompt = (0.3 * envelope * rng.standard_normal(len(envelope))).astype(np.float32)
    paused = end_on_pause(torch.from_numpy(prompt)[None], 24000)[0].numpy()
    save_npz(folder / "inputs.npz", {"prompt": prompt, "prompt_on_pause": paused[::THIN]})
    return torch.from_numpy(prompt)[None]


def amplification(model: TTSModel, voice: dict, draws: np.ndarray) -> float:
    """By what factor a small error in the voice grows while the model hears itself."""
    disturbed = copy.deepcopy(voice)
    for layer in disturbed.values():
        layer["cache"] *= 1 + DISTURBANCE
    calm, shaken = (take_steps(model, state, draws)["step.latents"] for state in (voice, disturbed))
    return np.abs(shaken - calm).max() / np.abs(calm).max() / DISTURBANCE


def make_model(folder: Path, raw: dict, steps: int, seed: int, audio: torch.Tensor) -> tuple[TTSModel, np.ndarray]:
    """Weights and draws; seeds are tried until rounding errors do not grow, as they would not in a trained model."""
    while True:
        state = random_model(with_folder(raw, folder), seed).state_dict()
        state = {name: tensor.contiguous() for name, tensor in sorted(state.items())}
        safetensors.torch.save_file(state, folder / raw["weights_path"])
        model = load(raw, folder)
        model.sampler_decode_steps = steps
        draws = np.random.default_rng(seed).standard_normal((60, model.flow_lm.ldim)).astype(np.float32)
        if amplification(model, model.get_state_for_audio_prompt(audio), draws[:20]) < 3:
            return model, draws
        seed += 1000


def make_variant(folder: Path, name: str, over: dict, n_bins: int, audio: torch.Tensor) -> tuple[dict, dict]:
    """NAME.toml, NAME.safetensors and NAME.npz; returns the raw configuration and the voice state."""
    over = dict(over)
    steps, seed = over.pop("steps"), SEED + 1 + list(VARIANTS).index(name)
    raw = merged(BASE, over) | {"weights_path": f"{name}.safetensors"}
    raw["flow_lm"]["lookup_table"]["n_bins"] = n_bins
    model, draws = make_model(folder, raw, steps[0], seed, audio)
    arrays, voice = record_voice(model, audio, with_layers=name in RECORD_ENCODER_LAYERS)
    arrays |= take_steps(model, voice, draws[:N_FRAMES])
    arrays |= record_flow_net(model, arrays["step.condition"][0], draws[-1], steps)
    arrays |= record_decoder(model, arrays["step.latents"])
    threshold, short, long = choose_eos_threshold(model, voice, draws)
    raw["default_eos_threshold"] = threshold
    arrays |= spoken("short", short) | spoken("long", long)
    (folder / f"{name}.toml").write_text(to_toml(raw), encoding="utf-8")
    chunks = split_into_best_sentences(
        model.flow_lm.conditioner.tokenizer,
        TWO_CHUNKS,
        CHUNK_TOKENS,
        raw.get("pad_with_spaces_for_short_inputs", False),
        raw.get("remove_semicolons", False),
        replace_characters=raw["replace_characters"],
    )
    assert len(chunks) == len(long["n_frames"]) == 2, (chunks, long["n_frames"])
    meta = {"text": TEXT, "two_chunks": TWO_CHUNKS, "max_tokens": CHUNK_TOKENS, "chunks": chunks}
    meta |= {"sampler_decode_steps": steps[0], "temperature": model.temp, "clamp": CLAMP, "thin": THIN}
    save_npz(folder / f"{name}.npz", arrays, **meta)
    print(f"{name}: EOS threshold {threshold}, frames {short['n_frames']} {long['n_frames']}")
    return raw, voice


def record_briefly(model: TTSModel, voice: dict, draws: np.ndarray) -> dict:
    steps = take_steps(model, voice, draws)
    audio = record_decoder(model, steps["step.latents"])["decode.audio"]
    keep = ("step.noise", "step.latents", "step.eos_logit")
    return {"voice.cache": stacked_cache(voice), "decode.audio": audio} | {key: steps[key] for key in keep}


def make_other_weights(folder: Path, raw: dict, audio: torch.Tensor) -> None:
    """The lsd model again: in 16 bits, and as the two files of a training run."""
    state = safetensors.torch.load_file(folder / raw["weights_path"])
    draws = np.random.default_rng(SEED + 50).standard_normal((4, 8)).astype(np.float32)
    configs = {}
    for name in ("bfloat16", "float16"):
        configs[f"lsd_{name}"] = raw | {"weights_path": f"lsd_{name}.safetensors"}
        small = {k: v.to(getattr(torch, name)) for k, v in state.items()}
        safetensors.torch.save_file(small, folder / f"lsd_{name}.safetensors")
    flow_lm, mimi = raw_training_names(state, np.random.default_rng(SEED + 51))
    safetensors.torch.save_file(flow_lm, folder / "lsd_raw_flow_lm.safetensors")
    safetensors.torch.save_file({k: v.contiguous() for k, v in mimi.items()}, folder / "lsd_raw_mimi.safetensors")
    configs["lsd_raw"] = merged(raw, {
        "weights_path": None, "flow_lm": {"weights_path": "lsd_raw_flow_lm.safetensors"},
        "mimi": {"weights_path": "lsd_raw_mimi.safetensors"},
    })  # fmt: skip
    for name, config in configs.items():
        model = load(config, folder)
        (folder / f"{name}.toml").write_text(to_toml(config), encoding="utf-8")
        arrays = record_briefly(model, model.get_state_for_audio_prompt(audio), draws)
        save_npz(folder / f"{name}.npz", arrays, text=TEXT, thin=THIN)


def make_voices(folder: Path, lsd: dict, voice: dict, wide: dict) -> None:
    """Voice files in every form the reference writes or wrote, and what the models do with them."""
    model, draws = (
        load(lsd, folder),
        np.random.default_rng(SEED + 60).standard_normal((4, 8)).astype(np.float32),
    )
    spare = copy.deepcopy(voice)
    model._expand_kv_cache(spare, model._flow_lm_current_end(voice) + 3)
    export_model_state(spare, folder / "voice_saved.safetensors")
    legacy = {k: {"cache": v["cache"], "current_end": torch.zeros(int(v["offset"]))} for k, v in spare.items()}
    export_model_state(legacy, folder / "voice_current_end.safetensors")
    padded = copy.deepcopy(voice)
    for layer in padded.values():
        layer["pad"] += 2
    export_model_state(padded, folder / "voice_left_padded.safetensors")
    arrays = {}
    for name in ("saved", "current_end", "left_padded"):
        loaded = _import_model_state(folder / f"voice_{name}.safetensors", torch.device("cpu"))
        arrays[f"{name}.latents"] = take_steps(model, loaded, draws)["step.latents"]
    model = load(wide, folder)
    prompt = torch.from_numpy(np.random.default_rng(SEED + 61).standard_normal((1, 6, model.flow_lm.dim))).float()
    safetensors.torch.save_file({"audio_prompt": prompt}, folder / "voice_audio_prompt.safetensors")
    state = init_states(model.flow_lm, 1, prompt.shape[1])
    with torch.no_grad(), recorded_noise(model, draws):
        model._run_flow_lm_and_increment_step(model_state=state, audio_conditioning=prompt)
    arrays["audio_prompt.cache"] = stacked_cache(state)
    arrays["audio_prompt.latents"] = take_steps(model, state, draws)["step.latents"]
    save_npz(folder / "voices.npz", arrays | {"noise": draws}, text=TEXT)


def make_models(folder: Path) -> None:
    """Every model, its weights in other forms, its voices, and what the reference makes of them."""
    torch.set_num_threads(1)
    n_bins = make_tokenizers(folder, [TEXT, TWO_CHUNKS])
    audio = make_inputs(folder)
    made = {name: make_variant(folder, name, over, n_bins, audio) for name, over in VARIANTS.items()}
    make_other_weights(folder, made["lsd"][0], audio)
    make_voices(folder, *made["lsd"], made["wide"][0])
