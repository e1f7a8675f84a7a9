"""How well the built-in voices are understood, and how they sound beside their teacher: 100 held-out sentences.

    pip install . -r tools/voice/requirements.txt
    python -m tools.check.speech FOLDER [--voices NAME …] [--json FILE] [--plot FILE] [--wav FOLDER]

FOLDER is the working folder of tools/voice (encoder.pt, statistics.pt). The first run lets the teacher, the voice of
Kokoro of the same name, speak the sentences, and keeps its sound, the latents of it and what the judges said of it, so
that later runs need no torch. Everything else is this package itself:

    teacher   the teacher's own speech
    codec     its latents, through the package's decoder
    full      the sentence as it is written, through the package's front end, language model and decoder

The columns: word and character error rates; DNSMOS P.835, overall, signal and background, and P.808, each from 1 to 5;
speech that ended by itself; samples at full scale; the distance of the
spectra to the teacher's in dB, frame by frame (codec) or of the long-term average (full), in bands; `lines`, by how
much the multiples of 200 Hz, the rate of the decoder's windows, stick out of the average spectrum: a buzz; and
seconds of speech made in a second of one core. A model of temperature 0 speaks the same with every seed and is
counted once.
"""

import argparse
import itertools
import json
import re
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from pockettts_np import TTSModel
from pockettts_np.conditioners.text import split_into_chunks
from pockettts_np.language.english.front_end import normalize_english
from pockettts_np.loading.voice import VoiceState
from pockettts_np.model import MAX_TOKENS_PER_CHUNK
from pockettts_np.synthesis import generation
from tools.check.judges import Dnsmos, Judge, Scores, mean_scores
from tools.voice.recogniser import SAMPLE_RATE_HZ, Recogniser, error_rates

SENTENCES = Path(__file__).parents[1] / "voice" / "test_sentences.txt"
FRAME_SAMPLES = 1920
BANDS_HZ = (0, 500, 1000, 2000, 4000, 8000, 12000)
LINE_HZ = 200
FIRST_KIND = "plain"  # the first 50, which earlier figures are of


@dataclass
class Reference:
    kind: str
    text: str
    speech: np.ndarray  # float32 [n]
    latents: np.ndarray  # [frames, latent_dim]


@dataclass
class Result:
    """One row of the table; rates and shares in percent, distances in dB."""

    what: str
    wer: float
    cer: float
    wer_by_kind: dict[str, float]
    dnsmos: Scores
    ended: float
    clipped_samples: int
    length_ratio: tuple[float, float, float]  # least, mean, most
    distance_db: list[float] = field(default_factory=list)  # by band
    difference_db: list[float] = field(default_factory=list)  # long-term level against the teacher's, by band
    lines_db: float = 0.0
    times_real_time: float | None = None


def sentences() -> list[tuple[str, str]]:
    """(kind, text), in the order of the file."""
    kind, found = FIRST_KIND, []
    for line in SENTENCES.read_text().splitlines():
        if line.startswith("#"):
            kind = line.strip("# ")
        elif line.strip():
            found.append((kind, line))
    return found


