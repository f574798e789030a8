"""
The machine: one jitted interpreter for every protocol.

`codes` numbers things, `layout` packs a system into an image, `system` is the facade. The kernels:
`_memory` reads and writes a packed state, `_private`, `_field`, `_lock`, `_rcu`, `_list`, `_queue`,
`_tlb`, `_look` and `_model` execute one operation each, `_run` takes an action, `_memo` remembers
what it came to.
"""
