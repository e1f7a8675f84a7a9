"""Own pronunciations: what is said for a word, how a file says so, and that it is read again when it changes."""

import os
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pockettts_np.language.lexicon import Lexicon, LexiconFile, lexicons_of, write_lexicons
from pockettts_np.language.reading import Reading
from pockettts_np.language.rules import Draft
from tests.support.timing import least_seconds

LINES = r"""
# names
nginx = engine x
US = U S
PostgreSQL = postgres
C++ = see plus plus
.NET = dot net
New York = the big apple
new york city = N Y C
naïve=nah-eve
a=b = a is b
um =
k8s = kubernetes
👍 = thumbs up
/v(\d+)\.(\d+)/ = version \1 point \2
/colou?r/i = hue
/a\/b/ = a or b
"""


def said(text: str, *lexicons: Lexicon) -> str:
    draft = Draft(text)
    write_lexicons(draft, lexicons or [Lexicon.parsed(LINES.splitlines(), "names.txt")])
    return draft.text


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Nginx, NGINX and nginx.", "engine x, engine x and engine x."),
        ("the US and us", "the U S and us"),
        ("PostgreSQL postgresql", "postgres postgresql"),
        ("nginxes, mynginx, nginx_2, nginx's", "nginxes, mynginx, nginx_2, engine x's"),
        ("I know C++, C and .NET", "I know see plus plus, C and dot net"),
        ("New York, New  York\nNew\nYork", "the big apple, the big apple\nthe big apple"),
        ("New York City", "N Y C"),
        ("new york", "new york"),
        ("naïve Naïve", "nah-eve nah-eve"),
        ("a=b", "a is b"),
        ("Well um yes", "Well  yes"),
        ("K8s 👍", "kubernetes thumbs up"),
        ("v2.10 Colors colour", "version 2 point 10 hues hue"),
        ("a/b", "a or b"),
        ("", ""),
    ],
)
def test_words_are_said_as_the_lexicon_says(written, spoken):
    assert said(written) == spoken


def test_the_later_of_two_counts():
    twice = Lexicon.parsed(["tea = one", "tea = two"], "f")
    assert said("tea", twice) == "two"
    assert said("tea milk", twice, Lexicon.parsed(["tea = three"], "g")) == "three milk"


def test_it_comes_before_all_other_rules():
    reading = Reading(
        "english", normalize=True, lexicons=lexicons_of({"5 km": "a parkrun", "St.": "stuh", "k8s": "kates"})
    )
    assert reading.whole("**5 km** on k8s St. 5") == "a parkrun on kates stuh five"
    plain = Reading("english", lexicons=lexicons_of({"tea": "5 cups"}))
    assert plain.whole("**tea** at 5 [pause:1s]") == "**5 cups** at 5 [pause:1s]"


def test_streamed_pieces_are_said_the_same():
    reading = Reading("english", lexicons=lexicons_of({"new york": "the city"}))
    spoken = "".join(reading.pieces("I love New York. New York loves me."))
    assert " ".join(spoken.split()) == "I love the city. the city loves me."


@given(st.text(), st.dictionaries(st.text(min_size=1, max_size=5).filter(str.strip), st.text(max_size=5), max_size=5))
@example("İ i", {"İ": "x"})
@example("ß ẞ", {"ß": "x"})
def test_any_text_with_any_words(text, words):
    """Words that do not occur change nothing; those that do alone are replaced."""
    lexicons = lexicons_of(words)
    draft = Draft(text)
    write_lexicons(draft, [lexicon.current() for lexicon in lexicons])
    if not any("".join(word.split()).lower() in "".join(text.split()).lower() for word in words):
        assert draft.text.lower() == text.lower()
    for word, respelling in words.items():
        alone = Draft(" ".join(word.split()))
        write_lexicons(alone, lexicons_of({word: respelling}))
        assert alone.text == respelling.strip()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nonsense", r"names.txt, line 2 is 'nonsense'; wanted `word = respelling`, `/regex/ = respelling`"),
        ("= nothing", "line 2 is '= nothing'"),
        ("/(/ = x", r"line 2: /\(/ = x cannot be used: missing \)"),
        (r"/a/ = \1", "line 2: .* cannot be used: invalid group reference"),
        ("/a*/ = x", r"line 2: /a\*/ matches where there is nothing"),
    ],
)
def test_an_error_names_file_and_line(tmp_path, monkeypatch, line, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text(f"# comment\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        LexiconFile("names.txt")


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        lexicons_of(tmp_path / "none.txt")
    (tmp_path / "latin.txt").write_bytes("naïve = x".encode("latin-1"))
    with pytest.raises(ValueError, match=r"is not UTF-8 text .*0xef at position 2"):
        LexiconFile(tmp_path / "latin.txt")
    with pytest.raises(TypeError, match="lexicon is a int"):
        lexicons_of(5)
    with pytest.raises(TypeError, match="wanted strings"):
        lexicons_of({"a": 5})
    with pytest.raises(ValueError, match="no word"):
        lexicons_of({" ": "x"})


def test_a_file_is_read_again_when_it_changes(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("\ufefftea = one\n", encoding="utf-8")
    (file,) = lexicons_of(str(path))
    reading = Reading("english", lexicons=(file,))
    assert reading.whole("tea") == "one"
    assert file.current() is file.current()
    path.write_text("tea = two\n", encoding="utf-8")
    os.utime(path, ns=(1, 1))
    assert reading.whole("tea") == "two"


def test_a_slip_while_it_is_edited_leaves_what_was_there(tmp_path, caplog):
    path = tmp_path / "names.txt"
    path.write_text("tea = one\n", encoding="utf-8")
    file = LexiconFile(path)
    path.write_text("tea one\n", encoding="utf-8")
    assert said("tea", file.current()) == "one"
    assert said("tea", file.current()) == "one"
    path.unlink()
    assert said("tea", file.current()) == "one"
    assert len(re.findall("line 1 is 'tea one'", caplog.text)) == 1
    path.write_text("tea = again\n", encoding="utf-8")
    assert said("tea", file.current()) == "again"


@pytest.mark.parametrize("unit", ["a", "a ", "new york ", "new ", "nginx", ".", "c+", "/", "🎉"])
def test_ten_thousand_words_take_linear_time(unit):
    lexicon = Lexicon.parsed([*(f"word{n} = x" for n in range(10_000)), *LINES.splitlines()[:8]], "f")

    def seconds(n_copies):
        return least_seconds(lambda: said(unit * n_copies, lexicon))

    seconds(10)
    assert seconds(50_000) < 15 * seconds(5000) + 0.1
