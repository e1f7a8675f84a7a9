"""The catalogue: released models and their files, predefined voices, and what each language starts with.

A predefined voice is a saved state of one released model, so each model has its own file for the same name.
The recording behind a voice can be cloned by any model that has an encoder.
"""

import logging
from pathlib import Path
from types import MappingProxyType

from ..config.config import Config
from ..config.load import load_config
from ..files.memory import File, InMemoryFile, packaged
from . import fetch

logger = logging.getLogger(__name__)

_STATES = "hf://kyutai/pocket-tts-without-voice-cloning/languages/{model}/embeddings/{voice}.safetensors@{revision}"
_STATES_REVISION = "a7056f505a4a8ca72d8b5fb1440071d6f1a35739"

# Voice name → address of the recording.
VOICES = MappingProxyType(
    {
        "cosette": "hf://kyutai/tts-voices/expresso/ex04-ex02_confused_001_channel1_499s.wav",
        "marius": "hf://kyutai/tts-voices/voice-donations/Selfie.wav",
        "javert": "hf://kyutai/tts-voices/voice-donations/Butter.wav",
        "alba": "hf://kyutai/tts-voices/alba-mackenna/casual.wav",
        "jean": "hf://kyutai/tts-voices/ears/p010/freeform_speech_01_enhanced.wav",
        "anna": "hf://kyutai/tts-voices/vctk/p228_023_enhanced.wav",
        "vera": "hf://kyutai/tts-voices/vctk/p229_023_enhanced.wav",
        "fantine": "hf://kyutai/tts-voices/vctk/p244_023_enhanced.wav",
        "charles": "hf://kyutai/tts-voices/vctk/p254_023_enhanced.wav",
        "paul": "hf://kyutai/tts-voices/vctk/p259_023_enhanced.wav",
        "eponine": "hf://kyutai/tts-voices/vctk/p262_023_enhanced.wav",
        "azelma": "hf://kyutai/tts-voices/vctk/p303_023_enhanced.wav",
        "george": "hf://kyutai/tts-voices/vctk/p315_023_enhanced.wav",
        "mary": "hf://kyutai/tts-voices/vctk/p333_023_enhanced.wav",
        "jane": "hf://kyutai/tts-voices/vctk/p339_023_enhanced.wav",
        "michael": "hf://kyutai/tts-voices/vctk/p360_023_enhanced.wav",
        "eve": "hf://kyutai/tts-voices/vctk/p361_023_enhanced.wav",
        "bill_boerst": "hf://kyutai/tts-voices/voice-zero/bill_boerst.wav",
        "peter_yearsley": "hf://kyutai/tts-voices/voice-zero/peter_yearsley.wav",
        "stuart_bell": "hf://kyutai/tts-voices/voice-zero/stuart_bell.wav",
        "caro_davy": "hf://kyutai/tts-voices/voice-zero/caro_davy.wav",
        "giovanni": "hf://kyutai/pocket-tts/common_voice_it_36520747-enhanced-v2.mp3@64ab7d24c479d736a83b8cc666c4a776fca30fda",
        "lola": "hf://kyutai/pocket-tts/common_voice_es_19762977-enhanced-v2.mp3@64ab7d24c479d736a83b8cc666c4a776fca30fda",
        "juergen": "hf://kyutai/pocket-tts/de-DE-juergen.mp3@64ab7d24c479d736a83b8cc666c4a776fca30fda",
        "rafael": "hf://kyutai/pocket-tts/g-Vi8PgmSY0-enhanced-v2.wav@64ab7d24c479d736a83b8cc666c4a776fca30fda",
        "daan": "hf://kyutai/pocket-tts/cml_tts_nl_11290_9412_000030_0001.flac@2dd944b099d06bb9edbd221fef138685711d9bf0",
        "estelle": "hf://kyutai/tts-voices/unmute-prod-website/developpeuse-3.wav@1fc7395b7e012e2bbebfca14b942a4ef62ccc899",
    }
)

BUILTIN_LICENCE = "Apache 2.0"
MODEL_LICENCE = "CC BY 4.0"  # of all that Kyutai has released of Pocket TTS
UNSTATED = "unstated"
# Licences of recordings, by folder, as the page of kyutai/tts-voices states them; kyutai/pocket-tts states none.
_RECORDING_LICENCES = {
    "hf://kyutai/tts-voices/alba-mackenna/": "CC BY 4.0",
    "hf://kyutai/tts-voices/ears/": "CC BY-NC 4.0",
    "hf://kyutai/tts-voices/expresso/": "CC BY-NC 4.0",
    "hf://kyutai/tts-voices/unmute-prod-website/": "CC0",
    "hf://kyutai/tts-voices/vctk/": "CC BY 4.0",
    "hf://kyutai/tts-voices/voice-donations/": "CC0",
    "hf://kyutai/tts-voices/voice-zero/": "CC0",
}

