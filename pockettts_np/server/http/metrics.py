"""What the server has done since it began, in the text format that Prometheus reads."""

from collections import Counter
from collections.abc import Iterable

from ...version import __version__
from ..service import Service

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SPEECH = ("/v1/audio/speech", "/tts", "/dev/captioned_speech")  # whose first byte is a sound
_OTHER = "other"


class Metrics:
    """Counts answers. Its methods belong to the server's thread."""

    def __init__(self, paths: Iterable[str]) -> None:
        """`paths` are told apart; what else callers ask for is one, so that nobody can fill the memory."""
        self._paths = frozenset(paths)
        self._answers: Counter[tuple[str, int]] = Counter()
        self._n_bytes = 0
        self._first_bytes = [0] * len(BUCKETS_S)  # answers that began within so many seconds
        self._n_first_bytes, self._first_seconds = 0, 0.0

    def count(self, path: str, status: int, first_seconds: float | None, n_bytes: int) -> None:
        """An answer was sent; `first_seconds` after it was asked for, its first byte."""
        self._answers[path if path in self._paths else _OTHER, status] += 1
        self._n_bytes += n_bytes
        if path in _SPEECH and status in (200, 206) and first_seconds is not None:
            self._n_first_bytes += 1
            self._first_seconds += first_seconds
            for i, bound in enumerate(BUCKETS_S):
                self._first_bytes[i] += first_seconds <= bound

    def text(self, service: Service) -> str:
        """All that was counted, and how busy the server is."""
        running = service.jobs.n_running
        lines = [
            *_head("pockettts_info", "gauge", "The version and the model."),
            f'pockettts_info{{version="{__version__}",model="{_escaped(service.model.config.name)}"}} 1',
            *_head("pockettts_running", "gauge", "Speeches that are made."),
            f"pockettts_running {running}",
            *_head("pockettts_waiting", "gauge", "Speeches that wait for their turn."),
            f"pockettts_waiting {max(0, service.jobs.n_inside - running)}",
            *_head("pockettts_requests_total", "counter", "Answers, by path and status."),
            *(
                f'pockettts_requests_total{{path="{path}",status="{status}"}} {n}'
                for (path, status), n in sorted(self._answers.items())
            ),
            *_head("pockettts_sent_bytes_total", "counter", "Bytes of the answers."),
            f"pockettts_sent_bytes_total {self._n_bytes}",
            *_head("pockettts_first_byte_seconds", "histogram", "From a request for speech to its first byte."),
            *(
                f'pockettts_first_byte_seconds_bucket{{le="{bound:g}"}} {n}'
                for bound, n in zip(BUCKETS_S, self._first_bytes, strict=True)
            ),
            f'pockettts_first_byte_seconds_bucket{{le="+Inf"}} {self._n_first_bytes}',
            f"pockettts_first_byte_seconds_sum {self._first_seconds:.6f}",
            f"pockettts_first_byte_seconds_count {self._n_first_bytes}",
        ]
        return "\n".join(lines) + "\n"


def _head(name: str, kind: str, about: str) -> tuple[str, str]:
    return f"# HELP {name} {about}", f"# TYPE {name} {kind}"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
