"""What a request for speech asks for, whichever path it comes by: the model, the voice, the format and the delivery."""

import re
from contextlib import suppress

from ....audio.effects import FASTEST, SLOWEST
from ....audio.encoding import FORMATS, require_format
from ....language.prompts import Gaps
from ....synthesis.loudness import LOUDEST, SOFTEST
from ...delivery import Delivery
from ...languages import is_language_of, language_name
from ...limits import Refusal
from ...service import Service
from ...voices import VoiceSource
from .fields import Fields, shown
from .reading import reading_of

FORMS = {"mp3": "mp3", "opus": "opus", "aac": "aac", "flac": "flac", "wav": "wav", "pcm": "s16le"}  # theirs: ours
# What programs name that let nobody choose; OpenAI also gives each a name with a date.
OPENAI_MODELS = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
_DATED = re.compile(rf"({'|'.join(OPENAI_MODELS)})(-\d{{4}}(-\d\d-\d\d)?)?")
HOTTEST = 2.0
LONGEST_GAP_S = 60.0
FORMS_OF_TEXT = ("text", "ssml")
LARGEST_SEED = 2**64 - 1
SHORT_CHARACTERS = 60  # of a text that takes no longer to make as a whole than people wait for
NO_TIMES = "This server's model does not know when its words are spoken; ask for the speech without their times."


def require_model(name: object, service: Service) -> None:
    """Refusal 404: this server has no such model."""
    own = service.model.config.name
    if name == own or (isinstance(name, str) and _DATED.fullmatch(name)):
        return
    sentence = f"There is no model {shown(name)}; this server has {own!r}."
    raise Refusal(404, sentence, "model_not_found", "model")


def voice_of(fields: Fields, service: Service) -> VoiceSource:
    """The voice by its name, or as OpenAI's clients name one of their own: {"id": a name}."""
    voice = fields.required("voice")
    name = voice.get("id") if isinstance(voice, dict) else voice
    if not isinstance(name, str):
        raise Refusal(400, 'voice is neither a name nor {"id": a name}.', "invalid_type", "voice")
    return service.voices.named(name)


def form_of(fields: Fields, service: Service, default: str = "mp3") -> tuple[str, str]:
    """One of `audio.encoding.FORMATS`, and its media type."""
    name = fields.one_of("response_format", tuple(FORMS), default)
    form, rate_hz = FORMS[name], service.model.sample_rate
    try:
        require_format(form, rate_hz)
    except ValueError as error:
        others = ", ".join(other for other in FORMS if other != name)
        raise Refusal(400, f"{error} This server also has {others}.", "invalid_value", "response_format") from None
    return form, f"audio/pcm; rate={rate_hz}" if name == "pcm" else FORMATS[form].media_type


def usable_forms(service: Service) -> list[str]:
    """The formats that this server can send, by the names that requests use."""
    found = []
    for name, form in FORMS.items():
        with suppress(ValueError):
            require_format(form, service.model.sample_rate)
            found.append(name)
    return found


def delivery_of(fields: Fields, service: Service, with_words: bool = False, as_whole: bool = False) -> Delivery:
    """How the text is to be spoken. Refusal 400: a field of it is wrong, or the model cannot."""
    require_language(fields, service)
    if with_words and not service.model.config.timestamp_heads:
        raise Refusal(400, NO_TIMES, "no_timestamps")
    speed = fields.number("speed", SLOWEST, FASTEST)
    return Delivery(
        speed=1.0 if speed is None else speed,
        seed=fields.whole("seed", LARGEST_SEED),
        temperature=fields.number("temperature", 0, HOTTEST),
        with_words=with_words,
        as_whole=as_whole,
        reading=reading_of(fields, service),
        ssml=None if fields.get("text_format") is None else fields.one_of("text_format", FORMS_OF_TEXT, "") == "ssml",
        gaps=_gaps_of(fields, service),
        loudness=fields.number("loudness", SOFTEST, LOUDEST),
    )


def _gaps_of(fields: Fields, service: Service) -> Gaps | None:
    """None: those of the server."""
    sentence_s, paragraph_s = (fields.number(f"{part}_pause", 0, LONGEST_GAP_S) for part in ("sentence", "paragraph"))
    if sentence_s is None and paragraph_s is None:
        return None
    own = service.model.gaps
    sentence_s = own.sentence_s if sentence_s is None else sentence_s
    return Gaps(sentence_s, own.paragraph_s if paragraph_s is None else paragraph_s)


def require_language(fields: Fields, service: Service) -> None:
    """Refusal 400: the model speaks another language."""
    model = service.model.config.name
    for field in ("lang", "language"):
        asked = fields.text(field)
        if asked and not is_language_of(asked, model):
            sentence = f"{field} is {shown(asked)}; this server's model speaks {language_name(model)}."
            raise Refusal(400, sentence, "language_not_loaded", field)


def is_whole(fields: Fields, text: str, form: str, service: Service) -> bool:
    """Whether all is made before any is sent: as the caller says by `stream`, else a short text that becomes a WAV."""
    stream = fields.switch("stream")
    if stream is None:
        return form == "wav" and len(text) <= SHORT_CHARACTERS
    longest = service.limits.whole_characters
    if not stream and len(text) > longest:
        sentence = f"The text has {len(text)} characters; without a stream, wanted at most {longest}."
        raise Refusal(400, sentence, "string_above_max_length", "stream")
    return not stream
