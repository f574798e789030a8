"""mark-one-try: mark-beside, with one cmpxchg and no loop around it."""

from tdplib.lang.kernel import *


def kvm_tdp_root_mark_invalid(root):
    """Set `invalid` if nobody has changed the word; say whether it was set before."""
    role = root.role
    fresh = role
    fresh.invalid = 1
    role.word = cmpxchg(root.role.word, role.word, fresh.word)
    return role.invalid