def references(folder: Path, voice: str) -> list[Reference]:
    """The sentences as the teacher speaks them in the voice of that name."""
    kept = folder / f"gate_reference_{voice}.npz"
    said = sentences()
    if not kept.exists():
        make_references(kept, folder, voice, [normalize_english(text) for _, text in said])
    with np.load(kept) as file:
        spoken, speech, latents = json.loads(str(file["texts"])), file["speech"], file["latents"].astype(np.float32)
        ends = np.cumsum(file["n_samples"])
    if spoken != [normalize_english(text) for _, text in said]:
        raise SystemExit(f"{kept} is of other sentences; remove it, and the teacher speaks the new ones.")
    parts = [part / np.float32(32767) for part in np.split(speech, ends[:-1])]
    rows = np.split(latents, np.cumsum([-(-len(part) // FRAME_SAMPLES) for part in parts])[:-1])
    return [Reference(*pair, a, z) for pair, a, z in zip(said, parts, rows, strict=True)]


def make_references(path: Path, folder: Path, voice: str, texts: list[str]) -> None:
    from tools.voice.encoder import FrozenEncoder
    from tools.voice.kokoro import VOICES
    from tools.voice.kokoro_vocoder import Kokoro
    from tools.voice.speak import as_int16

    kokoro, encoder = Kokoro(), FrozenEncoder(folder)
    said = [kokoro.speak(text, VOICES[voice]) for text in texts]
    latents = [encoder.encode(speech.hidden, speech.pitch, speech.n_samples) for speech in said]
    with path.open("wb") as file:
        arrays = {"speech": np.concatenate([as_int16(speech.samples) for speech in said])}
        arrays |= {"n_samples": np.array([speech.n_samples for speech in said])}
        arrays |= {"latents": np.concatenate(latents).astype(np.float16)}
        np.savez(file, texts=np.array(json.dumps(texts)), **arrays)


# ---- the package speaks


def decode(model: TTSModel, latents: np.ndarray) -> np.ndarray:  # [frames, latent_dim] -> [n]
    mimi = model.config.mimi
    lookahead = mimi.lookahead_frames or 0
    read = generation.prolonged(iter(latents), lookahead)
    pieces = generation.decode(model.flow_lm, model.decoder, read, 1, lookahead * mimi.frame_samples)
    return np.concatenate(list(pieces))


def speak(model: TTSModel, voice: VoiceState, text: str, seed: int) -> tuple[np.ndarray, bool]:
    """Samples, and whether every part ended by itself."""
    parts, ended = [], True
    for chunk in split_into_chunks(model.tokenizer, text, MAX_TOKENS_PER_CHUNK, model.config):
        parts.append(model.generate_audio(voice, chunk.text, noise=seed))
        ended &= len(parts[-1]) < model.longest_frames(len(chunk.ids)) * FRAME_SAMPLES
    return np.concatenate(parts), ended


# ---- what is measured


def band_levels(speech: np.ndarray) -> np.ndarray:  # [n] -> [frames, bands] in dB
    n_fft = 1024
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(speech, (0, n_fft)), n_fft)[:: n_fft // 2]
    power = np.abs(np.fft.rfft(frames * np.hanning(n_fft))) ** 2
    edges = [round(hz / SAMPLE_RATE_HZ * n_fft) for hz in BANDS_HZ]
    bands = [power[:, low:high].mean(1) for low, high in itertools.pairwise(edges)]
    return 10 * np.log10(np.stack(bands, 1) + 1e-4)


def average_spectrum(speech: list[np.ndarray], n_fft: int) -> np.ndarray:
    long = np.concatenate(speech)
    frames = np.lib.stride_tricks.sliding_window_view(long, n_fft)[:: n_fft // 2]
    total = sum((np.abs(np.fft.rfft(part * np.hanning(n_fft))) ** 2).sum(0) for part in np.array_split(frames, 64))
    return total / len(frames)


def lines_db(speech: list[np.ndarray]) -> float:
    """Level of the multiples of 200 Hz above what is 25 to 75 Hz beside them, 1 to 10 kHz, median."""
    n_fft = SAMPLE_RATE_HZ // 5  # bins of 5 Hz
    level = 10 * np.log10(average_spectrum(speech, n_fft) + 1e-9)
    lines = np.arange(1000, 10001, LINE_HZ) // 5
    beside = np.concatenate([np.arange(-15, -4), np.arange(5, 16)])
    return float(np.median(level[lines] - level[lines[:, None] + beside].mean(1)))


def measure(
    what: str, said: list[Reference], speech: list[np.ndarray], ended: list[bool], heard: list[str], scores: Scores
) -> Result:
    wer, cer = error_rates([r.text for r in said], heard)
    by_kind = {}
    for kind in dict.fromkeys(r.kind for r in said):
        chosen = [i for i, r in enumerate(said) if r.kind == kind]
        by_kind[kind] = round(100 * error_rates([said[i].text for i in chosen], [heard[i] for i in chosen])[0], 1)
    ratios = [len(a) / len(r.speech) for a, r in zip(speech, said, strict=True)]
    result = Result(
        what,
        round(100 * wer, 1),
        round(100 * cer, 1),
        by_kind,
        scores,
        round(100 * float(np.mean(ended)), 1),
        sum(int((np.abs(a) >= 1).sum()) for a in speech),
        (round(min(ratios), 2), round(float(np.mean(ratios)), 2), round(max(ratios), 2)),
        lines_db=round(lines_db(speech), 1),
    )
    pairs = [(band_levels(a), band_levels(r.speech)) for a, r in zip(speech, said, strict=True)]
    if what == "codec":
        distances = [np.abs(a[: len(b)] - b[: len(a)]) for a, b in pairs]
        result.distance_db = [round(float(x), 1) for x in np.concatenate(distances).mean(0)]
    power = [[np.concatenate([10 ** (p[i] / 10) for p in pairs]).mean(0) for i in (0, 1)]][0]
    result.difference_db = [round(float(x), 1) for x in 10 * np.log10(power[0] / power[1])]
    return result


# ---- what is shown


def table(results: list[Result]) -> str:
    bands = " / ".join(f"{high / 1000:g}" for high in BANDS_HZ[1:])
    lines = [
        "| | WER | CER | first 50 | overall | signal | background | P.808 | ended | clipped | length "
        f"| level up to {bands} kHz, dB | lines, dB | speed |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for r in results:
        level = " / ".join(f"{x:+g}" for x in r.difference_db)
        speed = "" if r.times_real_time is None else f"{r.times_real_time:g} ×"
        length = "–".join(f"{r.length_ratio[i]:g}" for i in (0, 2))
        cells = [
            r.what,
            r.wer,
            r.cer,
            r.wer_by_kind[FIRST_KIND],
            *asdict(r.dnsmos).values(),
            f"{r.ended:g} %",
            r.clipped_samples,
            length,
        ]
        lines.append("| " + " | ".join(map(str, [*cells, level, r.lines_db, speed])) + " |")
    return "\n".join(lines)


def plot(path: Path, text: str, speech: dict[str, np.ndarray]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(speech), figsize=(4 * len(speech), 3.2), sharey=True, layout="constrained")
    for axis, (what, samples) in zip(axes, speech.items(), strict=True):
        axis.specgram(samples + 1e-6, NFFT=512, Fs=SAMPLE_RATE_HZ, noverlap=384, vmin=-140, vmax=-40, cmap="magma")
        axis.set(title=what, xlabel="s", ylim=(0, 12000))
    axes[0].set_ylabel("Hz")
    figure.suptitle(text, fontsize=10)
    figure.savefig(path, dpi=75, pil_kwargs={"optimize": True})


def write_speech(folder: Path, what: str, said: list[Reference], speech: list[np.ndarray], heard: list[str]) -> None:
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    lines = (f"{r.text}\t{got}\n" for r, got in zip(said, heard, strict=True))
    (folder / f"{what}.txt").write_text("".join(lines))
    for i, samples in enumerate(speech):
        soundfile.write(folder / f"{i:03d}_{what}.wav", np.clip(samples, -1, 1), SAMPLE_RATE_HZ)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--language", default="builtin", help="the model to measure")
    parser.add_argument("--config", type=Path, help="or its configuration, or a model that `quantize` wrote")
    parser.add_argument("--voices", nargs="+", metavar="NAME", help="default: all that the model has by name")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("-n", type=int, help="only the first so many sentences")
    parser.add_argument("--what", nargs="+", choices=("teacher", "codec", "full"), default=["teacher", "codec", "full"])
    parser.add_argument("--whisper", type=Path, help="folder of another faster-whisper model")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="spectrograms of one sentence (matplotlib)")
    parser.add_argument("--plotted", type=int, default=0, help="which sentence is plotted")
    parser.add_argument("--wav", type=Path, help="write the speech and what was heard here")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    model = TTSModel.load_model(config=args.config) if args.config else TTSModel.load_model(args.language)
    model = replace(model, threads=1)
    seeds = args.seeds if model.sampling.temperature else args.seeds[:1]
    if len(seeds) < len(args.seeds):
        print("The model's temperature is 0: every seed gives the same speech, which is counted once.\n")
    dnsmos = Dnsmos()
    judges = (
        Judge(args.folder / "gate_heard.json", str(args.whisper or "tiny"), Recogniser(args.whisper).hear),
        Judge(args.folder / "gate_scores.json", "dnsmos", lambda samples: asdict(dnsmos.score(samples))),
    )
    speak(model, model.get_default_voice(), "Compile the kernels first.", 0)
    results = []
    if not (names := args.voices or list(model.own_voices)):
        raise SystemExit("The model has no voices by name. Name with --voices those that its teacher has too.")
    for name in names:
        results += check_voice(args, model, model.get_state_for_audio_prompt(name), name, seeds, judges)
    print(table(results))
    if args.json:
        args.json.write_text(json.dumps([asdict(r) for r in results], indent=1) + "\n")


def check_voice(
    args: argparse.Namespace, model: TTSModel, voice: VoiceState, name: str, seeds: list[int], judges: tuple
) -> list[Result]:
    said = references(args.folder, name)[: args.n]
    hear, rate = judges
    runs = [(what, seed) for what in args.what for seed in (seeds if what == "full" else [0])]
    results, shown = [], {}
    for what, seed in runs:
        start = time.process_time()
        speech, ended = make_speech(model, voice, what, seed, said)
        times = round(sum(map(len, speech)) / SAMPLE_RATE_HZ / (time.process_time() - start), 1)
        heard, scores = hear(speech), mean_scores([Scores(**found) for found in rate(speech)])
        result = measure(what, said, speech, ended, heard, scores)
        result.what = f"{name} {what}" + (f", seed {seed}" if what == "full" and len(seeds) > 1 else "")
        result.times_real_time = None if what == "teacher" else times
        results.append(result)
        shown[what] = speech[args.plotted]
        if args.wav:
            write_speech(args.wav, re.sub(r"\W+", "_", result.what), said, speech, heard)
    if args.plot:
        plot(args.plot.with_stem(f"{args.plot.stem}_{name}"), said[args.plotted].text, shown)
    return results


def make_speech(
    model: TTSModel, voice: VoiceState, what: str, seed: int, said: list[Reference]
) -> tuple[list[np.ndarray], list[bool]]:
    """The sentences, and which of them ended by themselves."""
    if what == "full":
        speech, ended = zip(*(speak(model, voice, r.text, seed) for r in said), strict=True)
        return list(speech), list(ended)
    return [r.speech if what == "teacher" else decode(model, r.latents) for r in said], [True] * len(said)


if __name__ == "__main__":
    main()
