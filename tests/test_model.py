"""TTSModel: what it loads and refuses, and the laws of speech: reproducible, streamed, chunked, stopped, shared."""

import dataclasses
import gc
import inspect
import logging
import math
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pockettts_np import TTSModel, export_model_state
from pockettts_np.conditioners.script import Script
from pockettts_np.conditioners.text import prepare_text_prompt, split_into_chunks
from pockettts_np.hub import fetch
from pockettts_np.loading import model_source
from pockettts_np.models.mimi import MimiEncoder
from tests.support.helpers import GOLDEN, NETWORK, assert_close
from tests.support.random_models import RandomWeights, small_model
from tests.support.speech import (
    FIRST_EOS_FRAME,
    FRAME_SAMPLES,
    SENTENCE,
    TWO_SENTENCES,
    PlainDecoder,
    n_threads_at_work,
    quick,
    timed_model,
)
from tests.support.ways import bytes_held, same_bits

pytestmark = pytest.mark.numerics


def n_frames(audio: np.ndarray) -> int:
    assert audio.dtype == np.float32
    assert audio.ndim == 1
    assert len(audio) % FRAME_SAMPLES == 0
    return len(audio) // FRAME_SAMPLES


def normal_rows(seed: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.standard_normal(8, np.float32) for _ in range(n)])


# ---------------------------------------------------------------- sound


def test_a_model_says_its_rate_and_speaks_in_finite_samples(voice):
    model = small_model()
    audio = model.generate_audio(voice, "Hello.", noise=0)
    assert model.sample_rate == 24_000
    assert n_frames(audio) == FIRST_EOS_FRAME + 5
    assert np.isfinite(audio).all()
    assert audio.std() > 0


def test_a_stream_is_the_audio_in_pieces(voice):
    model = dataclasses.replace(small_model(), threads=1)
    pieces = list(model.generate_audio_stream(voice, SENTENCE, frames_after_eos=0, noise=3))
    assert [n_frames(piece) for piece in pieces] == [1] * FIRST_EOS_FRAME
    want = model.generate_audio(voice, SENTENCE, frames_after_eos=0, noise=3)
    assert np.array_equal(np.concatenate(pieces), want)


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_any_number_of_threads_speaks_alike(voice, n):
    """Bit for bit: a row's result does not depend on those beside it. (It does in NumPy's products, which stand in for
    the compiled ones without the compiler.)"""
    one, many = (dataclasses.replace(small_model(), threads=threads) for threads in (1, n))
    want = one.generate_audio(voice, SENTENCE, frames_after_eos=0, noise=3)
    for _ in range(3):
        got = many.generate_audio(voice, SENTENCE, frames_after_eos=0, noise=3)
        assert_close(got, want, same_bits(NETWORK))
    assert n_threads_at_work() == 0


def test_the_first_five_milliseconds_of_each_chunk_fade_in(voice):
    model = quick(temperature=0.0)
    audio = model.generate_audio(voice, TWO_SENTENCES, max_tokens=20)
    chunk = len(audio) // 2
    for start in (0, chunk):
        frame = audio[start : start + FRAME_SAMPLES]
        assert_close(frame[:120], frame[-1] * np.linspace(0, 1, 120))
        assert np.array_equal(frame[119:], np.full(FRAME_SAMPLES - 119, frame[-1]))


@pytest.mark.parametrize("name", ["drifting", "grouped", "pointwise", "flow_matching", "wide"])
def test_every_architecture_speaks(name):
    model = dataclasses.replace(small_model(name), decoder=PlainDecoder())
    state = model.flow_lm.init_state()
    model.flow_lm.prompt(np.zeros((3, model.config.flow_lm.transformer.d_model), np.float32), state)
    audio = model.generate_audio(state, SENTENCE, frames_after_eos=1, noise=0)
    assert n_frames(audio) == FIRST_EOS_FRAME + 1
    assert audio.std() > 0


