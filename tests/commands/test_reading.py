"""How commands read their texts: the options, a text without a command, and what `read` shows."""

import json

import pytest

from pockettts_np import __main__
from pockettts_np.audio import playback
from pockettts_np.commands.terminal import options, output
from pockettts_np.conditioners.script import Script
from pockettts_np.model import TTSModel
from tests.support.helpers import GOLDEN

TINY = GOLDEN / "lsd.toml"


def shown(run, *arguments, stdin=None) -> list:
    status, out, err = run("read", "--json", *arguments, stdin=stdin)
    assert status == 0, err
    return json.loads(out)


@pytest.fixture
def asked(monkeypatch):
    """The texts that models are asked to speak, as they read them."""
    asked = []
    speak = TTSModel.generate_audio_stream

    def remember(self, state, text, *arguments, **given):
        script = text if isinstance(text, Script) else self.script(text)
        asked.append(" ".join(chunk.text for chunk in script.chunks))
        return speak(self, state, text, *arguments, **given)

    monkeypatch.setattr(TTSModel, "generate_audio_stream", remember)
    return asked


# ---- read ----------------------------------------------------------------------------------------------------


def test_read_shows_chunks_tokens_and_pauses(run):
    status, out, _ = run("read", "--text", "**Tea** at 5. [pause:1.5s] Wait.", "-q")
    assert status == 0
    lines = out.decode().splitlines()
    assert [line[8:] for line in lines] == ["SPOKEN", "tea at five.", "[pause of 1.5 s]", "wait."]
    assert [line[:8].strip().isdigit() for line in lines] == [False, True, False, True]


def test_read_counts_the_tokens_that_the_model_reads(run, tiny_model):
    text = "The first. " * 30
    chunks = tiny_model.script(text).chunks
    parts = shown(run, "--config", TINY, "--text", text)
    assert [part["tokens"] for part in parts] == [len(chunk.ids) for chunk in chunks]
    assert len(parts) > 1


def test_read_needs_no_weights(run, tmp_path, monkeypatch):
    monkeypatch.setattr(TTSModel, "load_model", None)
    for name in ("lsd.toml", "tokenizer.model"):
        (tmp_path / name).write_bytes((GOLDEN / name).read_bytes())
    assert shown(run, "--config", tmp_path / "lsd.toml", "--text", "Hello.")[0]["text"] == "Hello."


def test_read_shows_sentences_where_there_is_no_tokenizer(run, caplog):
    parts = shown(run, "--language", "english", "--normalize", "--text", "# Tea\nIt is 5. [pause:1s] Go!")
    assert parts == [
        {"text": "Tea.", "tokens": None},
        {"text": "It is five.", "tokens": None},
        {"pause": 1.0},
        {"text": "Go!", "tokens": None},
    ]


def test_read_takes_a_file_standard_input_or_a_text(run, tmp_path):
    (tmp_path / "a.md").write_bytes("\ufeff# Tea\r\nHot".encode())
    assert [part["text"] for part in shown(run, "a.md")] == ["tea.", "hot."]
    assert [part["text"] for part in shown(run, "-", stdin=b"Hi")] == ["hi."]
    assert [part["text"] for part in shown(run, "--text", "Hi")] == ["hi."]
    assert len(shown(run)) >= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.txt"], "There is no file none.txt; a text itself is given as --text."),
        (["latin.txt"], "latin.txt is not UTF-8 text (byte 0xef at position 2)"),
        (["latin.txt", "--text", "x"], "The text is given twice, by FILE and by --text"),
        (["--text", "🎉"], "There is nothing to speak"),
        (["--text", "x", "--lexicon", "bad.txt"], "bad.txt, line 1 is 'nonsense'"),
        (["--text", "x", "--lexicon", "none.txt"], "none.txt"),
        (["--text", "x", "--text-language", "klingon"], "not in klingon"),
    ],
)
def test_read_refuses(run, tmp_path, arguments, message):
    (tmp_path / "latin.txt").write_bytes("naïve".encode("latin-1"))
    (tmp_path / "bad.txt").write_text("nonsense")
    status, out, err = run("read", *arguments)
    assert (status, out) == (1, b"")
    assert message in err


