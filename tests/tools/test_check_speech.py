"""What tools.check.speech measures: latents become the same sound as in speech, through the package's own decoder."""

import numpy as np

from pockettts_np import TTSModel
from pockettts_np.synthesis import generation
from tools.check import speech


def test_latents_are_decoded_as_in_speech(monkeypatch):
    model, latents, prolonged = TTSModel.load_model("builtin"), [], generation.prolonged

    def kept(read, n_frames):
        def noted():
            for latent in read:
                latents.append(latent.copy())
                yield latent

        return prolonged(noted(), n_frames)

    monkeypatch.setattr(generation, "prolonged", kept)
    want = model.generate_audio(model.get_default_voice(), "Hello there.")
    monkeypatch.undo()
    got = speech.decode(model, np.stack(latents))
    assert len(got) == len(want) == len(latents) * model.config.mimi.frame_samples
    fade = model.config.mimi.sample_rate // 20  # speech fades in and out; sound alone does not
    assert np.array_equal(got[fade:-fade], want[fade:-fade])