@pytest.mark.parametrize(("name", "n_rows"), [("lsd", 1), ("wide", 0)])
def test_a_model_speaks_without_any_recording(name, n_rows):
    """From the learnt beginning of a voice, where it has one, or from nothing at all."""
    model = dataclasses.replace(small_model(name), decoder=PlainDecoder())
    state = model.get_initial_state()
    assert (state.n_rows, state.position) == (n_rows, n_rows)
    assert n_frames(model.generate_audio(state, SENTENCE, frames_after_eos=1, noise=0)) == FIRST_EOS_FRAME + 1


# ---------------------------------------------------------------- randomness


@pytest.mark.parametrize("threads", [1, 2])
def test_a_seed_makes_the_same_speech_again(voice, threads):
    model = quick(threads)
    speech = [model.generate_audio(voice, SENTENCE, noise=seed) for seed in (1, 1, 2, None)]
    assert np.array_equal(speech[0], speech[1])
    for other in speech[2:]:
        assert not np.array_equal(speech[0], other)


def test_recorded_noise_is_a_row_a_frame(voice):
    model = quick()
    want = model.generate_audio(voice, SENTENCE, noise=5)
    assert np.array_equal(model.generate_audio(voice, SENTENCE, noise=normal_rows(5, n_frames(want))), want)


@pytest.mark.parametrize("threads", [1, 2])
def test_too_few_rows_of_noise_are_an_error(voice, threads):
    stream = quick(threads).generate_audio_stream(voice, SENTENCE, noise=normal_rows(0, 3))
    with pytest.raises(ValueError, match="longer than the 3 rows of noise given"):
        list(stream)
    assert n_threads_at_work() == 0


def test_a_generator_goes_on_from_one_call_to_the_next(voice):
    model, rng = quick(), np.random.default_rng(5)
    first, second = (model.generate_audio(voice, SENTENCE, noise=rng) for _ in range(2))
    rows = normal_rows(5, n_frames(first) + n_frames(second))
    assert np.array_equal(first, model.generate_audio(voice, SENTENCE, noise=rows))
    assert np.array_equal(second, model.generate_audio(voice, SENTENCE, noise=rows[n_frames(first) :]))


def test_at_temperature_zero_noise_does_not_matter(voice):
    model = quick(temperature=0.0)
    assert np.array_equal(*(model.generate_audio(voice, SENTENCE, noise=seed) for seed in (1, 2)))


@pytest.mark.parametrize("option", [{"temperature": 0.1}, {"noise_clamp": 0.3}, {"n_steps": 3}])
def test_sampling_options_change_speech(voice, option):
    want = quick().generate_audio(voice, SENTENCE, noise=1)
    assert not np.array_equal(quick(**option).generate_audio(voice, SENTENCE, noise=1), want)


# ---------------------------------------------------------------- length


@pytest.mark.parametrize(("text", "frames"), [("Hi there.", 5), ("One two three four.", 5), (SENTENCE, 3)])
def test_few_words_are_followed_by_more_frames(voice, text, frames):
    assert n_frames(quick().generate_audio(voice, text)) == FIRST_EOS_FRAME + frames


def test_frames_after_the_end_are_the_caller_s_then_the_model_s(voice):
    model = quick()
    config = dataclasses.replace(model.config, model_recommended_frames_after_eos=2)
    model = dataclasses.replace(model, config=config)
    assert n_frames(model.generate_audio(voice, SENTENCE)) == FIRST_EOS_FRAME + 2
    for frames in (0, 4):
        assert n_frames(model.generate_audio(voice, SENTENCE, frames_after_eos=frames)) == FIRST_EOS_FRAME + frames


@pytest.mark.parametrize("most", [0, 1, 4])
def test_frames_that_a_model_cannot_keep_quiet_in_are_silence(voice, most):
    """Its own frames up to `max_frames_after_eos`, faded out, and zeros for the others."""
    model = quick()
    quiet = dataclasses.replace(model, config=dataclasses.replace(model.config, max_frames_after_eos=most))
    want = model.generate_audio(voice, SENTENCE, frames_after_eos=4, noise=5)
    got = quiet.generate_audio(voice, SENTENCE, frames_after_eos=4, noise=5)
    n_own = len(want) - (4 - most) * model.config.mimi.frame_samples
    n_faded = model.sample_rate // 200 if most < 4 else 0
    assert len(got) == len(want)
    assert np.array_equal(got[: n_own - n_faded], want[: n_own - n_faded])
    assert not got[n_own:].any()


