"""The large English model without its weights."""

from dataclasses import replace

from pockettts_np.loading import model_source
from tests.support.helpers import GOLDEN


def answer_for_english(monkeypatch):
    """From now on a tiny model is loaded where english is asked for."""
    original = model_source.open_source

    def open_source(source, quantize=False):
        if source != "english":
            return original(source, quantize)
        opened = original(GOLDEN / "lsd.toml", quantize)
        return replace(opened, config=replace(opened.config, name="english", released=True))

    monkeypatch.setattr(model_source, "open_source", open_source)
