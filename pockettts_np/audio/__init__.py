"""Sound in and out.

Read in this order: samples, recording, truncation, foreign, wav, codecs, encoding; effects, time_stretch, resampling,
limiter; playback.
"""