def test_speech_that_never_ends_is_cut_off_with_a_warning(voice, caplog):
    model = quick(eos_threshold=math.inf)
    n_tokens = len(model.tokenizer.encode(prepare_text_prompt(SENTENCE, model.config)[0]))
    want = math.ceil((n_tokens / 3 + 2) * 12.5)
    assert n_frames(model.generate_audio(voice, SENTENCE)) == want == model.longest_frames(n_tokens)
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_a_script_is_spoken_as_its_text_is(voice):
    model, text = quick(), f"{TWO_SENTENCES} [pause:100ms] Well."
    script = model.script(text, max_tokens=20)
    assert len(script.chunks) == 3
    want = model.generate_audio(voice, text, max_tokens=20, noise=3)
    assert np.array_equal(model.generate_audio(voice, script, noise=3), want)


def test_a_script_of_nothing_or_of_another_model_is_refused(voice):
    model = quick()
    with pytest.raises(ValueError, match="nothing to speak"):
        model.generate_audio_stream(voice, Script("", ()))
    script = model.script(SENTENCE)
    other = dataclasses.replace(script.chunks[0], ids=script.chunks[0].ids[::-1])
    with pytest.raises(ValueError, match=r"script belongs to another model: .* 'The cat .* this model's script\(\)"):
        model.generate_audio_stream(voice, dataclasses.replace(script, parts=(other,)))
    with pytest.raises(ValueError, match="max_tokens is 20, but a script is cut already: give it to script"):
        model.generate_audio_stream(voice, script, max_tokens=20)
    (silence,) = model.generate_audio_stream(voice, model.script("[pause:50ms]"))
    assert np.array_equal(silence, np.zeros(1200))


@pytest.mark.parametrize("text", [None, 7, ["Hello."], b"Hello."])
def test_what_is_no_text_is_refused_at_once(voice, text):
    with pytest.raises(TypeError, match=f"The text is a {type(text).__name__}; wanted a string"):
        quick().generate_audio_stream(voice, text)


def test_long_text_is_spoken_chunk_by_chunk_each_from_the_voice(voice):
    model = quick()
    chunks = split_into_chunks(model.tokenizer, TWO_SENTENCES, 20, model.config)
    assert len(chunks) == 2
    whole = model.generate_audio(voice, TWO_SENTENCES, max_tokens=20, noise=9)
    rng = np.random.default_rng(9)
    assert np.array_equal(
        whole, np.concatenate([model.generate_audio(voice, chunk.text, noise=rng) for chunk in chunks])
    )


# ---------------------------------------------------------------- the state


def test_speaking_leaves_the_voice_as_it_was(voice):
    before = voice.copy()
    quick().generate_audio(voice, SENTENCE, noise=1)
    assert (voice.n_rows, voice.position) == (before.n_rows, before.position)
    assert np.array_equal(voice.rows(), before.rows())


def test_without_a_copy_speech_goes_on_from_the_state(voice):
    model, state = quick(), voice.copy()
    first = model.generate_audio(state, SENTENCE, copy_state=False, noise=1)
    n_tokens = len(model.tokenizer.encode(SENTENCE))
    assert np.array_equal(first, model.generate_audio(voice, SENTENCE, noise=1))
    assert state.position == voice.position + n_tokens + n_frames(first) + 1  # the last step saw the end
    assert np.array_equal(state.rows()[:, :, : voice.n_rows], voice.rows())
    after = model.generate_audio(state.copy(), SENTENCE, noise=1)
    assert not np.array_equal(after, first)
    assert np.array_equal(model.generate_audio(state, SENTENCE, copy_state=False, noise=1), after)


