"""When words are spoken: what heads see, the way through the tokens, letters, and the times that come of them."""

import dataclasses
import itertools
import math
import sys
import threading
import unicodedata

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pockettts_np import TTSModel
from pockettts_np.conditioners.script import Script
from pockettts_np.conditioners.text import Chunk
from pockettts_np.conditioners.tokenizer.load import load_tokenizer
from pockettts_np.config.config import FlowLMTransformerConfig, TimestampHead
from pockettts_np.kernels.panels import NumberType
from pockettts_np.language.english.front_end import spell_out
from pockettts_np.language.plain_letters import write_plainly
from pockettts_np.language.rules import Draft
from pockettts_np.models.transformer import Transformer
from pockettts_np.modules.attention import KVCache
from pockettts_np.timing import alignment, timestamps
from pockettts_np.timing.alignment import TextEar, TextPath
from pockettts_np.timing.letters import Word, letters, spans, spoken_letters, words_of
from pockettts_np.timing.timestamps import Loudness, TimedAudio, WordClock
from tests.support import naive
from tests.support.helpers import GOLDEN, NETWORK, OPERATION, assert_close
from tests.support.random_models import RandomWeights, small_model
from tests.support.speech import FRAME_SAMPLES, n_threads_at_work, quick, timed_model
from tools.voice import align_heads

RATE_HZ = 24_000
FRAME_S = 0.08
SEEDS = st.integers(0, 2**32 - 1)
TOKENIZERS = {name: load_tokenizer(GOLDEN / name, 340) for name in ("tokenizer.model", "tokenizer.json")}
TOKENIZER = TOKENIZERS["tokenizer.model"]


# ---------------------------------------------------------------- what heads see


def transformer_of(d_model: int, attn_dim: int, num_heads: int, num_kv_heads: int) -> tuple[Transformer, dict, object]:
    sizes = FlowLMTransformerConfig(
        d_model=d_model, attn_dim=attn_dim, num_heads=num_heads, num_kv_heads=num_kv_heads, num_layers=3,
        hidden_scale=1, max_period=100,
    )  # fmt: skip
    weights = RandomWeights()
    return Transformer.load(weights, sizes, sizes.max_period), weights.tensors, sizes


def naive_row(rows: np.ndarray, tensors: dict, sizes, chosen: TimestampHead, text: range) -> np.ndarray:
    """The attention of one head in the last of `rows` to the positions `text` alone."""
    x = np.asarray(rows, np.float64)
    for layer in range(chosen.layer):
        w = naive.scope(tensors, f"layers.{layer}")
        x = naive.transformer_layer(x, w, sizes.num_heads, sizes.kv_heads, None, sizes.max_period)
    w = naive.scope(tensors, f"layers.{chosen.layer}")
    projected = naive.linear(naive.layer_norm(x, w["norm1.weight"], w["norm1.bias"]), w["self_attn.in_proj.weight"])
    heads = naive.rope(projected.reshape(len(x), -1, sizes.head_dim), 0, sizes.max_period)
    query = heads[-1, chosen.head]
    key_head = sizes.num_heads + chosen.head // (sizes.num_heads // sizes.kv_heads)
    powers = [math.exp(float(np.dot(query, heads[t, key_head])) / math.sqrt(sizes.head_dim)) for t in text]
    return np.array(powers) / sum(powers)


@pytest.mark.parametrize("shape", [(6, 16, 4, 2), (8, 80, 2, 1), (5, 96, 3, 3)])
@pytest.mark.parametrize("chosen", [[(0, 0)], [(2, 1)], [(2, 0), (0, 1), (2, 1), (1, 1)]])
def test_heads_are_noted_and_nothing_else_changes(shape, chosen):
    transformer, tensors, sizes = transformer_of(*shape)
    rows = np.random.default_rng(1).standard_normal((9, shape[0])).astype(np.float32)
    state = transformer.init_state()
    transformer(rows[:7], state)
    other = state.copy()
    heads = [TimestampHead(*pair) for pair in chosen]
    ear = TextEar.after_text(transformer, heads, state, 4)
    for row in rows[7:]:
        heard, unheard = transformer.step(row[None], [state], [ear]), transformer.step(row[None], [other], [None])
        np.testing.assert_array_equal(heard, unheard)
    np.testing.assert_array_equal(state.rows(), other.rows())
    assert (state.n_rows, state.position) == (9, 9)
    assert len(ear.rows) == 2
    for end, row in zip(range(8, 10), ear.rows, strict=True):
        for head, got in zip(heads, row, strict=True):
            assert_close(got, naive_row(rows[:end], tensors, sizes, head, range(3, 7)), NETWORK)


