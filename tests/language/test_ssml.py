"""SSML: what its elements come to, that plain text stays what it is, and that no document does harm."""

import math
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pockettts_np.language.pauses import Manner, Pause
from pockettts_np.language.prompts import Gap, Prompt, parts
from pockettts_np.language.reading import Reading
from pockettts_np.language.ssml.attributes import speed_of, volume_db_of
from pockettts_np.language.ssml.document import begins_as_document, document_parts, is_document
from pockettts_np.language.ssml.say_as import say_as
from tests.support.texts import NUMBERS, WORDS, prose

ENGLISH = Reading("english")
GERMAN = Reading("german")
REFUSED = "The SSML cannot be read: "


def read(body: str) -> list:
    return document_parts(f"<speak>{body}</speak>", ENGLISH)


def said(body: str) -> list[str]:
    return [part.draft().text for part in read(body) if isinstance(part, Prompt)]


def outcome(document: str) -> tuple[list, str]:
    """Its parts, and why it was refused."""
    try:
        return document_parts(document, ENGLISH), ""
    except ValueError as error:
        return [], str(error)


def escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# ---- elements ----


@given(prose(WORDS + NUMBERS, ". , ! ? ... ; : & < >"))
def test_a_plain_text_comes_to_the_same(text):
    assert read(escaped(text)) == parts(text)


@given(st.lists(prose(WORDS, ". , !"), min_size=2))
def test_breaks_come_to_the_same_as_pauses(texts):
    want = parts("[pause:20ms]".join(texts))
    assert read('<break time="20ms"/>'.join(texts)) == want


@pytest.mark.parametrize(
    ("body", "want"),
    [
        ("<s>One.</s><s>Two.</s>", ["One.", Gap.SENTENCE, Gap.SENTENCE, "Two.", Gap.SENTENCE]),
        ("<p>One.</p>\n  <p>Two.</p>", ["One.", Gap.PARAGRAPH, Gap.PARAGRAPH, "Two.", Gap.PARAGRAPH]),
        ("One<break/>, two", ["One", 0.75, "two"]),
        ('One<break strength="x-strong"/>two', ["One", 1.25, "two"]),
        ("One <w>two</w>\n\t <i>three</i>.", ["One two three."]),
        ("<metadata><a>No</a></metadata>One.<audio src='a.wav'><desc>No</desc>Two</audio>", ["One.Two"]),
        ("One <!-- no --> two<?no pi?>.", ["One two."]),
        ("<![CDATA[1 < 2 & 3]]>", ["1 < 2 & 3"]),
        ("<speak>One</speak> two", ["One two"]),
        ("", [""]),
    ],
)
def test_elements_cut_where_speech_does(body, want):
    got = []
    for part in read(body):
        got.append(part if isinstance(part, Gap) else float(part.seconds) if isinstance(part, Pause) else part.written)
    starts = [part for i, part in enumerate(got) if i or not isinstance(part, Gap)]
    assert [part.strip() if isinstance(part, str) else part for part in starts] == want


def test_prefixes_and_the_declaration_are_passed_over():
    document = '\ufeff<?xml version="1.0" encoding="utf-16"?>\n<!-- a --><v:speak xmlns:v="u">Ä <v:break/> b</v:speak>'
    assert document_parts(document, ENGLISH) == [Prompt("Ä"), Pause(Fraction(3, 4)), Prompt("b")]


def test_manners_nest_and_end():
    found = read(
        'A <voice name="bob carl">b <prosody rate="slow" volume="soft">c <prosody rate="200%">d</prosody></prosody> '
        'e <voice name="default">f</voice></voice> g'
    )
    assert [(prompt.written.strip(), prompt.manner) for prompt in found] == [
        ("A", Manner()),
        ("b", Manner("bob")),
        ("c", Manner("bob", 0.75, -6.0)),
        ("d", Manner("bob", 1.5, -6.0)),
        ("e", Manner("bob")),
        ("f", Manner()),
        ("g", Manner()),
    ]


def test_speed_and_volume_stay_in_range_however_deep_they_are_asked_for():
    found = read('<prosody rate="x-fast" volume="x-loud">' * 50 + "a" + "</prosody>" * 50)
    assert [prompt.manner for prompt in found] == [Manner(None, 4.0, 24.0)]