def test_threads_may_share_a_model_and_a_voice(voice):
    texts = [SENTENCE, "Was it red or blue?", "Hello.", TWO_SENTENCES]
    model = quick(threads=2)
    alone = [model.generate_audio(voice, text, noise=i) for i, text in enumerate(texts)]
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(model.generate_audio, voice, text, noise=i) for i, text in enumerate(texts)] * 3
        together = [job.result() for job in jobs]
    for got, want in zip(together, alone * 3, strict=True):
        assert np.array_equal(got, want)


# ---------------------------------------------------------------- stopping


@pytest.mark.parametrize("threads", [1, 2])
def test_stop_before_the_start_is_silence(voice, threads):
    stop = threading.Event()
    stop.set()
    state = voice.copy()
    assert list(quick(threads).generate_audio_stream(state, SENTENCE, copy_state=False, stop=stop)) == []
    assert state.position == voice.position


@pytest.mark.parametrize("threads", [1, 2])
def test_stop_ends_speech_and_later_chunks(voice, threads):
    stop = threading.Event()
    model = quick(threads, eos_threshold=math.inf)
    stream = model.generate_audio_stream(voice, TWO_SENTENCES, max_tokens=20, stop=stop)
    next(stream)
    time.sleep(0.1)  # in which the language model runs ahead
    stop.set()
    assert list(stream) == []
    assert n_threads_at_work() == 0


@pytest.mark.parametrize("text", [SENTENCE, f"{SENTENCE} [pause:60s] Well.", f"[pause:60s] {SENTENCE}"])
def test_whatever_is_spoken_ends_with_stop(voice, text):
    """Before a pause, in it, and with the times of words, of which the last may still be told."""
    model = timed_model(threads=2, eos_threshold=math.inf)
    for speak in (model.generate_audio_stream, partial(model.generate_audio_stream, timestamps=True), in_pieces(model)):
        stop = threading.Event()
        stream = speak(voice, text, stop=stop)
        next(stream)
        time.sleep(0.05)
        stop.set()
        assert sum(len(getattr(piece, "samples", piece)) for piece in stream) == 0
    assert n_threads_at_work() == 0


def in_pieces(model):
    return lambda voice, text, stop: model.generate_from(voice, text.split("|"), stop=stop)


@pytest.mark.parametrize("leave", ["close", "forget"])
def test_a_listener_who_leaves_ends_the_thread(voice, leave):
    stream = quick(threads=2, eos_threshold=math.inf).generate_audio_stream(voice, SENTENCE)
    next(stream)
    if leave == "close":
        stream.close()
    else:
        del stream
        gc.collect()
    assert n_threads_at_work() == 0


# ---------------------------------------------------------------- refusals before the first chunk


@pytest.mark.parametrize("text", ["", " ", "\n\t \r\n", "\u00a0"])
def test_nothing_to_say(voice, text):
    with pytest.raises(ValueError, match="nothing to speak"):
        quick().generate_audio_stream(voice, text)


