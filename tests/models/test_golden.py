"""The package against what the reference recorded in tests/golden: layer by layer, then from end to end."""

import dataclasses
import functools
import re

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pockettts_np import TTSModel, export_model_state
from pockettts_np.audio.recording import end_on_pause
from pockettts_np.loading.voice import VoiceState, load_voice
from pockettts_np.models.flow_lm import FlowLM
from pockettts_np.models.mimi import MimiDecoder, MimiEncoder
from pockettts_np.models.seanet import ResidualBlock, SEANet
from pockettts_np.models.transformer import ProjectedTransformer
from pockettts_np.weights.checkpoint import Weights, open_checkpoint
from tests.support import naive
from tests.support.helpers import GOLDEN, NETWORK, assert_close, golden, thinned

pytestmark = pytest.mark.numerics

MODELS = ("lsd", "wide", "drifting", "grouped", "pointwise", "flow_matching")
WITH_ENCODER_LAYERS = ("lsd", "drifting", "flow_matching")
VOICE_FORMS = ("saved", "current_end", "left_padded")
FRAME_SAMPLES = 1920


@functools.cache
def load(name: str) -> TTSModel:
    _, meta = golden(name)
    return TTSModel.load_model(config=GOLDEN / f"{name}.toml", sampler_decode_steps=meta.get("sampler_decode_steps", 1))


@functools.cache
def tensors(name: str) -> dict[str, np.ndarray]:
    return load_file(GOLDEN / f"{name}.safetensors")


def weights(name: str) -> Weights:
    return Weights(name, open_checkpoint(GOLDEN / f"{name}.safetensors"))


def cut(name: str, section: str, **sizes):
    """The configuration of a model, but with other `sizes` in one section of its language model or codec."""
    config = load(name).config
    part, section = section.split(".")
    whole = getattr(config, part)
    smaller = dataclasses.replace(whole, **{section: dataclasses.replace(getattr(whole, section), **sizes)})
    return dataclasses.replace(config, **{part: smaller})


def flow_lm_cut(name: str, section: str, **sizes) -> FlowLM:
    return FlowLM.load(weights(name).scope("flow_lm"), cut(name, f"flow_lm.{section}", **sizes))


def codec_transformers(name: str, part: type) -> list[ProjectedTransformer]:
    """The transformer of the encoder or of the decoder, with its first layer, its first two, and so on."""
    mimi = load(name).config.mimi
    own = part is MimiDecoder and mimi.decoder_transformer
    section, whole = ("decoder_transformer", mimi.decoder_transformer) if own else ("transformer", mimi.transformer)
    configs = [cut(name, f"mimi.{section}", num_layers=n) for n in range(1, whole.num_layers + 1)]
    return [part.load(weights(name).scope("mimi"), config.mimi).transformer for config in configs]


def prompt() -> np.ndarray:
    return golden("inputs")[0]["prompt"]


@functools.cache
def encoded(name: str) -> np.ndarray:
    return load(name).encoder(end_on_pause(prompt(), 24000))


def voice(name: str, flow_lm: FlowLM | None = None) -> VoiceState:
    """What a model, or a part of it, remembers of the recorded voice."""
    flow_lm = flow_lm or load(name).flow_lm
    state = flow_lm.init_state()
    flow_lm.prompt(flow_lm.embed_voice(encoded(name)), state)
    return state


def cache_of(state: VoiceState, folder) -> np.ndarray:
    """The cache as the fixtures have it: [layer, 2, T, H_kv, D]."""
    export_model_state(state, folder / "cache.safetensors")
    saved = load_file(folder / "cache.safetensors")
    n_layers = len(saved) // 3
    return np.stack([saved[f"transformer.layers.{i}.self_attn/cache"][:, 0] for i in range(n_layers)])


def elu(x: np.ndarray) -> np.ndarray:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def numbered(arrays: dict[str, np.ndarray], prefix: str) -> list[np.ndarray]:
    """The entries `prefix`0, `prefix`1, … in order; the numbers may have gaps."""
    numbers = sorted(int(key.removeprefix(prefix)) for key in arrays if re.fullmatch(re.escape(prefix) + r"\d+", key))
    assert numbers, f"no entry {prefix}N"
    return [arrays[f"{prefix}{i}"] for i in numbers]


