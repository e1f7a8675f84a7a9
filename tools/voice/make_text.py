"""Make the training text: many short everyday sentences in which every common English word occurs often enough.

Three sources, one sentence a line, shuffled, so that any prefix of the file is a fair sample of the whole:
  * patterns   everyday.txt, a small grammar of dialogue, questions, numbers, times, money and names (CC0);
  * natural    WordNet's examples, Jane Austen's novels, chatterbot-corpus, each used where it is given;
  * coverage   frames filled with the common words that the other two leave too rare.

At the end come texts of one to three words: letters, common words, beginnings and ends of the sentences before.

Sentences of the test list never enter the training text.
"""

import argparse
import itertools
import random
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import yaml
from wordfreq import top_n_list, zipf_frequency

HERE = Path(__file__).parent
UNWANTED = re.compile(
    r"\b(fuck\w*|shit|bitch|ass|assholes?|dick|pussy|cunt|nigg\w+|porn\w*|sex\w*|rape|cock|sluts?|whores?|cum|penis|vagina|anal|nude|"
    r"naked|orgasm|bastards?|faggots?|https?|www|com|org|html|lol)\b",
    re.IGNORECASE,
)
LONGEST_WORDS = 34
# Slots name a part of speech; the frames are ordinary enough for the teacher's intonation to be natural.
FRAMES = [
    "the [adj] [noun] was [past] by the [noun].",
    "they [past] the [noun] and the [plural].",
    "do you [verb] the [adj] [noun]?",
    "she is [ing] about the [plural] [adv].",
    "we [adv] [verb] the [noun].",
    "the [plural] are too [adj] for this [noun].",
    "he said [other], and then [other].",
    "is the [noun] [adj] or [adj]?",
    "I want to [verb] and [verb].",
    "this is about [plural], [plural] and [other].",
    "[other] and [other] [past] it [adv].",
    "the [noun] of the [noun] is [adj].",
    "why are they [ing] the [noun]?",
    "you should [verb] your [noun], [other].",
    "the [noun] near [other] was [past].",
    "it was [adj], [adj] and [adj].",
    "who [past] the [adj] [plural]?",
    "[ing] the [noun] is [adv] [adj].",
    "there is no [noun] in the [noun].",
    "please [verb] these [plural].",
    "he was [ing] and [ing] [adv].",
    "can a [noun] [verb]?",
    "what does [other] mean?",
    "the word [other] comes after [other].",
]

# [person] and [place] are names that WordNet knows.
NAME_FRAMES = [
    "[person] and [person] are from [place].",
    "have you ever been to [place]?",
    "I met [person] in [place] last year.",
    "this letter is for Mister [person].",
    "Doctor [person] will see you now.",
    "we flew from [place] to [place].",
    "who was [person]?",
    "[place] is a long way from [place].",
    "Missus [person] lives in [place], near [place].",
    "my friend [person] wrote about [place].",
    "did [person] call you from [place]?",
    "the train to [place] is late.",
    "Professor [person] teaches in [place].",
    "thank you, [person].",
    "they moved from [place] to [place] when [person] was a child.",
    "ask [person], not [person].",
]
CONNECTIVES = [", and ", ", but ", ", so ", ", because ", ", and then ", " while ", ", although ", " before "]


def key_of(sentence: str) -> str:
    """The words alone: what two sentences must not share."""
    return " ".join(words_of(sentence))


def words_of(sentence: str) -> list[str]:
    return re.findall(r"[a-z']+", sentence.lower())


def tidy(sentence: str) -> str | None:
    """One clean sentence of letters and ' , . ? ! only, or None if it cannot be one."""
    sentence = sentence.replace("’", "'").replace("`", "'").replace("--", ", ").replace("-", " ")
    sentence = re.sub(r"[;:]", ",", sentence).replace('"', "").replace("_", "")
    sentence = re.sub(r"\s+([,.?!])", r"\1", re.sub(r"\s+", " ", sentence))
    sentence = re.sub(r"([,.?!])[,.?!]+", r"\1", sentence).strip(" ,'")
    if not re.fullmatch(r"[A-Za-z' ,.?!]+", sentence):
        return None
    if sentence[-1] not in ".?!":
        sentence += "."
    return sentence[0].upper() + sentence[1:]


