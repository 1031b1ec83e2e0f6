"""The parts of ../device.sh.

    __main__         check or time: reads the arguments, sums up
    check, timing    the stages of either, in order
    session          a stage: its budget, its output, what failed, what was left out
    settings         what can be chosen, by environment variables
    machine          the worker and its libraries, tools, versions
    tables           tables in Markdown, and what cuDNN's plans say
    kernels          the kernels of one training step in ncu's output

Processes of their own, since PyTorch may crash or hang; each prints lines of JSON:

    ceilings         what this GPU can do at most
    same_steps       the worker's first steps, in PyTorch
    torch_kernels    the kernels of PyTorch's step
    beside           steps of the worker and of PyTorch, in turns
    jobs             whole jobs, one or more at once

`torch_bench` runs ../bench_torch.py for them, `missing` replaces what it imports. `export_png` is for `prepare`; `stand_in` holds
stand-ins for PyTorch and the tools, for a run without a GPU.
"""