DEFAULT_LANGUAGE = "english"
BUILTIN = "builtin"  # the small English model that comes with the package
DEFAULT_VOICE = "alba"
_DEFAULT_VOICES = {
    "italian": "giovanni",
    "spanish": "lola",
    "german": "juergen",
    "portuguese": "rafael",
    "french": "estelle",
    "dutch": "daan",
}
_DEFAULT_TEXTS = {
    BUILTIN: "Hello world. I am the small voice that comes with this package. I need no network and no download.",
    "english": ("Hello world. I am Kyutai's Pocket TTS. I'm fast enough to run on small CPUs. I hope you'll like me."),
    "french": (
        "Bonjour le monde. Je suis le TTS de poche de Kyutai. "
        "Je suis assez rapide pour fonctionner sur de petits CPU. "
        "J'espère que vous m'aimerez."
    ),
    "german": (
        "Hallo Welt. Ich bin Pocket TTS von Kyutai. "
        "Ich bin schnell genug, um auch auf kleinen CPUs zu laufen. "
        "Ich hoffe, ich gefalle dir."
    ),
    "portuguese": (
        "Olá mundo. Eu sou o Pocket TTS da Kyutai. "
        "Sou rápido o suficiente para rodar em CPUs pequenas. "
        "Espero que você goste de mim."
    ),
    "italian": (
        "Ciao mondo. Sono il Pocket TTS di Kyutai. "
        "Sono abbastanza veloce da funzionare su piccole CPU. "
        "Spero che ti piacerò."
    ),
    "dutch": (
        "Hallo wereld. Ik ben Pocket TTS van Kyutai. "
        "Ik ben snel genoeg om op kleine CPU's te draaien. "
        "Ik hoop dat je me leuk vindt."
    ),
    "spanish": (
        "Hola mundo. Soy el Pocket TTS de Kyutai. "
        "Soy lo suficientemente rápido para funcionar en pequeñas CPU. "
        "Espero que te guste."
    ),
}


def builtin_file() -> File:
    """The built-in voice; of a package that is in an archive, in memory."""
    file = packaged(__name__.partition(".")[0], "data") / "builtin.safetensors"
    return file if isinstance(file, Path) else InMemoryFile(str(file), file.read_bytes())


def default_language() -> str:
    """The large English model where its files are in the local cache, else the built-in one. No network is used."""
    if is_cached(load_config(DEFAULT_LANGUAGE)):
        return DEFAULT_LANGUAGE
    logger.warning(
        "Where no model or voice is named, the small built-in voice speaks. The large English model sounds far better "
        'and has many voices: --language %s, or load_model("%s") (some 230 MB, fetched once).',
        DEFAULT_LANGUAGE,
        DEFAULT_LANGUAGE,
    )
    return BUILTIN


def released_config(model: str) -> Config:
    """The configuration of a released model, by its name alone. FileNotFoundError, ValueError: there is none."""
    if Path(model).suffix:
        raise ValueError(f"{model} is a file; give the name of a model, as `pockettts-np models` lists them.")
    return load_config(model)


def model_files(config: Config) -> list[list[str]]:
    """The files of a model; each as the addresses to try, the one with cloning first."""
    parts = (config.flow_lm.weights_path, config.mimi.weights_path, config.flow_lm.lookup_table.tokenizer_path)
    files = [weights_addresses(config), *([part] for part in parts if part)]
    return [addresses for addresses in files if addresses]


def weights_addresses(config: Config) -> list[str]:
    """Where the weights of a whole model are: gated with cloning, then open without it."""
    return [path for path in (config.weights_path, config.weights_path_without_voice_cloning) if path]


def is_cached(config: Config) -> bool:
    """Whether a model's files are all here. No network is used."""
    return all(any(map(fetch.cached_path, addresses)) for addresses in model_files(config))


def voice_licence(voice: str) -> str:
    """The licence of the recording behind a predefined voice."""
    address = VOICES[voice]
    return next((text for folder, text in _RECORDING_LICENCES.items() if address.startswith(folder)), UNSTATED)


def voice_language(voice: str) -> str:
    """What the voice speaks in its recording; any model can use it, with an accent."""
    return next((language for language, own in _DEFAULT_VOICES.items() if own == voice), DEFAULT_LANGUAGE)


def model_language(model: str) -> str:
    """The language that a released model speaks, by its name."""
    return next((language for language in _DEFAULT_VOICES if model.startswith(language)), DEFAULT_LANGUAGE)


def voice_state_address(model: str, voice: str) -> str:
    """The hf:// address of a predefined voice's state for a released model. ValueError: unknown voice."""
    if voice not in VOICES:
        raise ValueError(f"There is no predefined voice {voice!r}. Known voices: {', '.join(VOICES)}.")
    return _STATES.format(model=model, voice=voice, revision=_STATES_REVISION)


def default_voice(model: str) -> str:
    """The catalogue voice that a released model starts with, by the language in its name."""
    return _of_language(_DEFAULT_VOICES, model, DEFAULT_VOICE)


def default_text(model: str | None) -> str:
    """A short text to try a released model with, in the language in its name."""
    return _of_language(_DEFAULT_TEXTS, model, _DEFAULT_TEXTS[DEFAULT_LANGUAGE])


def _of_language(table: dict[str, str], model: str | None, otherwise: str) -> str:
    return next((value for language, value in table.items() if language in (model or "")), otherwise)
