"""What both trainings share: a loop that can be stopped and started at will, and its checkpoints."""

import argparse
import contextlib
import json
import math
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import distributed, multiprocessing, nn

from tools.voice.common import load_checkpoint, progress_of, save_checkpoint

SAVE_SECONDS = 180
REPORT_STEPS = 100


class Trainer:
    """A network, a running average of its weights, and where the training stands.

    A training gives `batches()` and `update(batch, progress)`, which returns the losses.
    """

    lowest_rate = 0.01  # of the rate, at the end

    def __init__(
        self,
        args: argparse.Namespace,
        model: nn.Module,
        average: nn.Module,
        optimiser: torch.optim.Optimizer,
        warm_up_steps: int,
    ) -> None:
        self.args, self.path = args, args.folder / args.name
        self.model, self.average, self.optimiser = model, average, optimiser
        self.step, self.since_start, self.spent_s, self.warm_up_steps = 0, 0, 0.0, warm_up_steps

    def load(self) -> dict:
        """Go on from the checkpoint, or begin with --start; returns what the checkpoint holds."""
        source = self.path if self.path.exists() else self.args.start
        if source is None:
            return {}
        checkpoint = load_checkpoint(source)
        self.model.load_state_dict(checkpoint["model"])
        self.average.load_state_dict(checkpoint["average"])
        self.step = checkpoint["step"]
        if "optimiser" in checkpoint:
            self.optimiser.load_state_dict(checkpoint["optimiser"])
            self.warm_up_steps = 1
        if source == self.path:
            self.spent_s, self.since_start = checkpoint["spent_s"], checkpoint["since_start"]
        return checkpoint

    def state(self) -> dict:
        """What a checkpoint holds."""
        modules = {"model": self.model, "average": self.average, "optimiser": self.optimiser}
        counts = {"step": self.step, "spent_s": self.spent_s, "since_start": self.since_start}
        return {name: module.state_dict() for name, module in modules.items()} | counts | {"sizes": self.model.sizes}

    def save(self, path: Path | None = None) -> None:
        """Of several processes, the first one writes; all have the same."""
        if rank() == 0:
            save_checkpoint(path or self.path, **self.state())

    def set_rate(self, progress: float) -> bool:
        """Warm up, stay, fall over the last part of the time; whether it falls."""
        falling = max(0.0, (progress - 1 + self.args.fall) / self.args.fall)
        warm = min(1, (self.since_start + 1) / self.warm_up_steps)
        for group in self.optimiser.param_groups:
            group["lr"] = self.args.rate * warm * max(self.lowest_rate, 1 - falling)
        return falling > 0

    def descend(self, largest_gradient: float) -> None:
        """One step of the optimiser, and of the average behind it."""
        average_gradients(self.model)
        nn.utils.clip_grad_norm_(self.model.parameters(), largest_gradient)
        self.optimiser.step()
        self.step += 1
        self.since_start += 1
        keep = min(self.args.average, (1 + self.since_start) / (10 + self.since_start))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.parameters()), list(self.model.parameters()), 1 - keep)

    def batches(self) -> Iterator:
        """Without end."""
        raise NotImplementedError

    def update(self, batch, progress: float) -> dict[str, float]:
        raise NotImplementedError

    def before_update(self, progress: float) -> None:
        """For what a training does at some point of its time."""

    def facts(self) -> dict:
        """More to report."""
        return {}

    def train(self) -> None:
        torch.manual_seed((self.args.seed + rank()) * 1000003 + self.step)
        running: dict[str, float] = {}
        saved, last = time.monotonic(), time.process_time()
        for batch in self.batches():
            progress = as_first_says(progress_of(self.spent_s, self.args.hours, self.args.end))
            if progress >= 1:
                return
            self.before_update(progress)
            losses = self.update(batch, progress)
            if not all(map(math.isfinite, losses.values())):
                raise SystemExit(
                    f"Step {self.step} gave {losses}. The checkpoint stays as it was before; try without --compile."
                )
            running = {name: 0.98 * running.get(name, value) + 0.02 * value for name, value in losses.items()}
            now, cpu_s = time.monotonic(), time.process_time()
            self.spent_s += cpu_s - last
            last = cpu_s
            if rank() > 0:
                continue
            if self.step % REPORT_STEPS == 0:
                line = {"time": time.strftime("%H:%M"), "step": self.step, "progress": round(progress, 3)}
                line |= {name: round(value, 4) for name, value in running.items()}
                print(json.dumps(line | self.facts()), flush=True)
            if now - saved > SAVE_SECONDS:
                self.save()
                saved = now


