"""mark-xchg: mark-plain, but the whole role word is exchanged in one step, as in v5.18.

The helper is that of commit efd995dae5eb.
"""

from tdplib.lang.kernel import *


def kvm_tdp_root_mark_invalid(root):
    """Set `invalid`; say whether it was set before. Of several callers one is told "no"."""
    role = root.role
    role.invalid = 1
    role.word = xchg(root.role.word, role.word)
    return role.invalid
