"""LiveKit's OpenAI plugin against a running server: its sound, its pace and its errors.

    pip install livekit-plugins-openai  # in an environment of its own; it needs nothing of this package
    python tools/check/clients/through_livekit.py http://127.0.0.1:8000/v1

The server is started beforehand, with `pockettts-np serve`.
"""

import asyncio
import sys
import time

from livekit.agents import APIConnectOptions, APIError
from livekit.agents.utils import http_context
from livekit.plugins import openai

TEXT = "It was a bright cold day in April, and the clocks were striking thirteen."
ONCE = APIConnectOptions(max_retry=0, timeout=30)


async def speak(name: str, base_url: str, **options: object) -> None:
    """One line: how soon the first sound comes, and how much there is."""
    tts = openai.TTS(base_url=base_url, api_key="none", **options)
    begin = time.perf_counter()
    first_ms = seconds = 0.0
    try:
        async with tts.synthesize(TEXT, conn_options=ONCE) as stream:
            async for event in stream:
                first_ms = first_ms or 1e3 * (time.perf_counter() - begin)
                seconds += event.frame.duration
                rate_hz = event.frame.sample_rate
        print(f"{name:34} first sound {first_ms:6.0f} ms, {seconds:5.2f} s at {rate_hz} Hz")
    except APIError as error:
        print(f"{name:34} {type(error).__name__}: {str(error)[:120]}")
    await tts.aclose()


async def main() -> None:
    base_url = sys.argv[1]
    async with http_context.open():
        tts = openai.TTS(base_url=base_url, api_key="none")
        tts.prewarm()
        await speak("defaults (gpt-4o-mini-tts, ash)", base_url)
        for form in ("mp3", "wav", "pcm", "opus", "flac", "aac"):
            await speak(f"events, {form}", base_url, response_format=form)
            await speak(f"sound, {form}", base_url, model="tts-1", response_format=form)
        await speak("speed 1.5, instructions", base_url, speed=1.5, instructions="Calmly.")
        await speak("an unknown voice", base_url, voice="nobody")
        await tts.aclose()


asyncio.run(main())
