"""mark-beside: mark-xchg, but the second task changes another bit of the same word.

It does so rightly, with a cmpxchg loop. In the kernel no other bit of a live root's role ever
changes; here one does, to show what the exchange of a whole word relies on.
"""

from tdplib.lang.kernel import *

ROLE_AD_DISABLED = 0x10000


def set_another_bit(root):
    """Set `ad_disabled` and lose nothing that others write to the word meanwhile."""
    word = root.role.word
    while not try_cmpxchg(root.role.word, word, word | ROLE_AD_DISABLED):
        cpu_relax()


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """vCPU 0 marks the root, vCPU 1 changes another bit of it."""
    root = spare_root(kvm, vcpu, KVM_MAX_VCPUS)
    if vcpu.vcpu_id == 0:
        mark(kvm, root)
    else:
        set_another_bit(root)
    last_one_looks(kvm, root, vcpu.arch.mmu.root_role.word | ROLE_INVALID | ROLE_AD_DISABLED)
