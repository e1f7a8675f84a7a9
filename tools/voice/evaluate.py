"""Word and character error rates of the teacher, the codec alone (teacher's latents, decoded) and the full model."""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import sentencepiece
import torch

from tools.voice.common import FRAME_SAMPLES, SAMPLE_RATE_HZ, frames_of, load_checkpoint, load_npz, normalise
from tools.voice.networks import Decoder, LanguageModel
from tools.voice.recogniser import Recogniser, error_rates


def load_decoder(path: Path) -> Decoder:
    checkpoint = load_checkpoint(path)
    decoder = Decoder(**checkpoint["sizes"])
    decoder.load_state_dict(checkpoint["average"])
    return decoder.eval()


def load_language_model(path: Path) -> LanguageModel:
    checkpoint = load_checkpoint(path)
    model = LanguageModel(**checkpoint["sizes"])
    model.load_state_dict(checkpoint["average"])
    return model.eval()


def held_out(shards: Path, latents: Path, n: int | None) -> tuple[list[dict], list[np.ndarray], list[np.ndarray]]:
    """Sentences, the teacher's speech (float32) and its latents [frames, 32]."""
    sentences, speech, encoded = [], [], []
    for path in sorted(shards.glob("*.npz")):
        samples, meta = load_npz(path, "samples")
        frames, _ = load_npz(latents / path.name, "latents")
        sentences += meta
        ends = np.cumsum([item["n_samples"] for item in meta])
        speech += [
            samples[end - item["n_samples"] : end] / np.float32(32767) for end, item in zip(ends, meta, strict=True)
        ]
        encoded += np.split(frames.astype(np.float32), np.cumsum([frames_of(item["n_samples"]) for item in meta])[:-1])
    return sentences[:n], speech[:n], encoded[:n]


def speak_all(model: LanguageModel, decoder: Decoder, tokenizer, texts: list[str]) -> tuple[list[np.ndarray], dict]:
    speech, ended = [], 0
    for text in texts:
        latents, by_itself = model.generate(tokenizer.encode(normalise(text)))
        ended += by_itself
        speech.append(decoder.speak(latents).numpy())
    return speech, {"ended": ended}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="holds test_shards/, test_latents/, tok.model")
    parser.add_argument("what", choices=("teacher", "codec", "full"), nargs="+")
    parser.add_argument("--decoder", type=Path, help="default: FOLDER/decoder.pt")
    parser.add_argument("--lm", type=Path, help="default: FOLDER/lm.pt")
    parser.add_argument("--whisper", type=Path, help="folder of another faster-whisper model")
    parser.add_argument("-n", type=int, help="only the first so many sentences")
    parser.add_argument("--wav", type=Path, help="write the speech and what was heard here")
    args = parser.parse_args()
    torch.set_num_threads(1)
    recogniser = Recogniser(args.whisper)
    meta, teacher, latents = held_out(args.folder / "test_shards", args.folder / "test_latents", args.n)
    texts = [item["text"] for item in meta]
    decoder_path, lm_path = args.decoder or args.folder / "decoder.pt", args.lm or args.folder / "lm.pt"
    for what in args.what:
        facts: dict = {}
        if what == "teacher":
            speech = teacher
        elif what == "codec":
            decoder = load_decoder(decoder_path)
            speech = [decoder.speak(torch.from_numpy(z)).numpy() for z in latents]
        else:
            tokenizer = sentencepiece.SentencePieceProcessor(str(args.folder / "tok.model"))
            speech, facts = speak_all(load_language_model(lm_path), load_decoder(decoder_path), tokenizer, texts)
            ratios = [len(a) / FRAME_SAMPLES / len(z) for a, z in zip(speech, latents, strict=True)]
            facts |= {
                "length": [round(float(f(ratios)), 2) for f in (np.min, np.mean, np.max)],
                "lm_step": load_checkpoint(lm_path)["step"],
            }
        if what != "teacher":
            facts["decoder_step"] = load_checkpoint(decoder_path)["step"]
        heard = [recogniser.hear(samples) for samples in speech]
        wer, cer = error_rates(texts, heard)
        clipped = sum(int((np.abs(a) >= 1).sum()) for a in speech)
        line = {
            "time": time.strftime("%F %H:%M"),
            "what": what,
            "wer": round(100 * wer, 1),
            "cer": round(100 * cer, 1),
            "n": len(texts),
            "clipped": clipped,
        } | facts
        print(json.dumps(line), flush=True)
        with (args.folder / "results.jsonl").open("a") as results:
            results.write(json.dumps(line) + "\n")
        if args.wav:
            write_speech(args.wav, what, texts, heard, speech)


def write_speech(folder: Path, what: str, texts: list[str], heard: list[str], speech: list[np.ndarray]) -> None:
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{what}.txt").write_text("".join(f"{text}\t{got}\n" for text, got in zip(texts, heard, strict=True)))
    for i, samples in enumerate(speech):
        soundfile.write(folder / f"{i:03d}_{what}.wav", np.clip(samples, -1, 1), SAMPLE_RATE_HZ)


if __name__ == "__main__":
    main()
