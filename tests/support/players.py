"""A player that takes a stream as the network brings it, in pieces of a kilobyte."""

import io

import av
import numpy as np

PIECE_BYTES = 1000


class Arriving(io.RawIOBase):
    """Bytes that cannot be read twice, and no more than a piece at once."""

    def __init__(self, content):
        self._rest = io.BytesIO(content)

    def readable(self):
        return True

    def read(self, n_bytes=-1):
        return self._rest.read(PIECE_BYTES if n_bytes < 0 else min(n_bytes, PIECE_BYTES))


def decoded(content, form=None):
    """The mono samples [n] that FFmpeg hears, and their rate."""
    with av.open(Arriving(content), format=form) as file:
        stream = file.streams.audio[0]
        resampler = av.AudioResampler("flt", "mono", stream.rate)
        frames = [out for frame in file.decode(stream) for out in resampler.resample(frame)]
        frames += resampler.resample(None)
        return np.concatenate([frame.to_ndarray()[0] for frame in frames]), stream.rate
