"""mark-plain: two tasks mark one root invalid, by plain read, change and write.

Each task (in the shape of a vCPU) wants the root out of service. Whoever is told that it was still
valid owns what comes next; `kvm.owners` counts those who were told so. Whoever is done last looks
whether there was one owner, and whether in the role word that one bit has changed and no other.
No kernel lets two tasks do this at one time; that is what the stage is for.
"""

from tdplib.lang.kernel import *

ROLE_INVALID = 0x800


class kvm:
    owners: u8
    done: u8


def kvm_tdp_root_mark_invalid(root):
    """Set `invalid`; say whether it was set before."""
    role = root.role
    was_invalid = role.invalid
    role.invalid = 1
    root.role = role
    return was_invalid


def take_out_of_service(kvm, root):
    """Mark the root invalid; say whether it was so before. No lock is held."""
    return kvm_tdp_root_mark_invalid(root)


def mark(kvm, root):
    """What a task does that wants the root out of service."""
    if not take_out_of_service(kvm, root):
        atomic_inc(kvm.owners)
        model_marked_invalid(root)


def last_one_looks(kvm, root, word):
    """Whoever is done last sees whether all is well, and frees the root."""
    if atomic_inc_return(kvm.done) == KVM_MAX_VCPUS:
        WARN_ON_ONCE(kvm.owners != 1)
        WARN_ON_ONCE(root.role.word != word)
        kvm.spare_root = None
        tdp_mmu_free_sp(root)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A task: mark the root that all of them share."""
    root = spare_root(kvm, vcpu, KVM_MAX_VCPUS)
    mark(kvm, root)
    last_one_looks(kvm, root, vcpu.arch.mmu.root_role.word | ROLE_INVALID)