def test_each_caller_s_ear_hears_its_own_row():
    """Callers whose heads lie in other layers, and one without any, share a step."""
    transformer, tensors, sizes = transformer_of(8, 80, 2, 1)
    rows = np.random.default_rng(1).standard_normal((3, 8, 8)).astype(np.float32)
    chosen = [[TimestampHead(0, 0)], None, [TimestampHead(2, 0), TimestampHead(1, 1)]]
    states = [transformer.init_state() for _ in rows]
    for history, state in zip(rows, states, strict=True):
        transformer(history[:7], state)
    ears = [
        None if heads is None else TextEar.after_text(transformer, heads, state, 4)
        for heads, state in zip(chosen, states, strict=True)
    ]
    transformer.step(rows[:, 7], states, ears)
    for i in 0, 2:
        (got,) = ears[i].rows
        for head, row in zip(chosen[i], got, strict=True):
            assert_close(row, naive_row(rows[i], tensors, sizes, head, range(3, 7)), NETWORK)


@pytest.mark.parametrize("kind", [NumberType.FLOAT32, NumberType.FLOAT16])
def test_the_keys_of_a_head_are_read_out_of_their_panels(kind):
    rows = np.random.default_rng(0).standard_normal((2, 2, 70, 3, 5)).astype(np.float16).astype(np.float32)
    cache = KVCache.from_rows(rows, 70, kind).copy(spare_rows=40)
    for layer, head in itertools.product(range(2), range(3)):
        np.testing.assert_array_equal(cache.key_rows(layer, head), rows[layer, 0, :, head])
        assert cache.key_rows(layer, head).dtype == np.float32


# ---------------------------------------------------------------- the way through the tokens


def attention_rows(seed: int, n_frames: int, n_tokens: int, sharpness: float = 3.0) -> np.ndarray:
    powers = np.exp(sharpness * np.random.default_rng(seed).standard_normal((n_frames, n_tokens)))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def along(durations: list[float]) -> np.ndarray:
    """The attention of a perfect head to tokens that last so many frames."""
    ends = np.cumsum(durations)
    frames = np.arange(math.ceil(ends[-1] - 1e-9))[:, None]
    shared = np.minimum(frames + 1, ends) - np.maximum(frames, ends - durations)
    return np.maximum(shared, 0).astype(np.float32) / np.maximum(shared, 0).sum(axis=1, keepdims=True)


def way(rows: np.ndarray) -> TextPath:
    path = TextPath(rows.shape[1])
    for row in rows:
        path.advance(row)
    path.finish()
    return path


def cost(rows: np.ndarray, starts: list[float]) -> float:
    """What a way costs whose tokens start in these frames, half ones behind another token of the frame."""
    total = 0.0
    for token, start in enumerate(starts):
        following = starts[token + 1] if token + 1 < len(starts) else len(rows)
        for frame in range(math.floor(start), max(math.ceil(following), math.floor(start) + 1)):
            total -= math.log(float(rows[frame, token]) + alignment.FLOOR)
    return total


def naive_cost(rows: np.ndarray) -> float:
    """The cheapest way, by the obvious recurrence."""
    best = np.full(rows.shape, np.inf)
    for frame, token in itertools.product(*map(range, rows.shape)):
        before = [0.0] if frame == token == 0 else []
        before += [best[frame - 1, token]] if frame else []
        before += [best[frame, token - 1]] if token else []
        before += [best[frame - 1, token - 1]] if frame and token else []
        best[frame, token] = min(before) - math.log(float(rows[frame, token]) + alignment.FLOOR)
    return best[-1, -1]


