"""The processors and systems that kernels are built for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """A level of a processor's instructions on a system."""

    name: str  # of the library, without what a system adds
    triple: str
    cpu: str
    features: str

    @property
    def environment(self) -> dict[str, str]:
        """For the process that compiles: Numba reads it when it is imported."""
        chosen = {"NUMBA_CPU_NAME": self.cpu, "NUMBA_CPU_FEATURES": self.features}
        return chosen | {"NUMBA_DISABLE_JIT": "0", "NUMBA_OPT": "0"}  # all is optimised at once, at the end


_V2 = "+cx16,+popcnt,+sse3,+ssse3,+sse4.1,+sse4.2"
_V3 = f"{_V2},+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+xsave"
_V4 = f"{_V3},+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl,-prefer-256-bit"
_LINUX_X86, _LINUX_ARM = "x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"

TARGETS = {
    "x86-64-v2": Target("x86-64-v2", _LINUX_X86, "x86-64-v2", _V2),
    "x86-64-v3": Target("x86-64-v3", _LINUX_X86, "x86-64-v3", _V3),
    "x86-64-v4": Target("x86-64-v4", _LINUX_X86, "x86-64-v4", _V4),
    "aarch64": Target("aarch64", _LINUX_ARM, "cortex-a72", "+neon,+fp-armv8"),
}