@pytest.mark.parametrize("text", ["🙂", "\0", "a\0b", "日本語", "...", "'"])
def test_odd_text_is_spoken_or_refused(voice, text):
    try:
        audio = quick().generate_audio(voice, text, noise=0)
    except ValueError as error:
        assert "nothing to speak" in str(error)  # noqa: PT017  # either is right
    else:
        assert n_frames(audio) >= FIRST_EOS_FRAME


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"max_tokens": 0}, "max_tokens is 0; wanted at least 1"),
        ({"frames_after_eos": -1}, "frames_after_eos is -1; wanted 0 or more"),
        ({"noise": -1}, "The seed is -1"),
        ({"noise": np.zeros((3, 7))}, r"wanted finite standard-normal draws \[n_frames, 8\]"),
    ],
)
def test_options_out_of_range_are_refused_at_once(voice, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        quick().generate_audio_stream(voice, SENTENCE, **options)


@pytest.mark.parametrize("options", [{"max_tokens": 2.5}, {"max_tokens": "50"}, {"frames_after_eos": 2.5}])
def test_counts_are_whole_numbers(voice, options):
    """The frame of 2.5 never comes: such speech did not end."""
    ((name, value),) = options.items()
    with pytest.raises(TypeError, match=f"{name} is {value!r}; wanted a whole number"):
        quick().generate_audio_stream(voice, SENTENCE, **options)


@pytest.mark.parametrize(
    ("name", "value"),
    [("temp", "0.3"), ("temp", None), ("noise_clamp", "1"), ("eos_threshold", "x"), ("sampler_decode_steps", 1.5)],
)
def test_options_of_sampling_are_numbers(name, value):
    model = quick()
    with pytest.raises(TypeError, match=f"{name} is .*; wanted a (whole )?number"):
        setattr(model, name, value)


def test_what_is_no_voice_is_refused_at_once():
    with pytest.raises(TypeError, match="The voice is a str; wanted what get_state_for_audio_prompt returns"):
        quick().generate_audio_stream("alba", SENTENCE)


def test_damaged_weights_are_noticed_while_speaking(voice):
    """Finite weights may still overflow."""
    model = quick()
    huge = dataclasses.replace(model.flow_lm.out_norm, weight=np.full(16, 3e38, np.float32))
    broken = dataclasses.replace(model, flow_lm=dataclasses.replace(model.flow_lm, out_norm=huge))
    with np.errstate(all="ignore"), pytest.raises(FloatingPointError, match="its weights are damaged"):
        broken.generate_audio(voice, SENTENCE, noise=0)


# ---------------------------------------------------------------- loading


@pytest.fixture
def own_model(tmp_path):
    """Write tests/golden/lsd with changed tensors or settings and return the path of its configuration."""

    def write(change=lambda tensors: tensors, **replacements) -> str:
        save_file(change(load_file(GOLDEN / "lsd.safetensors")), tmp_path / "lsd.safetensors")
        (tmp_path / "tokenizer.model").write_bytes((GOLDEN / "tokenizer.model").read_bytes())
        text = (GOLDEN / "lsd.toml").read_text(encoding="utf-8")
        for old, new in replacements.items():
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "lsd.toml").write_text(text, encoding="utf-8")
        return str(tmp_path / "lsd.toml")

    return write


def test_options_of_a_load_are_the_model_s_own_unless_given(own_model):
    path = own_model()
    config = TTSModel.load_model(config=path)
    assert dataclasses.astuple(config.sampling) == (0.3, 1, None, config.config.default_eos_threshold)
    given = TTSModel.load_model(config=path, temp=0.7, sampler_decode_steps=3, noise_clamp=2.0, eos_threshold=-1.5)
    assert dataclasses.astuple(given.sampling) == (0.7, 3, 2.0, -1.5)


def test_options_may_be_set_later_for_the_speech_that_begins_then(voice):
    model = quick()
    model.temp, model.sampler_decode_steps, model.noise_clamp, model.eos_threshold = 0.1, 3, 0.3, -2.0
    assert dataclasses.astuple(model.sampling) == (0.1, 3, 0.3, -2.0)
    assert (model.temp, model.sampler_decode_steps, model.noise_clamp, model.eos_threshold) == (0.1, 3, 0.3, -2.0)
    other = quick(temperature=0.1, n_steps=3, noise_clamp=0.3, eos_threshold=-2.0)
    stream = model.generate_audio_stream(voice, SENTENCE, noise=1)
    model.temp = 0.9
    assert np.array_equal(np.concatenate(list(stream)), other.generate_audio(voice, SENTENCE, noise=1))
    for name, value in [("temp", -1), ("sampler_decode_steps", 0), ("noise_clamp", 0.0), ("eos_threshold", math.nan)]:
        with pytest.raises(ValueError, match="wanted"):
            setattr(model, name, value)
    assert (model.temp, model.sampler_decode_steps, model.noise_clamp, model.eos_threshold) == (0.9, 3, 0.3, -2.0)


def test_a_model_computes_on_the_cpu():
    assert small_model().device == "cpu"