def refined(rows: np.ndarray, starts: list[float]) -> list[float]:
    """Starts within frames: as much of the frames about a start as the tokens before it are looked at."""
    bounds = [0.0]
    for token, start in enumerate(starts[1:], 1):
        first = max(0, math.floor(start) - 1)
        frames = range(first, min(len(rows), math.ceil(start) + 1))
        bounds.append(max(bounds[-1], first + sum(float(rows[f, :token].sum() / rows[f].sum()) for f in frames)))
    return bounds


@given(SEEDS, st.integers(1, 12), st.integers(1, 9))
def test_the_way_is_the_cheapest(seed, n_frames, n_tokens):
    rows = attention_rows(seed, n_frames, n_tokens)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "BEAM", math.inf)
        path = way(rows)
    assert cost(rows, path._starts) == pytest.approx(naive_cost(rows), rel=1e-9)


@given(SEEDS, st.integers(2, 30), st.integers(1, 12), st.floats(0, 8), st.sampled_from([0.0, 5.0, alignment.BEAM]))
def test_what_is_certain_stays(seed, n_frames, n_tokens, sharpness, beam):
    rows = attention_rows(seed, n_frames, n_tokens, sharpness)
    path, known = TextPath(n_tokens), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alignment, "BEAM", beam)
        for row in rows:
            path.advance(row)
            known.append(list(path.bounds))
    path.finish()
    assert len(path.bounds) == n_tokens + 1
    assert path.bounds[0] == 0
    assert path.bounds[-1] == n_frames
    assert sorted(path.bounds) == path.bounds
    for bounds in known:
        assert path.bounds[: len(bounds)] == bounds
    assert path.bounds[:-1] == pytest.approx(refined(rows, path._starts))


@given(st.lists(st.integers(1, 5), min_size=1, max_size=20))
@example([3, 1, 1, 4])
def test_whole_frames_are_found_exactly(durations):
    path = way(along(durations))
    assert path.bounds == pytest.approx([0, *itertools.accumulate(durations)])


@given(st.lists(st.integers(8, 25), min_size=1, max_size=12))
def test_parts_of_frames_are_found(tenths):
    durations = [n / 10 for n in tenths]
    got = way(along(durations)).bounds
    wanted = [0, *itertools.accumulate(durations)]
    assert got[:-1] == pytest.approx(wanted[:-1], abs=0.3)  # the last frame belongs to the last token
    assert got[-1] == math.ceil(wanted[-1] - 1e-9)


def test_what_is_clear_is_told_at_once():
    path = TextPath(10)
    told = []
    for row in along([2] * 10):
        path.advance(row)
        told.append(len(path.bounds))
    frames = np.arange(1, 21)
    assert (np.array(told) <= frames / 2 + 1).all()
    assert (np.array(told) >= frames / 2 - 3).all()


def test_a_way_may_skip_what_is_not_looked_at_and_be_cut_short():
    rows = along([4, 4, 4, 4])[:, [0, 3]]
    silent = np.zeros((len(rows), 2), np.float32)
    path = way(np.concatenate([rows[:, :1], silent, rows[:, 1:]], axis=1)[[0, 1, 2, 3, 12, 13, 14, 15]])
    assert path.bounds == pytest.approx([0, 4, 4, 4, 8], abs=0.51)
    cut = way(along([4, 4, 4])[:2])  # all tokens still have a place
    assert cut.bounds == pytest.approx([0, 2, 2, 2], abs=0.51)
    nothing = TextPath(3)
    nothing.finish()
    assert nothing.bounds == [0, 0, 0, 0]


def test_a_better_score_for_heads_that_follow():
    follows, blurred, stuck = along([2] * 12), np.zeros((24, 12), np.float32), np.zeros((24, 12), np.float32)
    blurred += 1 / 12
    stuck[:, 0] = 1
    scores = [align_heads.score(rows) for rows in (follows, (follows + blurred) / 2, stuck, blurred)]
    assert scores[0] == pytest.approx(1)
    assert scores == sorted(scores, reverse=True)
    assert max(scores[2:]) < 0.15
    seen = [np.stack([blurred, follows, stuck], axis=1)] * 2
    assert next(head for _, head in align_heads.ranked(seen)) == 1
    assert align_heads.best_group(seen, [1, 0, 2]) == (pytest.approx(1), [1])


