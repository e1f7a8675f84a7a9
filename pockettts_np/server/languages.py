"""The language that a model speaks, by the model's name."""

_CODES = {
    "english": "en",
    "french": "fr",
    "german": "de",
    "italian": "it",
    "portuguese": "pt",
    "spanish": "es",
    "dutch": "nl",
    "builtin": "en",
}
_NAMES = {code: name for name, code in reversed(_CODES.items())}
_ANY = "auto"


def language_code(model_name: str) -> str | None:
    """Its code, such as "de"; None where the model's name does not say."""
    return next((code for name, code in _CODES.items() if name in model_name), None)


def language_name(model_name: str) -> str:
    """For people: German (de)."""
    code = language_code(model_name) or "en"
    return f"{_NAMES[code].capitalize()} ({code})"


def is_language_of(asked: str, model_name: str) -> bool:
    """Whether a model may be asked for this language: its code, also with a country (de-AT), its name, or "auto".

    A model whose name does not say is believed to speak any.
    """
    code = language_code(model_name)
    word = asked.strip().lower().replace("_", "-").partition("-")[0]
    return code is None or word in (_ANY, code, _NAMES[code])