def test_what_is_said_otherwise_stays_written():
    (prompt,) = read(
        'The <sub alias="World Wide Web Consortium">W3C</sub> met on <say-as interpret-as="date">5/6</say-as>.'
    )
    assert prompt.written == "The W3C met on 5/6."
    draft = prompt.draft()
    assert draft.text == "The World Wide Web Consortium met on May sixth."
    assert draft.said_for([0, 4, 8, 12, 15]) == ["The ", "World Wide Web Consortium ", "met ", "on ", "May sixth."]


def test_what_has_no_letters_is_spoken_by_its_alias():
    assert said('<break/><sub alias="heart">♥</sub><break/>') == ["heart"]


def test_elements_inside_an_alias_are_text():
    assert said('<sub alias="x y">a<break/><s>b</s><sub alias="z">c</sub></sub>d') == ["x y d"]


def test_marks_stand_where_they_were_written():
    found = read('<mark name="a"/>One <mark name="b"/>two<break/> <mark name="c"/><break/>three<mark name="d"/>')
    prompts = [part for part in found if isinstance(part, Prompt)]
    assert [(prompt.written, prompt.marks) for prompt in prompts] == [
        ("One two", ((0, "a"), (4, "b"))),
        ("three", ((0, "c"), (5, "d"))),
    ]
    *_, last = read('One<break/><mark name="e"/>')
    assert read('One<break/><mark name="e"/>')[0].marks == ((3, "e"),)
    assert isinstance(last, Pause)


def test_what_is_not_known_is_read_as_its_text_with_one_warning(caplog):
    body = (
        '<emphasis>A</emphasis> <x:y xmlns:x="u">b</x:y> <emphasis>c</emphasis> <prosody pitch="high">d</prosody>'
        '<say-as interpret-as="magic">e</say-as> <say-as interpret-as="date">f</say-as> <voice gender="male">g</voice>'
    )
    assert " ".join(said(body)).split() == ["A", "b", "c", "d", "e", "f", "g"]
    (message,) = [record.getMessage() for record in caplog.records]
    for name in ("<emphasis>", "<y>", "pitch of <prosody>", "'e' as \"magic\"", "'f' as \"date\"", "gender of <voice>"):
        assert message.count(name) == 1


# ---- attributes ----


@pytest.mark.parametrize(
    ("rate", "speed"),
    [
        *[("x-slow", 0.5), ("medium", 1), ("default", 1), ("fast", 1.33), ("50%", 0.5), ("+50%", 1.5), ("-25%", 0.75)],
        *[("1.5", 1.5), (".5", 0.5), ("400%", 4), ("+0.5", 1.5), (" 2 ", 2)],
    ],
)
def test_rates(rate, speed):
    assert speed_of(rate) == pytest.approx(speed)


@pytest.mark.parametrize(
    ("volume", "volume_db"),
    [
        *[("silent", -math.inf), ("soft", -6), ("default", 0), ("x-loud", 12), ("+6dB", 6), ("-3.5dB", -3.5)],
        *[("6DB", 6), ("100", 0), ("50", -6.0206), ("0", -math.inf), ("-50%", -6.0206), ("+100%", 6.0206)],
    ],
)
def test_volumes(volume, volume_db):
    assert volume_db_of(volume) == pytest.approx(volume_db, abs=1e-4)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ('<break time="soon"/>', 'time="soon"'),
        ('<break time="5"/>', 'time="5"'),
        ('<break strength="huge"/>', 'strength="huge"'),
        ("<break time='1\"s'/>", "cannot be understood"),
        ('<break time="601s"/>', "too long; wanted at most 600 s"),
        ('<prosody rate="quick">a</prosody>', "'quick' cannot be understood; wanted 150% or x-slow"),
        ('<prosody rate="5">a</prosody>', "wanted 25% to 400%"),
        ('<prosody rate="-100%">a</prosody>', "wanted 25% to 400%"),
        ('<prosody rate="">a</prosody>', "cannot be understood"),
        (f'<prosody rate="{"9" * 5000}%">a</prosody>', "cannot be understood"),
        ('<prosody volume="+25dB">a</prosody>', "+24dB"),
        ('<prosody volume="101">a</prosody>', "0 to 100"),
        ('<prosody volume="+5">a</prosody>', "0 to 100"),
        ('<prosody volume="nan">a</prosody>', "cannot be understood"),
        ("<sub>a</sub>", '<sub> has no alias="…"'),
        ("<say-as>a</say-as>", '<say-as> has no interpret-as="…"'),
        ("<mark/>", '<mark> has no name="…"'),
    ],
)
def test_what_cannot_be_is_told_with_its_place(body, why):
    with pytest.raises(ValueError, match=r"line 2, column 5\)\.$") as caught:
        document_parts(f"<speak>\n    {body}</speak>", ENGLISH)
    assert str(caught.value).startswith(REFUSED)
    assert why in str(caught.value)


