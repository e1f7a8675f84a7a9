"""Markdown, HTML and what language models write: read as a person reads it, also in pieces, in linear time."""

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pockettts_np.language.markdown.passages import Passages
from pockettts_np.language.reading import Reading, normalize
from tests.support.timing import least_seconds

CASES = {
    "headings and items": [
        ("# Tea\n- **one** pot\n- water", "Tea.\none pot.\nwater"),
        ("## Tea ##\nPour.", "Tea.\nPour."),
        ("Tea\n===\nPour.", "Tea.\n\nPour."),
        ("Buy:\n* eggs\n* milk\n\nThen rest", "Buy:\neggs.\nmilk.\n\nThen rest"),
        ("- [x] done\n- [ ] open", "done.\nopen"),
        ("1. Boil water\n2. Pour", "one. Boil water.\ntwo. Pour"),
        ("- ## Head\n- item", "Head.\nitem"),
        ("A title\n\nA text", "A title.\n\nA text"),
        ('He said "Hi."\n\nShe left', 'He said "Hi."\n\nShe left'),
    ],
    "emphasis": [
        ("a **b** *c* __d__ _e_ ~~f~~ ==g== ***h***", "a b c d e f g h"),
        ("**It is late. Go home.** Now", "It is late. Go home. Now"),
        ("*It is late. Go home.*", "It is late. Go home."),
        ("snake_case and a * b", "snake_case and a * b"),
        ("a never closed **word", "a never closed word"),
        ("*laughs* Well", "laughs Well"),
        ("Price* and *note", "Price and note"),
        (r"\*so\* and \$5", "so and five dollars"),
    ],
    "links and images": [
        ("See [the map](https://example.org/a_b?c=1).", "See the map."),
        ("See [one. Two](x.org) now.", "See one. Two now."),
        ("[a][b] c\n\n[b]: https://example.org", "a c."),
        ("![a chart](x.png) It rose.", "It rose."),
        ("[![badge](b.svg)](https://example.org) Text", "Text"),
        ("Said.[1][2] And more [^1] of it 【4†source】.", "Said. And more of it ."),
        ("a[0] = 1", "a[zero] equals one"),
    ],
    "code": [
        ("```py\nprint(1)\n\nx = 2. y\n```\nDone.", "Done."),
        ("Run:\n```\nls\n```\nDone.", "Run:\n\nDone."),
        ("Run `pip install x` or ``y``.", "Run pip install x or y."),
        ("Say `a. b` now.", "Say a. b now."),
        ("> ```\n> x = 1\n> ```\n> Done.", "Done."),
        ("```never closed\nx", ""),
    ],
    "tables": [
        ("| Name | Age |\n|:--|--:|\n| Ann | 3 |\n| Bo | **4** |", "Name, Age.\nAnn, three.\nBo, four."),
        ("Text\n| a. b | c |\n|-|-|\nEnd", "Text.\na. b, c.\nEnd"),
        ("┌────┐\n│ ok │ no │\n└────┘", "ok, no."),
        ("+---+\n| a |\n+---+", "a."),
        ("A | B", "A, B"),
    ],
    "quotes and rules": [
        ("> said\n---\nafter", "said.\n\nafter"),
        ("> one\n> two\n\nthree", "one\ntwo.\n\nthree"),
        ("> [!warning] Be careful\n> Hot.", "Warning: Be careful.\nHot."),
        ("> [!note]-\n> Hot.", "Note.\nHot."),
        ("* * *\nafter", "after"),
        ("~~~\nafter", "after"),
    ],
    "Obsidian": [
        ("==a== [[Note|alias]] [[Note]] #tag #two-words", "a alias Note tag two-words"),
        ("[[Note#Part]] and [[Note#Part|it]]", "Note, Part and it"),
        ("![[image.png]]Text ^block-1", "Text"),
        ("---\ntags: [a]\nauthor: me\n---\n# Head\nText", "Head.\nText"),
        ("---\nNo settings.", "No settings."),
        ("---\nNote: this is text.", "Note: this is text."),
        ("One %%not. this%% two", "One  two"),
        ("Point[^a]\n\n[^a]: The note", "Point.\n\nThe note"),
    ],
    "HTML": [
        ("<p>It <b>is</b> <i>so</i>.<br>Yes &amp; no &lt;3</p>", "It is so.\n\nYes and no less than three.\n\n"),
        ("<ul>\n<li>milk</li>\n<li>eggs</li>\n</ul>", "milk.\n\n\neggs.\n\n"),
        ("a <!-- b. c\n\nd --> e", "a  e"),
        ("a <script>\nx = 1. y\n\n</script>b", "a b"),
        ('<a\nhref="x">here</a>.', "here."),
        ("Use <b> for bold. x < y", "Use <b> for bold. x less than y"),
        ("&notanentity; &copy; &#65;", "and notanentity; copyright A"),
    ],
    "pictures": [
        ("Good 👍🏽 work 🎉🎉", "Good work"),
        ("👨‍👩‍👧 family 🏴\U000e0067\U000e0062\U000e007f 🇩🇪", "family"),
        ("⚙️ settings → audio", "settings, audio"),
        ("London → Paris", "London to Paris"),
        ("Well :-) yes :smile: no ;)", "Well yes  no "),
        ("at 5:30 (x:y)", "at five thirty (x:y)"),
        ("1️⃣ first", "one first"),
    ],
    "characters": [
        ("ultra\u2011fast, co\u2010op", "ultra-fast, co-op"),
        ("\ufeffHel\u00adlo.\u200b", "Hello."),
        ("One.\r\nTwo.\tThree.\u2028Four.\rFive.", "One.\nTwo. Three.\nFour.\nFive."),
        *((mark, "") for mark in ('"', "…", "🎉", "—", "***", "`", "> ")),
    ],
    "speech markup": [
        (
            "**One** [pause:1s] <break time='2s'/> [voice:alba] two",
            "One [pause:1s] <break time='2s'/> [voice:alba] two",
        ),
        (
            "One [pause:1s][pause:2s] [voice:alba](two) ![pause][pause]three",
            "One [pause:1s][pause:2s] [voice:alba](two) ![pause][pause]three",
        ),
    ],
}
TABLE = [pytest.param(*case, id=f"{kind}: {case[0][:20]!r}") for kind, cases in CASES.items() for case in cases]
FRAGMENTS = [case[0] for cases in CASES.values() for case in cases] + list("*_`[]()<>|#-=~>!\\\n\r .:^%&") + [
    "\n\n", "```\n", "<b>", "<!--", "-->", "<script>", "</script>", "[[", "]]", "](", "![", "a", "One. ", "---\n", "| ",
    "[pause:1s]", "🎉", "\u2028",
]  # fmt: skip
documents = st.lists(st.sampled_from(FRAGMENTS), max_size=12).map("".join)


