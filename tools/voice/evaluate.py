"""Word and character error rates of the teacher, the codec alone (teacher's latents, decoded) and the full model.

With --dnsmos, also how natural it sounds. Where there are several voices, each has a line of its own.
"""

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import sentencepiece
import torch

from tools.check.judges import Dnsmos, mean_scores
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


def held_out(shards: Path, latents: Path) -> list[dict]:
    """Sentences: what is noted of them, the teacher's speech (float32) and its latents [frames, 32]."""
    said = []
    for path in sorted(shards.glob("*.npz")):
        samples, meta = load_npz(path, "samples")
        rows = load_npz(latents / path.name, "latents")[0].astype(np.float32)
        ends = np.cumsum([item["n_samples"] for item in meta])[:-1]
        last_rows = np.cumsum([frames_of(item["n_samples"]) for item in meta])[:-1]
        for item, part, z in zip(meta, np.split(samples, ends), np.split(rows, last_rows), strict=True):
            said.append({"meta": item, "speech": part / np.float32(32767), "latents": z})
    return said


def speak_all(model: LanguageModel, decoder: Decoder, tokenizer, said: list[dict]) -> tuple[list[np.ndarray], dict]:
    speech, ended, voices = [], 0, model.sizes.get("voices", [])
    for item in said:
        voice = voices.index(item["voice"]) if voices else 0
        latents, by_itself = model.generate(tokenizer.encode(normalise(item["text"])), voice)
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
    parser.add_argument("-n", type=int, help="only the first so many sentences of each voice")
    parser.add_argument("--dnsmos", action="store_true", help="needs speechmos and librosa")
    parser.add_argument("--wav", type=Path, help="write the speech and what was heard here")
    args = parser.parse_args()
    torch.set_num_threads(1)
    args.decoder, args.lm = args.decoder or args.folder / "decoder.pt", args.lm or args.folder / "lm.pt"
    judges = [Recogniser(args.whisper), Dnsmos() if args.dnsmos else None]
    said = held_out(args.folder / "test_shards", args.folder / "test_latents")
    voices = dict.fromkeys(item["meta"].get("voice", "") for item in said)
    for what in args.what:
        for voice in voices:
            of_voice = [item for item in said if item["meta"].get("voice", "") == voice][: args.n]
            evaluate(args, what, voice, of_voice, judges)


def evaluate(args: argparse.Namespace, what: str, voice: str, said: list[dict], judges: list) -> None:
    """Print a line, and add it to results.jsonl."""
    texts, facts = [item["meta"]["text"] for item in said], {}
    if what == "teacher":
        speech = [item["speech"] for item in said]
    elif what == "codec":
        decoder = load_decoder(args.decoder)
        speech = [decoder.speak(torch.from_numpy(item["latents"])).numpy() for item in said]
    else:
        tokenizer = sentencepiece.SentencePieceProcessor(str(args.folder / "tok.model"))
        model, decoder = load_language_model(args.lm), load_decoder(args.decoder)
        speech, facts = speak_all(model, decoder, tokenizer, [item["meta"] for item in said])
        ratios = [len(a) / FRAME_SAMPLES / len(item["latents"]) for a, item in zip(speech, said, strict=True)]
        facts["length"] = [round(float(f(ratios)), 2) for f in (np.min, np.mean, np.max)]
        facts["lm_step"] = load_checkpoint(args.lm)["step"]
    if what != "teacher":
        facts["decoder_step"] = load_checkpoint(args.decoder)["step"]
    recogniser, dnsmos = judges
    heard = [recogniser.hear(samples) for samples in speech]
    wer, cer = error_rates(texts, heard)
    line = {"time": time.strftime("%F %H:%M"), "what": what, "voice": voice}
    line |= {"wer": round(100 * wer, 1), "cer": round(100 * cer, 1), "n": len(texts)}
    line["clipped"] = sum(int((np.abs(samples) >= 1).sum()) for samples in speech)
    if dnsmos:
        line["dnsmos"] = asdict(mean_scores([dnsmos.score(samples) for samples in speech]))
    line |= facts
    print(json.dumps(line), flush=True)
    with (args.folder / "results.jsonl").open("a") as results:
        results.write(json.dumps(line) + "\n")
    if args.wav:
        write_speech(args.wav, f"{voice}_{what}".lstrip("_"), texts, heard, speech)


def write_speech(folder: Path, what: str, texts: list[str], heard: list[str], speech: list[np.ndarray]) -> None:
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{what}.txt").write_text("".join(f"{text}\t{got}\n" for text, got in zip(texts, heard, strict=True)))
    for i, samples in enumerate(speech):
        soundfile.write(folder / f"{i:03d}_{what}.wav", np.clip(samples, -1, 1), SAMPLE_RATE_HZ)


if __name__ == "__main__":
    main()