class Grammar:
    """Choices and patterns read from a file; `sentence(rng)` draws one."""

    def __init__(self, path: Path) -> None:
        self.choices: dict[str, list[str]] = {}
        self.patterns: list[str] = []
        for line in path.read_text().splitlines():
            named = re.fullmatch(r"(\w+) (\+?=) (.*)", line)
            if named:
                name, sign, values = named.groups()
                self.choices[name] = (self.choices[name] if sign == "+=" else []) + values.split(" / ")
            elif line and not line.startswith("#"):
                self.patterns.append(line)

    def sentence(self, rng: random.Random) -> str:
        text = rng.choice(self.patterns)
        while "{" in text:
            text = re.sub(r"\{(\w+)\}", lambda slot: rng.choice(self.choices[slot[1]]), text)
        text = re.sub(r"\b([Aa]) (?=[aeiouAEIO](?!ni|ne|uro|se))", r"\1n ", text)
        return text[0].upper() + text[1:]


def wordnet_examples(folder: Path) -> Iterator[str]:
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{part}").read_text(errors="ignore").splitlines():
            yield from re.findall(r'"([^"]+)"', line.partition("|")[2])


def austen_sentences(folder: Path) -> Iterator[str]:
    """Sentences of the R package's lazy-load file: a row of zlib streams, strings of R's XDR format inside."""
    packed, lines = (folder / "Rdata.rdb").read_bytes(), []
    while len(packed) > 4:
        stream = zlib.decompressobj()
        data, packed = stream.decompress(packed[4:]), stream.unused_data
        position = data.find(b"\x00\x04\x00\x09")
        while position >= 0:
            (length,) = struct.unpack(">i", data[position + 4 : position + 8])
            lines.append(data[position + 8 : position + 8 + max(length, 0)].decode("utf-8", "ignore"))
            position = data.find(b"\x00\x04\x00\x09", position + 8 + max(length, 0))
    for paragraph in "\n".join(lines).split("\n\n"):
        spoken = re.sub(r"\b(Mr|Mrs|Dr|St)\.", r"\1", paragraph.replace("\n", " "))
        spoken = re.sub(r"\bMr\b", "Mister", re.sub(r"\bMrs\b", "Missus", spoken))
        yield from re.split(r'(?<=[.?!])["”]?\s+["“]?|["“”]', spoken)


def chat_sentences(wheel: Path) -> Iterator[str]:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if "/english/" in name and name.endswith(".yml"):
                for talk in yaml.safe_load(archive.read(name)).get("conversations", []):
                    for line in talk:
                        yield from re.split(r"(?<=[.?!])\s+", str(line))


def known_names(folder: Path, known: float) -> dict[str, list[str]]:
    """Names of persons and of places, of one or two words, that are not too rare (Zipf scale)."""
    found: dict[str, set[str]] = {"person": set(), "place": set()}
    slots = {"18": "person", "15": "place"}
    for line in (folder / "data.noun").read_text(errors="ignore").splitlines():
        fields = line.split(" ", 5)
        if fields[1] in slots and re.fullmatch(r"[A-Z][a-z]+(_[A-Z][a-z]+)?", fields[4]):
            name = fields[4].replace("_", " ")
            if min(zipf_frequency(word, "en") for word in name.split()) >= known and not UNWANTED.search(name):
                found[slots[fields[1]]].add(name)
    return {slot: sorted(names) for slot, names in found.items()}


def name_sentences(names: dict[str, list[str]], n: int, rng: random.Random) -> Iterator[str]:
    """Every name about equally often."""
    endless = {slot: itertools.cycle(rng.sample(values, len(values))) for slot, values in names.items()}
    for frame in itertools.islice(itertools.cycle(NAME_FRAMES), n):
        yield re.sub(r"\[(\w+)\]", lambda slot: next(endless[slot[1]]), frame)


