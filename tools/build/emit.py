"""Machine code of kernels for one processor, as an object file without a Python symbol.

    python -m tools.build.emit x86-64-v3 kernels.o [KERNEL...]

All kernels, or those that are named: the object files of several parts make one library. Numba compiles each kernel for
the kinds of numbers that models hold. Its modules become one, beside a function of each kernel's name for C to call;
what these do not reach, Numba's ways from and to Python among it, is left out.

Such a function takes arrays and tuples as what Python holds: pointers to PyArrayObject and PyTupleObject, whose layouts
NumPy and CPython promise (`header` and `tuple_items` are set by who loads the library). It finds the variant for the
arrays' types and axes, calls it, and returns 0; -1 where there is no variant, and Numba's status where that is not 0.
"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pockettts_np.kernels.prebuilt.library import PREFIX
from tools.build.targets import TARGETS, Target

C_CONTIGUOUS_AND_ALIGNED = 0x101  # NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED
DATA, SHAPE, DESCR, FLAGS = 0, 16, 40, 48  # beside N_AXES, in a PyArrayObject, after the header
TYPE_NUMBER = 12  # in a PyArray_Descr, after the header


def aim(target: Target) -> None:
    """Make Numba, which must not be imported yet, compile for the target."""
    os.environ.update(target.environment)
    import llvmlite.binding as llvm
    import llvmlite.binding.targets as llvm_targets

    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    for module in (llvm, llvm_targets):
        module.get_process_triple = module.get_default_triple = lambda: target.triple
    from numba.core.codegen import JITCodeLibrary, JITCPUCodegen
    from numba.core.registry import cpu_target
    from numba.core.runtime import rtsys

    from pockettts_np.kernels.loops import compiled

    compiled._OPTIONS.update(no_cpython_wrapper=True, no_cfunc_wrapper=True)
    rtsys.initialize(cpu_target.target_context)
    # Nothing is run here: no machine code of each kernel alone.
    JITCodeLibrary._finalize_specific = lambda library: None
    JITCodeLibrary.get_pointer_to_function = lambda library, name: 0
    JITCPUCodegen.set_env = lambda codegen, name, environment: None


def emit(target: Target, names: Iterable[str]) -> bytes:
    """The object file of some kernels, in a process that has been aimed."""
    import llvmlite.binding as llvm

    from pockettts_np.kernels.loops.entries import KERNELS
    from pockettts_np.kernels.signatures import SIGNATURES
    from pockettts_np.kernels.sources import library_version
    from tools.build.wrappers import Wrappers

    wrappers = Wrappers(library_version())
    compiled = []
    for name in names:
        compiled += wrappers.add(name, KERNELS[name], SIGNATURES[name])
    module = llvm.parse_assembly(
        str(wrappers.module).replace('target triple = "unknown-unknown-unknown"', f'target triple = "{target.triple}"')
    )
    for text in dict.fromkeys(compiled):
        module.link_in(llvm.parse_assembly(text))
    for thing in (*module.functions, *module.global_variables):
        if not thing.is_declaration:  # weak: every part has what is common to all
            thing.linkage = "weak_any" if thing.name.startswith(PREFIX) else "internal"
    machine = llvm.Target.from_triple(target.triple).create_target_machine(
        cpu=target.cpu, features=target.features, opt=3, reloc="pic", codemodel="small"
    )
    _optimize(module, machine)
    return machine.emit_object(module)


def _optimize(module: Any, machine: Any) -> None:
    """What Numba does to each of its modules, once for all: reference counts are pruned between two rounds."""
    import llvmlite.binding as llvm

    options = llvm.create_pipeline_tuning_options(speed_level=3)
    options.loop_vectorization = options.slp_vectorization = True
    builder = llvm.create_pass_builder(machine, options)
    reachable = llvm.create_new_module_pass_manager()
    reachable.add_global_dead_code_eliminate_pass()
    reachable.run(module, builder)
    first = builder.getModulePassManager()
    first.add_refprune_pass()
    first.run(module, builder)
    builder.getModulePassManager().run(module, builder)


def main(name: str, path: str, *kernels: str) -> None:
    from pockettts_np.kernels.signatures import SIGNATURES

    target = TARGETS[name]
    aim(target)
    Path(path).write_bytes(emit(target, kernels or SIGNATURES))


if __name__ == "__main__":
    main(*sys.argv[1:])