def test_arguments_have_the_names_the_order_and_the_defaults_of_the_reference():
    """Those of pocket-tts 4.0.1; what is more comes after them, and may be left out."""
    required = inspect.Parameter.empty
    loading = {"language": None, "config": None, "temp": None, "sampler_decode_steps": 1, "noise_clamp": None}
    loading |= {"eos_threshold": None, "quantize": False, "checkpoint": None, "lsd_decode_steps": None}
    speaking = {"model_state": required, "text_to_generate": required, "max_tokens": 50, "frames_after_eos": None}
    speaking |= {"copy_state": True}
    for function, reference in [
        (TTSModel.load_model, loading),
        (TTSModel.get_state_for_audio_prompt, {"audio_conditioning": required, "truncate": False}),
        (TTSModel.generate_audio, speaking),
        (TTSModel.generate_audio_stream, speaking | {"stop": None}),
        (export_model_state, {"model_state": required, "dest": required}),
    ]:
        arguments = {p.name: p.default for p in inspect.signature(function).parameters.values() if p.name != "self"}
        assert list(arguments.items())[: len(reference)] == list(reference.items())
        assert required not in list(arguments.values())[len(reference) :]


def test_the_old_name_of_the_steps_is_taken_with_a_warning(caplog):
    model = TTSModel.load_model(config=GOLDEN / "lsd.toml", lsd_decode_steps=3)
    assert model.sampler_decode_steps == 3
    assert caplog.messages == ["lsd_decode_steps is deprecated, use sampler_decode_steps"]


