"""Sound in and out.

Read in this order: samples, recording, truncation, foreign, wav, encoding; effects, time_stretch, resampling, limiter;
playback.
"""