# ---- options -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "spoken"),
    [
        ([], "Nginx is 5."),
        (["--no-normalize"], "Nginx is 5."),
        (["--normalize"], "Nginx is five."),
        (["--text-language", "english"], "Nginx is five."),
        (["--no-normalize", "--text-language", "english"], "Nginx is 5."),
        (["--lexicon", "names.txt"], "Engine x is 5."),
        (["--lexicon", "names.txt", "--lexicon", "more.txt", "--normalize"], "N X is five."),
    ],
)
def test_generate_read_and_batch_read_the_same(run, tmp_path, asked, arguments, spoken):
    (tmp_path / "names.txt").write_text("nginx = engine x")
    (tmp_path / "more.txt").write_text("nginx = N X")
    voice = str(GOLDEN / "voice_saved.safetensors")
    (tmp_path / "m.jsonl").write_text(json.dumps({"text": "Nginx is 5.", "voice": voice}))
    speak = ("generate", "--config", TINY, "--voice", voice, "--output-path", "a.wav")
    assert [part["text"] for part in shown(run, "--config", TINY, "--text", "Nginx is 5.", *arguments)] == [spoken]
    run(*speak, "--text", "Nginx is 5.", *arguments)
    status, _, err = run("batch", "m.jsonl", "out", "--config", TINY, *arguments)
    assert asked == [spoken, spoken], (status, err)


def test_the_keys_of_a_batch_tell_readings_apart(run, tmp_path):
    (tmp_path / "m.jsonl").write_text('{"text": "It is 5."}')
    (tmp_path / "names.txt").write_text("it = that")
    counts = []
    for arguments in ([], [], ["--normalize"], ["--lexicon", "names.txt"], ["--lexicon", "names.txt"]):
        _, _, err = run("batch", "m.jsonl", "out", "--language", "builtin", *arguments)
        counts.append(err.partition(" files written")[0].rpartition(" ")[2])
    assert counts == ["1", "0", "1", "1", "0"]


# ---- a text without a command --------------------------------------------------------------------------------


@pytest.fixture
def loudspeaker(monkeypatch):
    """Whether there is one."""

    def there_is(is_there):
        def require():
            if not is_there:
                raise OSError("There is no device to play speech on.")

        monkeypatch.setattr(output, "require_player", require)

    return there_is


@pytest.fixture
def generated(monkeypatch):
    """The arguments that `generate` gets, in place of any speech."""
    got = []
    monkeypatch.setattr(options, "load_tts_model", playback)
    parser = __main__.build_parser

    def build():
        built = parser()
        commands = next(action for action in built._actions if action.choices and "generate" in action.choices)
        commands.choices["generate"].set_defaults(command=got.append)
        return built

    monkeypatch.setattr(__main__, "build_parser", build)
    return got


@pytest.mark.parametrize("text", ["Hello world.", "Hello", "hello", "A-b", "generate this.", "¿Qué?", "Serve"])
def test_a_text_is_spoken_without_a_command(generated, loudspeaker, text):
    loudspeaker(False)
    assert __main__.main([text, "--seed", "1"]) == 0
    (args,) = generated
    assert (args.words, args.play, args.seed) == ([text], False, 1)


def test_a_text_is_played_where_there_is_a_loudspeaker(generated, loudspeaker):
    loudspeaker(True)
    __main__.main(["Hello world."])
    __main__.main(["Hello world.", "--output-path", "a.wav"])
    __main__.main(["generate", "Hello world."])
    assert [args.play for args in generated] == [True, False, False]


def test_words_need_no_quotation_marks(run):
    assert run("hello", "there", "--output-path", "a.wav")[0] == 0
    assert run("generate", "hello", "there", "--output-path", "a.wav")[0] == 0


@pytest.mark.parametrize(
    ("word", "meant"),
    [("generat", "generate"), ("voice", "voices"), ("say", "generate"), ("export_voice", "export-voice")],
)
def test_a_command_misspelt_is_not_spoken(word, meant, capsys):
    with pytest.raises(SystemExit, match="2"):
        __main__.main([word])
    assert f"there is no command {word!r}; did you mean {meant}?" in capsys.readouterr().err


def test_every_command_has_its_name():
    parser = __main__.build_parser()
    choices = next(action.choices for action in parser._actions if action.choices and "generate" in action.choices)
    assert sorted(choices) == sorted(__main__.command_names())


def test_a_text_given_twice_is_refused(run):
    status, _, err = run("generate", "Hello.", "--text", "Hi.")
    assert status == 1
    assert "The text is given twice, as 'Hello.' and by --text; leave one of them out." in err


def test_an_empty_text_has_nothing_to_say(run, loudspeaker):
    loudspeaker(False)
    status, _, err = run("")
    assert status == 1
    assert "nothing to say" in err