def assert_layers_close(seanet: SEANet, x: np.ndarray, wants: list[np.ndarray], thin: int) -> None:
    """The output of each layer in turn is the recorded one."""
    for i, (layer, want) in enumerate(zip(seanet.layers, wants, strict=True)):
        x = layer(x if i == 0 or isinstance(layer, ResidualBlock) else elu(x), layer.init_state())
        assert_close(thinned(x, thin), want, NETWORK)


# ---------------------------------------------------------------- the codec's encoder and the voice


def test_the_prompt_ends_on_a_pause():
    arrays, _ = golden("inputs")
    _, meta = golden("lsd")
    assert_close(end_on_pause(arrays["prompt"], 24000)[:: meta["thin"]], arrays["prompt_on_pause"])


@pytest.mark.parametrize("name", WITH_ENCODER_LAYERS)
def test_every_encoder_layer_equals_the_reference(name):
    arrays, meta = golden(name)
    encoder = load(name).encoder
    samples = end_on_pause(prompt(), 24000)
    x = np.pad(samples, (0, -len(samples) % FRAME_SAMPLES))[:, None]
    seanet = numbered(arrays, "encode.seanet_")
    assert_layers_close(encoder.seanet, x, seanet, meta["thin"])
    layers = numbered(arrays, "encode.transformer_")
    for stack, want in zip(codec_transformers(name, MimiEncoder), layers, strict=True):
        assert_close(stack(seanet[-1], stack.init_state()), want)
    assert_close(encoder.downsample(layers[-1], encoder.downsample.init_state()), arrays["encode.downsample"])


@pytest.mark.parametrize("name", MODELS)
def test_a_voice_equals_the_reference(name, tmp_path):
    arrays, _ = golden(name)
    rows = load(name).flow_lm.embed_voice(encoded(name))
    n_bos = len(rows) - len(arrays["voice.conditioning"])
    assert n_bos == load(name).config.flow_lm.insert_bos_before_voice
    assert_close(rows[n_bos:], arrays["voice.conditioning"], NETWORK)
    state = load(name).get_state_for_audio_prompt(prompt())
    assert state.position == arrays["voice.cache"].shape[2]
    assert_close(cache_of(state, tmp_path), arrays["voice.cache"], NETWORK)


# ---------------------------------------------------------------- the language model


@pytest.mark.parametrize("name", MODELS)
def test_text_is_read_as_by_the_reference(name):
    arrays, meta = golden(name)
    model, ids = load(name), arrays["tokens"].tolist()
    assert model.tokenizer.encode(meta["text"]) == ids
    assert_close(model.flow_lm.text(ids), arrays["text_embedding"])


def prompted(name: str, state: VoiceState) -> VoiceState:
    """A copy of `state` that has read the text of the fixture."""
    model, state = load(name), state.copy()
    model.flow_lm.prompt(model.flow_lm.text(model.tokenizer.encode(golden(name)[1]["text"])), state)
    return state


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_of_the_language_model_equals_the_reference(name):
    arrays, _ = golden(name)
    for n, (prompt_rows, step_rows) in enumerate(zip(arrays["prompt.layers"], arrays["step.layers"], strict=True), 1):
        flow_lm = flow_lm_cut(name, "transformer", num_layers=n)
        state = voice(name, flow_lm)
        assert_close(flow_lm.transformer(arrays["text_embedding"], state), prompt_rows, NETWORK)
        for latent, want in zip([flow_lm.bos, *arrays["step.latents"]], step_rows, strict=False):
            assert_close(flow_lm.transformer(flow_lm.input_linear(latent[None]), state)[0], want, NETWORK)


@pytest.mark.parametrize("name", MODELS)
def test_the_heads_equal_the_reference(name):
    arrays, _ = golden(name)
    state = prompted(name, voice(name))
    steps = [load(name).flow_lm.step(latent, state) for latent in [None, *arrays["step.latents"][:-1]]]
    assert_close(np.stack([z for z, _ in steps]), arrays["step.condition"], NETWORK)
    assert_close(np.array([logit for _, logit in steps], np.float32), arrays["step.eos_logit"], NETWORK)


def run_latents(name: str, state: VoiceState, noise: np.ndarray, temperature: float, n_steps: int):
    """(latents, EOS logits) of a model that hears only itself."""
    flow_lm, state = load(name).flow_lm, prompted(name, state)
    times, latents, logits = flow_lm.flow_net.time_table(n_steps), [], []
    for draw in noise:
        z, logit = flow_lm.step(latents[-1] if latents else None, state)
        latents.append(flow_lm.flow_net.sample(z[None], draw[None] * np.float32(np.sqrt(temperature)), times)[0])
        logits.append(logit)
    return np.stack(latents), np.array(logits, np.float32)