def in_pieces(pieces) -> str:
    passages = Passages()
    return "".join([*map(passages.feed, pieces), passages.feed("", last=True)])


@pytest.mark.parametrize(("written", "read"), TABLE)
def test_what_is_written_is_read_so(written, read):
    assert re.sub(r"\n{3,}", "\n\n", normalize(written)).strip() == re.sub(r"\n{3,}", "\n\n", read).strip()


@settings(max_examples=300)
@given(st.one_of(documents, st.text(max_size=60)), st.randoms())
@example("a\r\nb", None)
def test_pieces_give_what_the_whole_gives(text, random):
    whole = Passages().feed(text, last=True)
    assert in_pieces(text) == whole  # a character a piece
    if random is not None:
        cuts = sorted(random.randrange(len(text) + 1) for _ in range(5))
        assert in_pieces(text[a:b] for a, b in zip([0, *cuts], [*cuts, None], strict=True)) == whole


@given(st.lists(st.from_regex(r"[A-Z][a-z]{1,8}(,? [a-z]{1,8}){0,6}[.?!]", fullmatch=True), min_size=1))
def test_plain_sentences_stay_as_they_are(sentences):
    text = " ".join(sentences)
    assert Passages().feed(text, last=True) == text
    assert Passages().feed("\n\n".join(sentences), last=True) == "\n\n".join(sentences)


@given(documents)
def test_letters_outside_code_are_not_lost(text):
    """But what is left out on purpose: code, comments, addresses, images."""
    word = "zyxw"
    assert word in Passages().feed(f"{text}\n\n```\n```\n</script>-->\n\n{word} said", last=True) or re.search(
        "```|<!--|<script|---", text
    )


def test_a_book_takes_linear_time():
    def seconds(n_copies):
        text = "It was **late**. He said so.\n\n- one\n- two\n\n" * n_copies
        return least_seconds(lambda: Passages().feed(text, last=True))

    seconds(10)
    assert seconds(8000) < 15 * seconds(800) + 0.1


def test_a_sentence_is_given_out_once_it_is_complete():
    passages = Passages()
    assert passages.feed("- **One is") == ""
    assert passages.feed(" here. Two") == "One is here. "
    assert passages.feed(" is\n") == "Two is"
    assert passages.feed("- ") == ""
    assert passages.feed("three. ") == ".\nthree. "


def test_what_is_spoken_of_a_stream_is_what_is_spoken_of_the_whole():
    text = "# Tea\n\nPour **5 cups. Wait** for [the bell](x.org). It is 3:30!\n- a\n- b\n\n```\ncode. x\n```\nThe end"
    reading = Reading("english", normalize=True)
    spoken = "".join(reading.pieces(iter(text)))
    assert spoken.split() == normalize(text).split()


@pytest.mark.parametrize(
    "unit",
    ["*", "**a ", "_", "`", "```\n", "[", "[[", "](", "[a](", "![", "<", "<b ", "<!--", "<script>", "&", "|", "| a ",
     "> ", "- ", "# ", "#", "~~", "==", "\\", "\n", "\r", "a", "a ", "a. ", "1. ", "[^", "%%", ":a", "---\n", "&amp;",
     "<p>", "<b>", "</b>", "(", "[pause:", "🎉", "$x ", "【", "\u2028"],
)  # fmt: skip
def test_a_thousand_marks_deep_takes_linear_time(unit):
    def seconds(n_copies):
        text = unit * n_copies
        return least_seconds(lambda: (in_pieces(text), Passages().feed(text, last=True)))

    seconds(100)
    assert seconds(4000) < 15 * seconds(400) + 0.1
