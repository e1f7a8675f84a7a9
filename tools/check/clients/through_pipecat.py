"""Pipecat's OpenAI speech service against a running server: its sound, its pace and its errors.

    pip install "pipecat-ai[openai]"  # in an environment of its own; it needs nothing of this package
    python tools/check/clients/through_pipecat.py http://127.0.0.1:8000/v1

The server is started beforehand, with `pockettts-np serve`.
"""

import asyncio
import sys
import time

from pipecat.frames.frames import EndFrame, ErrorFrame, Frame, TTSAudioRawFrame, TTSSpeakFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.workers.runner import WorkerRunner

TEXT = "It was a bright cold day in April, and the clocks were striking thirteen."


class Heard(FrameProcessor):
    """Counts the sound that comes by."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = time.perf_counter()
        self.first_ms = self.seconds = 0.0
        self.rates_hz: set[int] = set()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame):
            self.first_ms = self.first_ms or 1e3 * (time.perf_counter() - self.begin)
            self.seconds += len(frame.audio) / 2 / frame.sample_rate
            self.rates_hz.add(frame.sample_rate)
        await self.push_frame(frame, direction)


async def speak(base_url: str, voice: str) -> None:
    """One line: how soon the first sound comes, and how much there is."""
    heard, errors = Heard(), []
    service = OpenAITTSService(
        api_key="none", base_url=base_url, settings=OpenAITTSService.Settings(model="gpt-4o-mini-tts", voice=voice)
    )
    params = PipelineParams(audio_out_sample_rate=24_000)
    worker = PipelineWorker(Pipeline([service, heard]), params=params, cancel_on_idle_timeout=False)

    @worker.event_handler("on_pipeline_error")
    async def _note(_: PipelineWorker, frame: ErrorFrame) -> None:
        errors.append(frame.error)

    await worker.queue_frames([TTSSpeakFrame(TEXT), EndFrame()])
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    heard.begin = time.perf_counter()
    await runner.run()
    rates = ", ".join(map(str, heard.rates_hz))
    print(f"{voice:10} first sound {heard.first_ms:6.0f} ms, {heard.seconds:5.2f} s at {rates} Hz {errors or ''}")


async def main() -> None:
    for voice in ("alloy", "nova", "verse"):
        await speak(sys.argv[1], voice)


asyncio.run(main())