@pytest.mark.parametrize("name", MODELS)
def test_latents_and_eos_logits_equal_the_reference(name):
    arrays, meta = golden(name)
    latents, logits = run_latents(
        name, voice(name), arrays["step.noise"], meta["temperature"], meta["sampler_decode_steps"]
    )
    assert_close(latents, arrays["step.latents"], NETWORK)
    assert_close(logits, arrays["step.eos_logit"], NETWORK)


# ---------------------------------------------------------------- the flow net


@pytest.mark.parametrize("name", MODELS)
def test_every_block_of_the_flow_net_equals_the_reference(name):
    arrays, _ = golden(name)
    net, w = load(name).flow_lm.flow_net, naive.scope(tensors(name), "flow_lm.flow_net")
    condition = net.condition(arrays["step.condition"][:1])[0]
    assert_close(condition, arrays["flow.cond_embed"])
    times = [embed(t) for embed, t in zip(net.times, (0.25, 0.75), strict=False)]
    for i, time in enumerate(times):
        assert_close(time, arrays[f"flow.time_embed_{i}"])
    if times:
        condition = condition + sum(times) / np.float32(len(times))
    for n, rows in enumerate(numbered(arrays, "flow.res_block_"), 1):
        want = naive.flow_head(rows[None], condition[None], w)
        part = flow_lm_cut(name, "flow", depth=n).flow_net
        assert_close(part.velocity(arrays["flow.start"][None], condition[None])[0], want, NETWORK)
    assert_close(net.velocity(arrays["flow.start"][None], condition[None])[0], arrays["flow.out"], NETWORK)


@pytest.mark.parametrize("name", MODELS)
def test_samples_equal_the_reference_for_any_number_of_steps(name):
    arrays, meta = golden(name)
    net, z, start = load(name).flow_lm.flow_net, arrays["step.condition"][0], arrays["flow.start"]
    steps = [int(key.rpartition("_")[2]) for key in arrays if re.fullmatch(r"flow\.sample_\d+", key)]
    assert meta["sampler_decode_steps"] in steps
    for n_steps in steps:
        got = net.sample(z[None], start[None], net.time_table(n_steps))[0]
        assert_close(got, arrays[f"flow.sample_{n_steps}"], NETWORK)
    clamped = np.clip(start, -meta["clamp"], meta["clamp"])
    assert np.abs(start).max() > meta["clamp"]
    got = net.sample(z[None], clamped[None], net.time_table(meta["sampler_decode_steps"]))[0]
    assert_close(got, arrays["flow.sample_clamped"], NETWORK)


# ---------------------------------------------------------------- the codec's decoder


@pytest.mark.parametrize("name", MODELS)
def test_every_decoder_layer_equals_the_reference(name):
    arrays, meta = golden(name)
    decoder, latents = load(name).decoder, load(name).flow_lm.denormalize(arrays["step.latents"])
    assert_close(latents, arrays["decode.latents"])
    assert_close(decoder.projection(latents), arrays["decode.quantizer"])
    upsampled = decoder.upsample(arrays["decode.quantizer"], decoder.upsample.init_state())
    assert_close(upsampled, arrays["decode.upsample"])
    layers = numbered(arrays, "decode.transformer_")
    for stack, want in zip(codec_transformers(name, MimiDecoder), layers, strict=True):
        assert_close(stack(arrays["decode.upsample"], stack.init_state()), want)
    wants = [*numbered(arrays, "decode.seanet_"), arrays["decode.audio"][:, None]]
    assert_layers_close(decoder.head, layers[-1], wants, meta["thin"])


