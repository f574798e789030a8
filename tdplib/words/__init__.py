"""
The words of the TDP MMU: role words, SPTEs, gfns, each bit named once with pack and unpack.

Plain Python integers, nothing else. `role` is what a page table is for, `spte` one entry of it,
`gfn` the arithmetic of levels and indices, `bits` the named bit-fields they share.

Every short name of the course is in `glossary`.
"""