def long_sentences(text: list[str], least_words: int, most_words: int, rng: random.Random) -> Iterator[str]:
    """Statements linked by conjunctions, without end."""
    statements = [line[:-1] for line in text if line.endswith(".") and 4 <= len(words_of(line)) <= 14]
    common = {word for line in text for word in line.split(" ")[1:]}
    proper = {word for word in common if word[0].isupper() and word.lower() not in common}
    while True:
        parts = rng.sample(statements, rng.choice((2, 3, 3, 4)))
        later = [part if part.split(" ")[0] in proper else part[0].lower() + part[1:] for part in parts[1:]]
        sentence = parts[0] + "".join(rng.choice(CONNECTIVES) + part for part in later) + "."
        if least_words <= len(words_of(sentence)) <= most_words:
            yield sentence


def usable(sentence: str, known: float, most_words: int) -> bool:
    """Short, spelled out, and made of words whose frequency (Zipf scale) is at least `known`."""
    words = words_of(sentence)
    if not 1 <= len(words) <= most_words or re.search(r"\b[A-Z]{2,}\b", sentence) or UNWANTED.search(sentence):
        return False
    if any(len(word) == 1 and word not in "ai" for word in words):
        return False
    return min(zipf_frequency(word, "en") for word in words) >= known


def parts_of_speech(folder: Path) -> Callable[[str], str]:
    """A function from a word to the slot of FRAMES that it fills best."""
    senses: dict[str, Counter[str]] = {}
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"index.{part}").read_text().splitlines():
            fields = line.split()
            if not line.startswith(" "):
                pointers = int(fields[3])
                senses.setdefault(fields[0], Counter())[part] = 1 + int(fields[5 + pointers]) * 4

    def slot(word: str) -> str:
        if word in senses:
            return senses[word].most_common(1)[0][0]
        for ending, part, name in (
            ("s", "noun", "plural"),
            ("es", "noun", "plural"),
            ("ing", "verb", "ing"),
            ("ed", "verb", "past"),
        ):
            stem = word.removesuffix(ending)
            if stem != word and any(senses.get(form, {}).get(part) for form in (stem, stem + "e", stem[:-1])):
                return name
        return "other"

    return slot


