"""
The machine: one jitted interpreter for every protocol.

`codes` numbers things, `layout` packs a system into an image, `_memory`, `_execute` and `_run` are
the kernels, `system` is the facade.
"""