@pytest.mark.parametrize(("name", "n_frames"), [("lsd", 6), ("pointwise", 6), *((name, 1) for name in MODELS)])
def test_audio_in_one_call_and_frame_by_frame_equals_the_reference(name, n_frames):
    arrays, meta = golden(name)
    decoder, latents = load(name).decoder, arrays["decode.latents"]
    state = decoder.init_state()
    audio = np.concatenate([decoder(part, state) for part in np.split(latents, len(latents) // n_frames)])
    want = arrays["decode.audio" if n_frames == len(latents) else "decode.audio_by_frame"]
    assert_close(audio[:: meta["thin"]], want, NETWORK)


# ---------------------------------------------------------------- from end to end


@pytest.mark.parametrize("name", MODELS)
def test_speech_equals_the_reference(name):
    arrays, meta = golden(name)
    model = dataclasses.replace(load(name), threads=1)
    audio = model.generate_audio(voice(name), meta["text"], noise=arrays["short.noise"])
    assert len(audio) == arrays["short.n_frames"].sum() * FRAME_SAMPLES
    assert_close(audio[:: meta["thin"]], arrays["short.audio"], NETWORK)


def test_speech_in_two_chunks_equals_the_reference():
    arrays, meta = golden("drifting")
    model = dataclasses.replace(load("drifting"), threads=2)
    text, noise = meta["two_chunks"], arrays["long.noise"]
    audio = model.generate_audio(voice("drifting"), text, max_tokens=meta["max_tokens"], noise=noise)
    assert len(arrays["long.n_frames"]) == 2
    assert len(audio) == arrays["long.n_frames"].sum() * FRAME_SAMPLES
    assert_close(audio[:: meta["thin"]], arrays["long.audio"], NETWORK)


# ---------------------------------------------------------------- other files


@pytest.mark.parametrize("name", ["lsd_bfloat16", "lsd_float16", "lsd_raw"])
def test_other_weight_files_give_the_reference_s_numbers(name, tmp_path):
    arrays, meta = golden(name)
    model = load(name)
    state = model.get_state_for_audio_prompt(prompt())
    assert_close(cache_of(state, tmp_path), arrays["voice.cache"], NETWORK)
    latents, logits = run_latents(name, state, arrays["step.noise"], 0.3, 1)
    assert_close(latents, arrays["step.latents"], NETWORK)
    assert_close(logits, arrays["step.eos_logit"], NETWORK)
    audio = model.decoder(model.flow_lm.denormalize(arrays["step.latents"]), model.decoder.init_state())
    assert_close(audio[:: meta["thin"]], arrays["decode.audio"], NETWORK)


@pytest.mark.parametrize("form", VOICE_FORMS)
def test_a_voice_file_of_the_reference_speaks_as_there(form):
    arrays, _ = golden("voices")
    state = load("lsd").get_state_for_audio_prompt(GOLDEN / f"voice_{form}.safetensors")
    latents, _ = run_latents("lsd", state, arrays["noise"], 0.3, 1)
    assert_close(latents, arrays[f"{form}.latents"], NETWORK)


def test_an_audio_prompt_file_is_read_by_the_model(tmp_path):
    arrays, _ = golden("voices")
    state = load("wide").get_state_for_audio_prompt(GOLDEN / "voice_audio_prompt.safetensors")
    assert_close(cache_of(state, tmp_path), arrays["audio_prompt.cache"], NETWORK)
    latents, _ = run_latents("wide", state, arrays["noise"], 0.7, 1)
    assert_close(latents, arrays["audio_prompt.latents"], NETWORK)


def test_a_voice_is_saved_as_the_reference_saves_it(tmp_path):
    state = load_voice(GOLDEN / "voice_saved.safetensors", load("lsd").flow_lm)
    export_model_state(state, tmp_path / "voice.safetensors")
    got, want = load_file(tmp_path / "voice.safetensors"), load_file(GOLDEN / "voice_saved.safetensors")
    assert got.keys() == want.keys()
    for name, tensor in want.items():
        used = tensor[:, :, : state.n_rows] if name.endswith("cache") else tensor
        assert got[name].dtype == tensor.dtype
        np.testing.assert_array_equal(got[name], used)


def test_a_model_without_its_encoder_speaks_and_cannot_clone(tmp_path):
    toml = (GOLDEN / "drifting.toml").read_text(encoding="utf-8")
    for section in ("mimi.seanet", "mimi.transformer"):
        toml = re.sub(rf"\n\[{re.escape(section)}\]\n[^\[]*?(?=\n\[)", "\n", toml)
    toml = toml.replace('"tokenizer.model"', f"'{(GOLDEN / 'tokenizer.model').as_posix()}'")
    (tmp_path / "decoder.toml").write_text(toml.replace("drifting.safe", "decoder.safe"), encoding="utf-8")
    encoder = ("mimi.encoder.", "mimi.encoder_transformer.", "mimi.downsample.")
    kept = {name: tensor for name, tensor in tensors("drifting").items() if not name.startswith(encoder)}
    save_file(kept, tmp_path / "decoder.safetensors")
    model = TTSModel.load_model(config=tmp_path / "decoder.toml")
    arrays, meta = golden("drifting")
    audio = model.generate_audio(voice("drifting"), meta["text"], noise=arrays["short.noise"])
    assert_close(audio[:: meta["thin"]], arrays["short.audio"], NETWORK)
    assert not model.has_voice_cloning
    with pytest.raises(ValueError, match="cannot clone"):
        model.get_state_for_audio_prompt(prompt())


# ---------------------------------------------------------------- the fixtures and the naive loops


def test_fixtures_are_small_and_say_where_they_come_from():
    assert sum(path.stat().st_size for path in GOLDEN.iterdir()) < 2_000_000
    others = {GOLDEN / f"{name}.npz" for name in ("builtin_speech", "source_filter")}  # no work of the reference
    for path in set(GOLDEN.glob("*.npz")) - others:
        _, meta = golden(path.stem)
        assert meta["versions"]["pocket-tts"] == "4.0.1"
        assert isinstance(meta["seed"], int)


@pytest.mark.parametrize("name", MODELS)
def test_the_naive_flow_net_equals_the_reference(name):
    arrays, meta = golden(name)
    w, z, start = naive.scope(tensors(name), "flow_lm.flow_net"), arrays["step.condition"][0], arrays["flow.start"]
    kind, n_steps = load(name).config.flow_lm.flow.type, meta["sampler_decode_steps"]
    got = naive.sample(kind, lambda times, x: naive.flow_net(z, times, x, w), start, n_steps)
    assert_close(got, arrays[f"flow.sample_{n_steps}"], dtype=np.float64)


@pytest.mark.parametrize("name", ["drifting", "grouped", "pointwise"])
def test_the_naive_transformers_equal_the_reference(name):
    arrays, _ = golden(name)
    sizes = load(name).config.flow_lm.transformer
    x = arrays["voice.conditioning"]
    w = tensors(name)
    bos = w["flow_lm.bos_before_voice"][0]
    sequence = np.concatenate([bos, x, arrays["text_embedding"]])
    for i, want in enumerate(arrays["prompt.layers"]):
        layer = naive.scope(w, f"flow_lm.transformer.layers.{i}")
        sequence = naive.transformer_layer(sequence, layer, sizes.num_heads, sizes.kv_heads)
        assert_close(sequence[-len(want) :], want, dtype=np.float64)
    codec, x = load(name).config.mimi.decoding_transformer, arrays["decode.upsample"]
    assert len(x) > codec.context
    for i, want in enumerate(numbered(arrays, "decode.transformer_")):
        layer = naive.scope(w, f"mimi.decoder_transformer.transformer.layers.{i}")
        x = naive.transformer_layer(x, layer, codec.num_heads, codec.num_heads, codec.context)
        assert_close(x, want, dtype=np.float64)


def test_the_naive_convolutions_equal_the_reference():
    arrays, meta = golden("drifting")
    w, n_frames = naive.scope(tensors("drifting"), "mimi"), 2
    steps = 16 * n_frames
    x = naive.depthwise_conv_transpose1d(arrays["decode.quantizer"], w["upsample.convtr.convtr.weight"], 16)
    assert_close(x, arrays["decode.upsample"], dtype=np.float64)
    x, layers = arrays["decode.transformer_2"][:steps], load("drifting").decoder.head.layers
    numbers = sorted(int(key[14:]) for key in arrays if key.startswith("decode.seanet_"))
    for number, layer in zip(numbers, layers, strict=False):
        part = naive.scope(w, f"decoder.model.{number}")
        if isinstance(layer, ResidualBlock):
            x = naive.residual_block(x, part)
        elif "convtr.weight" in part:
            stride = part["convtr.weight"].shape[2] // 2
            x = naive.conv_transpose1d(naive.elu(x), part["convtr.weight"], part["convtr.bias"], stride)
        else:
            x = naive.conv1d(x if number == 0 else naive.elu(x), part["conv.weight"], part["conv.bias"])
        want = arrays[f"decode.seanet_{number}"]
        got = x[:: meta["thin"]] if len(want) != 16 * 6 else x
        assert_close(got, want[: len(got)], dtype=np.float64)
    got = naive.conv1d(arrays["encode.transformer_1"], w["downsample.conv.conv.weight"], stride=16, replicate=True)
    assert_close(got, arrays["encode.downsample"], dtype=np.float64)


def test_the_naive_pause_equals_the_reference():
    arrays, _ = golden("inputs")
    got = naive.end_on_pause(arrays["prompt"], 24000)
    assert_close(got[:: golden("lsd")[1]["thin"]], arrays["prompt_on_pause"], dtype=np.float64)
