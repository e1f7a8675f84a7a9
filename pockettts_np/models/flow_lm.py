"""The flow language model: text and voice in, one latent a step out (Rouard et al. 2025)."""

import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass

import numpy as np

from ..conditioners.embedding import TextEmbedding
from ..config.config import Config
from ..modules.attention import KVCache
from ..modules.linear import Linear, SingleOutput
from ..modules.mlp import FlowNet
from ..modules.norm import LayerNorm
from ..weights.checkpoint import Weights
from .transformer import BLOCK_ROWS, Ear, OneStep, Transformer

PROMPT_ROWS = 2 * BLOCK_ROWS  # read between two looks at whether to stop; whole blocks, so the numbers stay the same


@dataclass(frozen=True, eq=False, repr=False)
class FlowLM:
    """Rows of text, voice and latents go through one causal transformer; its cache is the whole state."""

    text: TextEmbedding
    input_linear: Linear
    bos: np.ndarray  # [latent_dim] stands for the latent before the first
    bos_before_voice: np.ndarray | None  # [1, d]
    transformer: Transformer
    out_norm: LayerNorm
    z_proj: Linear | None
    out_eos: SingleOutput
    flow_net: FlowNet
    latent_std: np.ndarray  # [latent_dim]
    latent_mean: np.ndarray  # [latent_dim]
    speaker_projection: Linear | None  # encoder_dim -> d; None where the weights cannot clone

    @classmethod
    def load(cls, w: Weights, config: Config) -> "FlowLM":
        c, latent_dim = config.flow_lm, config.mimi.latent_dim
        d = c.transformer.d_model
        return cls(
            text=TextEmbedding.load(w.scope("conditioner"), c.lookup_table.n_bins, d, c.lookup_table.rank),
            input_linear=Linear.load(w.scope("input_linear"), latent_dim, d),
            bos=w.take("bos_emb", (latent_dim,)),
            bos_before_voice=w.take("bos_before_voice", (1, 1, d))[0] if c.insert_bos_before_voice else None,
            transformer=Transformer.load(w.scope("transformer"), c.transformer, c.transformer.max_period),
            out_norm=LayerNorm.load(w.scope("out_norm"), d),
            z_proj=Linear.load(w.scope("z_proj"), d, c.z_dim) if c.z_dim else None,
            out_eos=SingleOutput.load(w.scope("out_eos"), c.condition_dim),
            flow_net=FlowNet.load(w.scope("flow_net"), c.flow, latent_dim, c.condition_dim),
            latent_std=w.take("emb_std", (latent_dim,)),
            latent_mean=w.take("emb_mean", (latent_dim,)),
            speaker_projection=cls._load_speaker_projection(w, config.mimi.encoder_dim, d),
        )

    @staticmethod
    def _load_speaker_projection(w: Weights, n_in: int, n_out: int) -> Linear | None:
        """Weights published without voice cloning hold zeros, or nothing."""
        if not w.has("speaker_proj_weight"):
            return None
        weight = w.take("speaker_proj_weight", (n_out, n_in))
        return Linear.of(w, weight) if weight.any() else None

    def init_state(self) -> KVCache:
        return self.transformer.init_state()

    def prompt(self, rows: np.ndarray, state: KVCache, threads: int = 1, stop: threading.Event | None = None) -> None:
        """Let the model read rows [T, d] of text or voice, in one or two threads.

        CancelledError soon after `stop` is set; the state has then read only a part.
        """
        for start in range(0, len(rows), PROMPT_ROWS):
            if stop is not None and stop.is_set():
                raise CancelledError
            self.transformer.prompt(rows[start : start + PROMPT_ROWS], state, threads)

    def embed_voice(self, encoded: np.ndarray) -> np.ndarray:
        """What the encoder made of a recording, as rows to prompt with: [T, encoder_dim] -> [T (+ 1), d]."""
        if self.speaker_projection is None:
            raise ValueError("These weights have no speaker projection: they cannot clone a voice.")
        return self.before_voice(self.speaker_projection(encoded))

    def before_voice(self, rows: np.ndarray) -> np.ndarray:
        """Put the learnt beginning of a voice in front of its rows, where the model has one."""
        return rows if self.bos_before_voice is None else np.concatenate([self.bos_before_voice, rows])

    def step(self, latent: np.ndarray | None, state: KVCache) -> tuple[np.ndarray, float]:
        """`steps` of one caller: the next condition [condition_dim], EOS logit."""
        z, logits = self.steps([latent], [state])
        return z[0], float(logits[0])

    def steps(
        self,
        latents: Sequence[np.ndarray | None],
        states: Sequence[KVCache],
        ears: Sequence[Ear | None] = (),
        team: OneStep | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Read the last latent [latent_dim] (None before the first) of each of B callers, in one pass over the weights.

        Returns the next conditions [B, condition_dim], and EOS logits [B]; a caller's are the same as alone. A `team`
        takes the row of a single caller through the transformer.
        """
        rows = self.input_linear(np.stack([self.bos if latent is None else latent for latent in latents]))
        x = self.transformer.step(rows, states, ears) if team is None else team(rows, states[0])
        z = self.out_norm(x)
        if self.z_proj is not None:
            z = self.z_proj(z)
        return z, self.out_eos(z)

    def denormalize(self, latents: np.ndarray) -> np.ndarray:
        """Latents as the language model makes them to those that the codec decodes: [T, latent_dim]."""
        return latents * self.latent_std + self.latent_mean