def test_every_head_of_a_model_is_scored(capsys, monkeypatch, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("The cat sat on the mat.\n\nWas it red?\n", encoding="utf-8")
    monkeypatch.setattr(align_heads.TTSModel, "get_default_voice", TTSModel.get_initial_state)
    monkeypatch.setattr(sys, "argv", ["align_heads", "--config", str(GOLDEN / "lsd.toml"), "--text", str(text)])
    align_heads.main()
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[1:] for line in lines[1:5]) == [["0", "0"], ["0", "1"], ["1", "0"], ["1", "1"]]
    assert lines[-1].startswith("timestamp_heads = [{ layer = ")


# ---------------------------------------------------------------- letters

TEXTS = st.text(st.sampled_from("abc ABÉé12 .,—!«»\n\tßﬁ½日"), max_size=40)


@given(TEXTS)
@example("... a — b.\n c")
@example("—")
def test_words_are_the_text(text):
    words = words_of(text)
    assert " ".join(words) == " ".join(text.split())
    assert len(words) <= max(1, sum(bool(letters(piece)) for piece in text.split()))
    assert "".join(map(letters, words)) == letters(text)


def test_marks_belong_to_words():
    assert words_of("« Oui » , he said — no .") == ["« Oui » ,", "he", "said —", "no ."]
    assert words_of(" … ") == ["…"]
    assert words_of("  ") == []


@given(st.text(st.sampled_from("abc"), max_size=30), st.text(st.sampled_from("abc"), max_size=30))
def test_spans_are_in_order_and_the_same_letters_meet(written, spoken):
    found = spans(written, spoken)
    assert len(found) == len(written)
    for begin, end in found:
        assert 0 <= begin <= end <= len(spoken)
    for (_, end), (begin, _) in itertools.pairwise(found):
        assert end <= begin
    assert spans(written, written) == [(i, i + 1) for i in range(len(written))]