def add_options(parser: argparse.ArgumentParser, **defaults: object) -> None:
    """The options that both trainings have."""
    add = parser.add_argument
    add("--name", help="of the checkpoint")
    add("--start", type=Path, help="checkpoint to begin with when there is none of that name yet")
    add("--hours", type=float, default=2.0, help="training time in all, of one core")
    add("--end", metavar="HH:MM", help="end then; --hours is now the time by the clock before it")
    add("--fall", type=float, help="last share of the time, in which the rate falls")
    add("--rate", type=float)
    add("--average", type=float, help="share of the running average that each step keeps")
    add("--device", default="cpu", help="cuda: a GPU")
    add("--threads", type=int, default=1)
    add("--processes", type=int, default=1, help="that take every step together, each with a batch of its own")
    add("--compile", action="store_true", help="torch.compile: faster, needs a C++ compiler")
    add("--seed", type=int, default=0)
    parser.set_defaults(**defaults)


def use(device: str, threads: int = 1) -> None:
    """Where tensors are made; threads of a CPU, where denormal numbers, which are slow, count as zero."""
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.set_default_device(device)


def rate_at(step: int, n_steps: int) -> float:
    """Share of the rate: up over a hundred steps, then down as a cosine to a fiftieth."""
    return min(1, (step + 1) / 100) * (0.51 + 0.49 * math.cos(math.pi * step / n_steps))


def has_bfloat16() -> bool:
    """Whether the processor multiplies bfloat16; without AVX-512 torch imitates it, ten times as slow as float32."""
    return torch.backends.cpu.get_cpu_capability().startswith("AVX512")


def autocast(device: str = "cpu") -> torch.autocast:
    """bfloat16 on a GPU and on processors that have it."""
    return torch.autocast(device, torch.bfloat16, enabled=device != "cpu" or has_bfloat16())


# ---- several processes: each has a batch of its own, all take the same step


def rank() -> int:
    """Of this process; the first one, 0, reports and saves."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def as_first_says(value: float) -> float:
    """What the first process has for it, so that all do the same."""
    if not distributed.is_initialized():
        return value
    shared = torch.tensor([value], dtype=torch.float64)
    distributed.broadcast(shared, 0)
    return float(shared)


def average_gradients(model: nn.Module) -> None:
    if not distributed.is_initialized():
        return
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    distributed.all_reduce(flat)
    flat /= distributed.get_world_size()
    for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def _one_of(number: int, make: Callable[[argparse.Namespace], Trainer], args: argparse.Namespace, meeting: str) -> None:
    distributed.init_process_group("gloo", f"file://{meeting}", rank=number, world_size=args.processes)
    if number == 0:
        start(make, args)
        return
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, signal.SIG_IGN)  # the first one is told, and this one then waits for it in vain
    with contextlib.suppress(RuntimeError):
        use(args.device, args.threads)
        make(args).train()


def run(make: Callable[[argparse.Namespace], Trainer], args: argparse.Namespace) -> None:
    """Train until the time is over or somebody stops it, then save."""
    if args.processes == 1:
        start(make, args)
        return
    with tempfile.TemporaryDirectory() as folder:
        started = multiprocessing.spawn(_one_of, (make, args, f"{folder}/meeting"), args.processes, join=False)
        for stop in (signal.SIGTERM, signal.SIGINT):
            signal.signal(stop, lambda number, _: os.kill(started.pids()[0], number))
        while not started.join():
            pass


def start(make: Callable[[argparse.Namespace], Trainer], args: argparse.Namespace) -> None:
    use(args.device, args.threads)
    trainer = make(args)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end as with Ctrl-C
    with contextlib.suppress(KeyboardInterrupt):
        trainer.train()
    trainer.save()
