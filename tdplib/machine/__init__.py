"""
The simulated machine's memory: page tables of any geometry and reference counts.

`pagetable` has trees of page tables, `refcount` counts with the meaning of refcount_t, `view` a
tree in words. The modules ``_*_kernels`` hold the jitted code and import numba; the public
modules import them when first used.
"""