def spoken_words(text: str, spoken: str) -> list[str]:
    words = words_of(text)
    said, found = letters(spoken), spans("".join(map(letters, words)), letters(spoken))
    ends = list(itertools.accumulate(len(letters(word)) for word in words))
    of_words = [found[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    return [said[part[0][0] : part[-1][1]] if part else "" for part in of_words]


@pytest.mark.parametrize(
    ("text", "spoken", "wanted"),
    [
        ("I have 25 apples, and $5.50!", "i have twenty five apples, and five dollars fifty!",
         ["i", "have", "twentyfive", "apples", "and", "fivedollarsfifty"]),
        ("Dr. Smith's café", "doctor smith's caf", ["doctor", "smiths", "caf"]),
        ("„Straße“ ﬁn ½", "Strasse fin 1/2", ["strasse", "fin", "12"]),
        ("It is 3 or 4 men", "it is three or four men", ["it", "is", "three", "or", "four", "men"]),
        ("日本 is old", "is old", ["", "is", "old"]),
        ("ends in 日本", "ends in", ["ends", "in", ""]),
        ("no & yes", "no and yes", ["no", "yes"]),
        ("a " * 300 + "5 b", "a " * 300 + "five b", ["a"] * 300 + ["five", "b"]),
        ("x" * 900 + " and on", "y" * 900 + " and on", ["y" * 900, "and", "on"]),
    ],
)  # fmt: skip
def test_words_meet_what_is_said_for_them(text, spoken, wanted):
    assert spoken_words(text, spoken) == wanted


@pytest.mark.parametrize("name", TOKENIZERS)
@given(st.text(max_size=20))
@example("né — 日本 \U0001f600 İ")
def test_letters_have_places_in_their_order(name, text):
    try:
        ids = TOKENIZERS[name].encode(text)
    except ValueError:  # a lone surrogate
        return
    spelled, places = spoken_letters(TOKENIZERS[name], ids)
    assert len(spelled) == len(places)
    edges = [place.token + part for place in places for part in (place.begin, place.end)]
    assert all(0 <= place.token < len(ids) and 0 <= place.begin < place.end <= 1 for place in places)
    assert all(before <= after + 1e-9 for before, after in itertools.pairwise(edges))
    if text.isascii():
        assert spelled == letters(TOKENIZERS[name].decode(ids))


def test_the_bytes_of_a_character_are_read_together():
    tokenizer = next(t for t in TOKENIZERS.values() if any(t.is_byte(i) for i in t.encode("né 日本")))
    spelled, places = spoken_letters(tokenizer, tokenizer.encode("a日本b"))
    assert spelled == unicodedata.normalize("NFKD", "a日本b")
    assert len({place.token for place in places}) == 4


# ---------------------------------------------------------------- loudness


@given(SEEDS, st.lists(st.integers(0, 700), max_size=8))
def test_loudness_does_not_depend_on_pieces(seed, sizes):
    samples = np.random.default_rng(seed).standard_normal(sum(sizes)).astype(np.float32)
    whole, pieces = Loudness(RATE_HZ), Loudness(RATE_HZ)
    whole.hear(samples)
    for piece in np.split(samples, np.cumsum(sizes)):
        pieces.hear(piece)
    assert whole._levels == pieces._levels
    naive_levels = [
        math.sqrt(sum(float(x) ** 2 for x in hop) / 240)
        for hop in samples.reshape(-1)[: len(samples) // 240 * 240].reshape(-1, 240)
    ]
    assert_close(np.array(whole._levels), np.array(naive_levels), OPERATION, np.float64)


@pytest.mark.parametrize(
    ("hops", "wanted"),
    [
        ([0] * 5 + [1] * 10 + [0] * 12, (0.05, 0.15)),
        ([0] * 5 + [1] * 10 + [0] * 7, (0.05, 0.22)),  # a short silence may be part of the last sound
        ([1] * 20, (0.0, 0.2)),
        ([0] * 20, (0.0, 0.2)),
        ([0.03] * 5 + [1] * 5 + [0] * 2 + [1] * 3, (0.05, 0.15)),
    ],
)
def test_a_word_is_the_part_that_is_heard(hops, wanted):
    loudness = Loudness(RATE_HZ)
    loudness.hear(np.repeat(np.array(hops, np.float32), 240))
    assert loudness.without_silence(0.0, len(hops) / 100) == pytest.approx(wanted)


def test_a_word_shorter_than_a_step_stays():
    loudness = Loudness(RATE_HZ)
    loudness.hear(np.ones(2400, np.float32))
    assert loudness.without_silence(0.012, 0.018) == (0.012, 0.018)


# ---------------------------------------------------------------- times


def script_of(draft: Draft, prompts: list[list[int]]) -> Script:
    """A text and the ids of the chunks that say it."""
    return Script("", tuple(Chunk("", tuple(ids), 0) for ids in prompts), (draft,), ((),))


def scripted(
    text: str, prompts: list[str], durations: list[list[float]], gaps: list[int], loud=None
) -> list[TimedAudio]:
    """Words of chunks that are spoken in a known time: the attention of a perfect head, silence of `gaps` samples."""
    ids = [TOKENIZER.encode(prompt) for prompt in prompts]
    model = quick()
    clock = WordClock([TimestampHead(0, 0)], TOKENIZER, RATE_HZ, FRAME_SAMPLES)
    clock.read(script_of(Draft(text), ids))

    def heard(samples):
        clock.hear(samples, 1.0)
        return samples

    def speech():
        for tokens, frames, gap in zip(ids, durations, gaps, strict=True):
            state = model.flow_lm.init_state()
            model.flow_lm.prompt(model.flow_lm.text(tokens), state)
            rows = along(frames)
            clock.follow(model.flow_lm, state, len(tokens)).rows.extend(rows[:, None])
            for _ in rows:
                yield heard(np.ones(FRAME_SAMPLES, np.float32))
            clock.end_chunk()
            if gap:
                yield heard(np.zeros(gap, np.float32))

    return list(clock.timed(speech()))


def tokens_of(prompt: str) -> list[str]:
    return [TOKENIZER.decode([i]) for i in TOKENIZER.encode(prompt)]


def test_words_have_the_times_of_their_tokens():
    prompt = "the cat sat on the mat"
    pieces = tokens_of(prompt)
    durations = [2.0 + i % 3 for i in range(len(pieces))]
    ends = [0, *itertools.accumulate(durations)]
    got = TimedAudio.joined(scripted(prompt, [prompt], [durations], [0]))
    assert [word.text for word in got.words] == prompt.split()
    spelled = list(itertools.accumulate(len(letters(piece)) for piece in pieces))
    n_letters = 0
    for word in got.words:
        first = next(i for i, n in enumerate(spelled) if n > n_letters)
        n_letters += len(word.text)
        last = next(i for i, n in enumerate(spelled) if n >= n_letters)
        if n_letters == spelled[last]:  # else a token belongs to two words
            assert word.end_s == pytest.approx(FRAME_S * ends[last + 1])
        if n_letters - len(word.text) == ([0, *spelled])[first]:
            assert word.start_s == pytest.approx(FRAME_S * ends[first])


def test_chunks_and_pauses_shift_the_words_after_them():
    prompts = ["The cat.", "On the mat."]
    durations = [[3.0] * len(TOKENIZER.encode(prompt)) for prompt in prompts]
    alone = [TimedAudio.joined(scripted(p, [p], [d], [0])) for p, d in zip(prompts, durations, strict=True)]
    together = TimedAudio.joined(scripted("The   cat. On\nthe mat.", prompts, durations, [12_345, 0]))
    shift_s = (len(alone[0].samples) + 12_345) / RATE_HZ
    wanted = [*alone[0].words, *(Word(w.text, w.start_s + shift_s, w.end_s + shift_s) for w in alone[1].words)]
    for got, want in zip(together.words, wanted, strict=True):
        assert got.text == want.text
        assert (got.start_s, got.end_s) == pytest.approx((want.start_s, want.end_s), abs=0.011)  # a step of loudness


def test_a_word_may_be_said_in_two_chunks_or_not_at_all():
    prompts = ["The cat.", "On the mat."]
    durations = [[3.0] * len(TOKENIZER.encode(prompt)) for prompt in prompts]
    words = TimedAudio.joined(scripted("日 The caton 本 the mat. 日", prompts, durations, [0, 0])).words
    assert [word.text for word in words] == ["日", "The", "caton", "本", "the", "mat.", "日"]
    assert (words[0].start_s, words[0].end_s) == (0, 0)
    first_s = FRAME_S * sum(durations[0])
    assert words[2].start_s < first_s < words[2].end_s
    assert words[3].start_s == words[3].end_s == words[2].end_s
    assert words[-1].start_s == words[-1].end_s == words[-2].end_s


TEXTS_SPOKEN = [
    "Hello.",
    "The cat sat on the mat. Was it red or blue?",
    "« Well » [pause:300ms] , no — it was 5 o'clock!\n\n[pause:1s] Then it went.",
    "[pause:1s] The cat sat on the mat",
]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("text", TEXTS_SPOKEN)
def test_words_come_with_the_same_samples(text, threads, voice):
    model = timed_model(threads, eos_threshold=0.0)
    options = {"noise": 0, "max_tokens": 12}
    pieces = list(model.generate_audio_stream(voice, text, timestamps=True, **options))
    got = TimedAudio.joined(pieces)
    plain = list(model.generate_audio_stream(voice, text, **options))
    np.testing.assert_array_equal(got.samples, np.concatenate(plain))
    if threads == 1:
        assert [len(piece.samples) for piece in pieces if len(piece.samples)] == [len(piece) for piece in plain]
    heard = 0
    for piece in pieces:
        heard += len(piece.samples)
        assert all(word.end_s <= heard / RATE_HZ + 1e-9 for word in piece.words)
    times = [t for word in got.words for t in (word.start_s, word.end_s)]
    assert sorted(times) == times
    spoken = " ".join(part for part in text.replace(" , no", " no").split("[pause:") for part in [part.split("] ")[-1]])
    assert " ".join(word.text for word in got.words) == " ".join(spoken.split())


def test_the_parts_of_a_script_share_a_clock(voice):
    """Spoken in turns, one after another, they have the words and the times of the whole."""
    model = timed_model(eos_threshold=0.0)
    script = model.script("The cat sat on the mat. [pause:700ms] Was it red or blue? It was black.", max_tokens=12)
    noise = np.random.default_rng(0)
    whole = TimedAudio.joined(model.generate_audio_stream(voice, script, noise=0, timestamps=True))
    clock = model.word_clock(script)
    parts = [
        TimedAudio.joined(model.generate_audio_stream(voice, part, noise=noise, timestamps=clock))
        for part in script.in_turns()
    ]
    assert len(parts) > 3
    spoken = TimedAudio.joined(parts)
    assert spoken.words == whole.words
    np.testing.assert_array_equal(spoken.samples, whole.samples)
    assert all(part.words for part in parts[:1])


def test_a_number_has_the_time_of_what_is_said_for_it():
    """Letters alone would take the 4 for the end of "40" or of "for"."""
    text = "4 of the 40 sat for 4 at 40."
    draft = Draft(text)
    spell_out(draft)
    write_plainly(draft)
    ids = TOKENIZER.encode(draft.text)
    places, _ = timestamps._places(TOKENIZER, script_of(draft, [ids]), 0)
    spelled, _ = spoken_letters(TOKENIZER, ids)
    assert [(place.text, spelled[place.first : place.end]) for place in places] == [
        ("4", "four"), ("of", "of"), ("the", "the"), ("40", "forty"), ("sat", "sat"), ("for", "for"), ("4", "four"),
        ("at", "at"), ("40.", "forty"),
    ]  # fmt: skip


def test_a_model_s_own_front_end_tells_the_words(voice):
    model = timed_model(eos_threshold=0.0)
    config = dataclasses.replace(model.config, text_front_end="english")
    model = dataclasses.replace(model, config=config)
    words = TimedAudio.joined(model.generate_audio_stream(voice, "The 40–60°C mat", noise=0, timestamps=True)).words
    assert [word.text for word in words] == ["The", "40–60°C", "mat"]
    assert words[0].end_s <= words[1].start_s < words[1].end_s <= words[2].start_s


def test_two_threads_find_the_same_words(voice):
    one, two, again = (
        TimedAudio.joined(
            timed_model(threads).generate_audio_stream(voice, TEXTS_SPOKEN[1], noise=3, timestamps=True)
        ).words
        for threads in (1, 2, 2)
    )
    assert two == again
    for a, b in zip(one, two, strict=True):  # without the compiler, the number of rows changes how a product is rounded
        assert (a.text, a.start_s, a.end_s) == (b.text, pytest.approx(b.start_s), pytest.approx(b.end_s))


def test_a_pause_lies_between_words(voice):
    stream = timed_model().generate_audio_stream(voice, "The cat sat.[pause:2s]On the mat.", noise=0, timestamps=True)
    words = TimedAudio.joined(stream).words
    assert words[3].text == "On"
    assert words[3].start_s - words[2].end_s >= 2


def test_a_speech_that_is_stopped_has_the_words_that_were_said(voice):
    model, stop, words = timed_model(eos_threshold=np.inf), threading.Event(), []
    for n, piece in enumerate(model.generate_audio_stream(voice, TEXTS_SPOKEN[1], stop=stop, noise=0, timestamps=True)):
        words += piece.words
        if n == 3:
            stop.set()
    assert n == 3
    assert len(words) < len(TEXTS_SPOKEN[1].split())
    assert all(word.end_s <= 4 * FRAME_S for word in words)


def test_a_timed_speech_can_be_closed(voice):
    stream = timed_model(2).generate_audio_stream(voice, TEXTS_SPOKEN[1], noise=0, timestamps=True)
    assert len(next(stream).samples)
    stream.close()
    assert n_threads_at_work() == 0


def test_a_voice_that_is_continued_is_followed_too(voice):
    model = timed_model()
    for copy_state in (True, False):
        state = voice.copy()
        stream = model.generate_audio_stream(state, "The cat sat.", copy_state=copy_state, noise=0, timestamps=True)
        words = TimedAudio.joined(stream).words
        assert [word.text for word in words] == ["The", "cat", "sat."]


def test_a_model_without_heads_is_refused_before_it_speaks(voice):
    with pytest.raises(ValueError, match=r"times of words are not known for lsd.*timestamp_heads.*align_heads"):
        small_model().generate_audio_stream(voice, "Hello.", timestamps=True)