def coverage_sentences(
    counts: Counter[str], wanted: list[str], times: int, slot: Callable, rng: random.Random
) -> Iterator[str]:
    """Fill frames until every wanted word occurs `times` times; the rarest words go first."""
    by_slot: dict[str, list[str]] = {}
    for word in wanted:
        by_slot.setdefault(slot(word), []).append(word)
    frames = itertools.cycle(FRAMES)
    while missing := sum(max(0, times - counts[word]) for word in wanted):
        pools = {
            name: sorted(words, key=lambda w: counts[w] + rng.random())[: max(40, len(words) // 8)]
            for name, words in by_slot.items()
        }
        for frame in itertools.islice(frames, max(24, missing // 40)):
            text = re.sub(r"\[(\w+)\]", lambda match, pools=pools: rng.choice(pools[match[1]]), frame)
            if any(counts[word] < times for word in words_of(text)):
                counts.update(words_of(text))
                yield re.sub(r"\ba (?=[aeiou])", "an ", text)


def choose(candidates: list[str], n_wanted: int, counts: Counter[str], times: int, rng: random.Random) -> list[str]:
    """Prefer the sentences whose words are still rare; update the counts."""
    rng.shuffle(candidates)
    chosen: list[str] = []
    for patience in (1.0, 0.0):
        for sentence in candidates if not chosen else [c for c in candidates if c not in set(chosen)]:
            if len(chosen) >= n_wanted:
                return chosen
            words = words_of(sentence)
            if sum(counts[word] < times for word in words) >= patience:
                counts.update(words)
                chosen.append(sentence)
    return chosen


def short_texts(text: list[str], n: int, rng: random.Random) -> Iterator[str]:
    """About n texts: a third are letters and the most common words, the others begin or end a sentence of the text."""
    yield from (f"{letter}." for letter in "abcdefghijklmnopqrstuvwxyz")
    common = (word for word in top_n_list("en", n) if not UNWANTED.search(word))
    words = (word for word in common if re.fullmatch(r"[ai]|(?=.*[aeiouy])[a-z']{2,}", word))
    for word in itertools.islice(words, n // 3):
        yield word + rng.choice([".", ".", ".", ".", ".", ".", "?", "?", "!", ""])
    for sentence in rng.sample(text, min(len(text), 2 * n // 3)):
        parts = sentence.split()
        chosen = parts[: rng.choice((2, 3))] if rng.random() < 0.65 else parts[-2:]
        yield " ".join(chosen).strip(",.?!' ") + rng.choice([".", ".", ".", ".", "?", "!"])


def make_text(args: argparse.Namespace) -> list[str]:
    rng = random.Random(args.seed)
    held_out = {key_of(line) for path in args.held_out for line in path.read_text().splitlines()}
    grammar, counts, seen, text = Grammar(args.grammar), Counter(), set(held_out), []

    def fresh(sentences: Iterable[str], known: float, most_words: int) -> Iterator[str]:
        for sentence in map(tidy, filter(None, sentences)):
            if sentence and key_of(sentence) not in seen and usable(sentence, known, most_words):
                seen.add(key_of(sentence))
                yield sentence

    def patterns() -> Iterator[str]:
        while True:
            sentence = tidy(grammar.sentence(rng))
            if sentence and key_of(sentence) not in seen and len(words_of(sentence)) <= 26:
                seen.add(key_of(sentence))
                yield sentence

    text += itertools.islice(patterns(), int(args.sentences * 0.45))
    for sentence in text:
        counts.update(words_of(sentence))
    natural = []
    if args.chatterbot:
        natural += fresh(chat_sentences(args.chatterbot), 2.6, 18)
    if args.wordnet:
        natural += fresh(wordnet_examples(args.wordnet), 2.7, 18)
    if args.austen:
        natural += fresh(austen_sentences(args.austen), 3.2, 16)
        text += itertools.islice(fresh(austen_sentences(args.austen), 3.2, LONGEST_WORDS), int(args.sentences * 0.05))
    text += choose(natural, int(args.sentences * 0.35), counts, args.times, rng)
    if args.wordnet:
        common = (word for word in top_n_list("en", args.words) if not UNWANTED.search(word))
        wanted = [word for word in common if re.fullmatch(r"(?=.*[aeiouy])[a-z']{2,}", word)]
        filled = coverage_sentences(counts, wanted, args.times, parts_of_speech(args.wordnet), rng)
        text += list(fresh(filled, 0.0, 20))[: int(args.sentences * 0.3)]
        names = name_sentences(known_names(args.wordnet, 2.5), int(args.sentences * 0.1), rng)
        text += fresh(names, 0.0, 20)
    text += itertools.islice(long_sentences(text, 15, LONGEST_WORDS, rng), int(args.sentences * 0.08))
    pairs = [" ".join(rng.sample(text, 2)) for _ in range(int(args.sentences * 0.04))]
    text += [pair for pair in pairs if len(words_of(pair)) <= 24]
    rng.shuffle(text)
    short = (line for line in short_texts(text, args.short, rng) if key_of(line) not in held_out)
    return text + list(dict.fromkeys(short))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="text file to write, one sentence a line")
    parser.add_argument("--sentences", type=int, default=40000)
    parser.add_argument("--short", type=int, default=2400, help="texts of one to three words, about")
    parser.add_argument("--words", type=int, default=5000, help="that many of the most frequent words are covered")
    parser.add_argument("--times", type=int, default=20, help="each of them this often")
    parser.add_argument("--grammar", type=Path, default=HERE / "everyday.txt")
    parser.add_argument("--held-out", type=Path, nargs="*", default=[HERE / "test_sentences.txt"])
    parser.add_argument("--wordnet", type=Path, help="folder with WordNet's data.noun, index.noun, …")
    parser.add_argument("--austen", type=Path, help="folder with the Rdata.rdb of the R package janeaustenr")
    parser.add_argument("--chatterbot", type=Path, help="wheel of the package chatterbot-corpus")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    text = make_text(args)
    args.output.write_text("\n".join(text) + "\n")
    counts = Counter(word for sentence in text for word in words_of(sentence))
    covered = sum(counts[word] >= args.times for word in top_n_list("en", args.words))
    print(
        f"{len(text)} sentences, {sum(counts.values())} words, {len(counts)} different, "
        f"{covered} of the {args.words} most frequent at least {args.times} times"
    )


if __name__ == "__main__":
    main()