def test_a_training_checkpoint_is_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"step\.pt cannot be read: .* need torch; convert the weights"):
        TTSModel.load_model(config=GOLDEN / "lsd.toml", checkpoint="step.pt")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"temp": -0.1}, r"The temperature is -0\.1; wanted a number from 0 up"),
        ({"temp": math.nan}, "The temperature is nan"),
        ({"temp": math.inf}, "The temperature is inf"),
        ({"sampler_decode_steps": 0}, "sampler_decode_steps is 0; wanted at least 1"),
        ({"noise_clamp": 0.0}, r"noise_clamp is 0\.0; wanted a positive number, or none"),
        ({"noise_clamp": math.nan}, "noise_clamp is nan"),
        ({"eos_threshold": math.nan}, "eos_threshold is NaN; wanted a number"),
        ({"language": "english"}, "Both language and config were given; choose one"),
    ],
)
def test_options_of_a_load_are_checked(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        TTSModel.load_model(config=GOLDEN / "lsd.toml", **options)


def test_unknown_models_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no released model ''"):
        TTSModel.load_model("")
    with pytest.raises(FileNotFoundError, match=r"There is no released model 'englich'\. Did you mean english"):
        TTSModel.load_model("englich")
    with pytest.raises(FileNotFoundError, match=r"none\.toml"):
        TTSModel.load_model(config=tmp_path / "none.toml")
    for name in ("english", "model.bin"):
        with pytest.raises(ValueError, match=rf"{name} is no model: wanted a file that ends in \.safetensors"):
            TTSModel.load_model(config=name)


def without(*names):
    return lambda tensors: {name: t for name, t in tensors.items() if not name.startswith(names)}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (without("flow_lm.out_eos.bias"), r"'flow_lm\.out_eos\.bias' of shape \[1\] is missing"),
        (without("mimi.decoder."), r"'mimi\.decoder\.model\.0\.conv\.weight' of shape \[16, 12, 7\] is missing"),
        (without("flow_lm", "mimi"), "is missing"),
        (lambda t: t | {"flow_lm.bos_emb": np.zeros(9, np.float32)}, r"has shape \[9\]; the configuration wants \[8\]"),
        (lambda t: t | {"mimi.more": np.zeros(9, np.float32)}, r"no place for: 'mimi\.more'"),
        (lambda t: t | {"flow_lm.emb_std": np.full(8, np.nan, np.float32)}, r"'flow_lm\.emb_std' holds NaN"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(own_model, change, sentence):
    with pytest.raises(ValueError, match=rf"lsd\.safetensors.*{sentence}"):
        TTSModel.load_model(config=own_model(change))


def test_a_checkpoint_cut_short_is_refused(own_model, tmp_path):
    path = own_model()
    content = (tmp_path / "lsd.safetensors").read_bytes()
    for n in (0, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "lsd.safetensors").write_bytes(content[:n])
        with pytest.raises(ValueError, match=r"lsd\.safetensors.* cut short"):
            TTSModel.load_model(config=path)


def test_missing_files_are_named(own_model, tmp_path):
    path = own_model()
    (tmp_path / "lsd.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"lsd\.safetensors"):
        TTSModel.load_model(config=path)
    (tmp_path / "tokenizer.model").unlink()
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.model"):
        TTSModel.load_model(config=path)


def test_configurations_must_name_their_weights(own_model):
    weights = 'weights_path = "lsd.safetensors"\n'
    with pytest.raises(ValueError, match="names no weights: set weights_path"):
        TTSModel.load_model(config=own_model(**{weights: ""}))
    with pytest.raises(ValueError, match=r"flow_lm\.weights_path needs mimi\.weights_path beside it"):
        TTSModel.load_model(config=own_model(**{weights: "", "[flow_lm]\n": f"[flow_lm]\n{weights}"}))


def test_a_codec_of_its_own_replaces_that_of_the_checkpoint(own_model):
    """The golden codec in two files: the second counts, so a codec missing from the first is none missed."""
    codec = f"[mimi]\nweights_path = '{(GOLDEN / 'lsd.safetensors').as_posix()}'\n"
    model = TTSModel.load_model(config=own_model(without("mimi."), **{"[mimi]\n": codec}))
    assert model.has_voice_cloning


def test_the_gated_weights_come_before_the_open_ones(own_model, monkeypatch):
    asked = []

    def fetch_first(paths):
        asked.extend(paths)
        return GOLDEN / "lsd.safetensors", 1

    monkeypatch.setattr(fetch, "fetch_first", fetch_first)
    first = 'weights_path = "lsd.safetensors"'
    second = 'weights_path_without_voice_cloning = "hf://open/model/x.safetensors"'
    TTSModel.load_model(config=own_model(**{first: f'weights_path = "hf://gated/model/x.safetensors"\n{second}'}))
    assert asked == ["hf://gated/model/x.safetensors", "hf://open/model/x.safetensors"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (without("mimi.encoder", "mimi.downsample"), "come without an encoder"),
        (without("flow_lm.speaker_proj_weight"), "speaker projection is empty"),
        (lambda t: t | {"flow_lm.speaker_proj_weight": np.zeros((16, 8), np.float32)}, "speaker projection is empty"),
    ],
)
def test_weights_without_voice_cloning_speak_but_do_not_clone(own_model, tmp_path, voice, change, why):
    model = TTSModel.load_model(config=own_model(change))
    with pytest.raises(ValueError, match=why):
        model.get_state_for_audio_prompt(np.zeros(24_000, np.float32))
    export_model_state(voice, tmp_path / "voice.safetensors")
    loaded = model.get_state_for_audio_prompt(tmp_path / "voice.safetensors")
    assert len(next(model.generate_audio_stream(loaded, "Hello.", noise=0))) % FRAME_SAMPLES == 0


def test_a_language_model_without_speaker_projection_embeds_no_voice():
    flow_lm = dataclasses.replace(small_model().flow_lm, speaker_projection=None)
    with pytest.raises(ValueError, match="no speaker projection: they cannot clone"):
        flow_lm.embed_voice(np.zeros((1, 8), np.float32))


def test_an_encoder_needs_a_configuration():
    mimi = small_model("drifting").config.mimi
    with pytest.raises(ValueError, match="This configuration has no encoder"):
        MimiEncoder.load(RandomWeights(), dataclasses.replace(mimi, seanet=None, transformer=None))


@pytest.mark.parametrize(
    "address",
    [
        "me@home.safetensors",
        "why?.safetensors",
        "hf://me/voices/v.safetensors",
        "hf://me/voices/v.safetensors@main",
        "https://example.org/v.safetensors?download=true",
    ],
)
def test_saved_voices_are_known_by_their_ending(voice, tmp_path, monkeypatch, address):
    path = tmp_path / "v.safetensors"
    export_model_state(voice, path)
    monkeypatch.setattr(fetch, "local_path", lambda uri: path if uri == address else pytest.fail(uri))
    assert quick().get_state_for_audio_prompt(address).position == voice.position


@pytest.mark.parametrize(
    "address", ["v.safetensors.wav", "hf://me/voices/v.wav@x.safetensors", "https://a.org/b?c=.safetensors"]
)
def test_other_endings_are_recordings(tmp_path, monkeypatch, address):
    monkeypatch.setattr(fetch, "local_path", lambda uri: tmp_path / "heard.wav")
    with pytest.raises(FileNotFoundError, match=r"no recording .*heard\.wav"):
        quick().get_state_for_audio_prompt(address)


def test_catalogue_voices_are_the_model_s_own_files(voice, tmp_path, monkeypatch):
    export_model_state(voice, tmp_path / "voice.safetensors")
    asked = []
    monkeypatch.setattr(fetch, "local_path", lambda uri: asked.append(uri) or tmp_path / "voice.safetensors")
    model = quick()
    model = dataclasses.replace(model, config=dataclasses.replace(model.config, name="english", released=True))
    assert model.get_state_for_audio_prompt("alba").position == voice.position
    (uri,) = asked
    assert uri.startswith("hf://")
    assert "/english" in uri
    assert "/alba.safetensors" in uri


@pytest.mark.parametrize("name", ["lsd", "grouped"])
def test_a_quantised_model_is_smaller_and_speaks_nearly_alike(golden_model, name):
    """int8 has 127 steps to the largest weight of a row: some per cent of error in a network is what that makes."""
    exact, rounded = golden_model(name), TTSModel.load_model(config=GOLDEN / f"{name}.toml", quantize=True)
    assert rounded.flow_lm.transformer.weights.linear1.itemsize == bytes_held(1)
    assert rounded.decoder.transformer.transformer.weights.linear1.itemsize == bytes_held(2)
    state, other = (model.flow_lm.init_state() for model in (exact, rounded))
    for model, to in ((exact, state), (rounded, other)):
        model.flow_lm.prompt(np.ones((3, model.config.flow_lm.transformer.d_model), np.float32), to)
    assert other.keys.nbytes == state.keys.nbytes * bytes_held(2) / 4
    want, got = (dataclasses.replace(m, decoder=PlainDecoder()).generate_audio(v, SENTENCE, frames_after_eos=0, noise=1)
        for m, v in ((exact, state), (rounded, other)))  # fmt: skip
    assert 0 < np.sqrt(np.mean((got - want) ** 2) / np.mean(want**2)) < 0.1
    latents = np.random.default_rng(0).standard_normal((1, 8)).astype(np.float32)
    sound, other_sound = (model.decoder(latents, model.decoder.init_state()) for model in (exact, rounded))
    assert_close(other_sound, sound, 0.01)  # float16 has eleven bits


def test_a_released_model_is_loaded_by_its_name(monkeypatch):
    """Every address is one of the configuration; here the golden model answers for it."""
    asked = []

    def load_config(source):
        asked.append(source)
        return original(GOLDEN / "lsd.toml")

    original = model_source.load_config
    monkeypatch.setattr(model_source, "load_config", load_config)
    TTSModel.load_model("german")
    assert asked == ["german"]


def test_a_model_gets_the_threads_that_are_asked_for(monkeypatch):
    monkeypatch.setattr("pockettts_np.threads.cores.usable_cores", lambda: 3)
    monkeypatch.delenv("POCKETTTS_NP_THREADS", raising=False)
    assert TTSModel.load_model(config=GOLDEN / "lsd.toml").threads == 3
    assert TTSModel.load_model(config=GOLDEN / "lsd.toml", threads=1).threads == 1
    monkeypatch.setenv("POCKETTTS_NP_THREADS", "2")
    assert TTSModel.load_model(config=GOLDEN / "lsd.toml").threads == 2
    with pytest.raises(ValueError, match=r"^threads is 0; wanted 1 to 64\.$"):
        TTSModel.load_model(config=GOLDEN / "lsd.toml", threads=0)