# ---- say-as ----


@pytest.mark.parametrize(
    ("kind", "text", "form", "words"),
    [
        ("characters", "abc", "", "A B C"),
        ("spell-out", "A-1 b", "", "A dash one B"),
        ("digits", "1 805", "", "one eight zero five"),
        ("cardinal", "1,234", "", "one thousand two hundred and thirty-four"),
        ("cardinal", "−5", "", "minus five"),
        ("number", "007", "", "seven"),
        ("ordinal", "22", "", "twenty-second"),
        ("ordinal", "3rd", "", "third"),
        ("telephone", "+44 20 7946-0958", "", "plus four four, two zero, seven nine four six, zero nine five eight"),
        ("telephone", "1-800-FLOWERS", "", "one, eight zero zero, FLOWERS"),
        ("date", "2026-03-04", "", "March fourth, twenty twenty-six"),
        ("date", "3/4/2026", "dmy", "April third, twenty twenty-six"),
        ("date", "3/4/26", "mdy", "March fourth, twenty twenty-six"),
        ("date", "1999", "y", "nineteen ninety-nine"),
        ("date", "12.1999", "my", "December, nineteen ninety-nine"),
        ("date", "4", "d", "fourth"),
        ("time", "2:30pm", "hms12", "two thirty P M"),
        ("time", "00:05", "", "twelve oh five A M"),
        ("time", "17:45", "hms24", "seventeen forty-five"),
    ],
)
def test_english_words(kind, text, form, words):
    assert say_as(kind, text, form, ENGLISH) == words


@pytest.mark.parametrize(
    ("kind", "text", "form"),
    [
        *[("magic", "a", ""), ("cardinal", "many", ""), ("cardinal", "1" * 40, ""), ("date", "31/31/2026", "")],
        *[("date", "1/2", "huge"), ("date", "", ""), ("time", "noon", ""), ("digits", "x", ""), ("telephone", "!", "")],
        *[("date", "12345/1/1", "ymd"), ("characters", " ", ""), ("ordinal", "1.5", "")],
    ],
)
def test_what_is_not_of_its_kind_is_text(kind, text, form):
    assert say_as(kind, text, form, ENGLISH) is None


@pytest.mark.parametrize(
    ("kind", "text", "words"), [("characters", "abc", "a b c"), ("telephone", "089 123", "0 8 9, 1 2 3")]
)
def test_other_languages_are_said_by_their_models(kind, text, words):
    assert say_as(kind, text, "", GERMAN) == words


@given(st.sampled_from(["characters", "digits", "cardinal", "ordinal", "date", "time", "telephone"]), st.text())
@example("time", "99:99")
@example("date", "0/0/0")
def test_any_text_is_said_as_anything(kind, text):
    for form in ("", "mdy", "ymd", "hms12"):
        assert say_as(kind, text, form, ENGLISH) is None or say_as(kind, text, form, ENGLISH).strip()


# ---- documents that are none, or mean harm ----

BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><speak>&i;</speak>"
)


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("", "no element found (line 1, column 1)"),
        ("Hello.", "syntax error (line 1, column 1)"),
        ("<p>Hello.</p>", "it begins with <p>; wanted <speak> (line 1, column 1)"),
        ("<speak>\n<p>Hello.</speak>", "mismatched tag (line 2, column 12)"),
        ("<speak>Hello.", "no element found (line 1, column 14)"),
        ("<speak>R & D</speak>", "not well-formed (invalid token) (line 1, column 11)"),
        ("<speak>&nbsp;</speak>", "undefined entity (line 1, column 8)"),
        ("<speak/>x", "junk after document element (line 1, column 9)"),
        ("<speak>\x00</speak>", "not well-formed (invalid token) (line 1, column 8)"),
        ("<speak>" + "<p>" * 1000, "its elements are nested more than 100 deep (line 1, column 305)"),
        (BOMB, "it has a document type (<!DOCTYPE …>), which is not allowed"),
        ('<!DOCTYPE speak SYSTEM "file:///etc/passwd"><speak>a</speak>', "it has a document type"),
        ("<speak>\ud800</speak>", "it holds half of a surrogate pair"),
    ],
)
def test_what_is_no_document_is_refused_in_a_sentence(document, why):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  # which sentence is looked at below
        document_parts(document, ENGLISH)
    assert str(caught.value).startswith(REFUSED + why)
    assert len(str(caught.value)) < 300


DOCUMENT = (
    '<?xml version="1.0"?><speak><p><s>A <sub alias="b">c</sub></s></p><break time="1s"/>'
    '<prosody rate="slow">d</prosody><voice name="e">f</voice><mark name="g"/>'
    '<say-as interpret-as="date" format="mdy">1/2/2026</say-as></speak>'
)


@pytest.mark.parametrize("n_chars", range(len(DOCUMENT)))
def test_a_document_that_ends_early_is_refused(n_chars):
    with pytest.raises(ValueError, match=REFUSED):
        document_parts(DOCUMENT[:n_chars], ENGLISH)


PIECES = ["<speak>", "</speak>", "<p>", "</p>", "<s>", "</s>", "<break/>", '<break time="1s"/>', "<voice name='a'>"]
PIECES += ["</voice>", "<sub alias='b c'>", "</sub>", "<mark name='m'/>", "<say-as interpret-as='date'>", "</say-as>"]
PIECES += ["<prosody rate='slow'>", "</prosody>", "&amp;", "&lt;", "&x;", "1/2/2026", "Hello.", " ", "\n\n", ", ", "é"]


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=40).map("".join))
def test_any_text_is_read_or_refused_in_a_sentence(text):
    for document in (text, f"<speak>{text}</speak>"):
        found, error = outcome(document)
        assert error.startswith(REFUSED) or not error
        for part in found:
            if isinstance(part, Prompt):
                assert all(0 <= a <= b <= len(part.written) for a, b, _ in part.aliases)
                assert all(0 <= at <= len(part.written) for at, _ in part.marks)


def test_a_long_document_takes_no_longer_than_its_length():
    assert len(read("<s>Hello.</s>" * 20_000)) == 60_000


@pytest.mark.parametrize(
    "text", ["<speak>", " \n<speak version='1.1'>", "\ufeff<?xml version='1.0'?><speak/>", "<!-- a - b --><speak\n>"]
)
def test_documents_are_known_by_their_beginning(text):
    assert is_document(text)


@pytest.mark.parametrize("text", ["", "<speaker>", "Say <speak>", "speak", "<p><speak>", "<!--" * 5000, "<?xml <speak"])
def test_other_texts_are_none(text):
    assert not is_document(text)


# ---- text in pieces ----


@given(st.text(max_size=8) | st.sampled_from([DOCUMENT, " <?xml version='1.0'?>\n<speak/>", "<speaker>", "<!-- a"]))
def test_a_text_in_pieces_begins_as_it_does_as_a_whole(text):
    begins, pieces = begins_as_document(iter(text))
    assert begins == is_document(text)
    assert "".join(pieces) == text


@pytest.mark.parametrize("text", ["Hello", "<p>Hello", "<!" + "-" * 3000])
def test_no_more_is_awaited_than_tells_what_the_text_is(text):
    taken = iter(text)
    begins_as_document(taken)
    assert len(text) - len(list(taken)) <= 2502
