"""lost-update: two tasks add one to a counter, each in two steps.

Nothing of KVM is in it: it is the smallest program in which an interleaving goes wrong. Each task
(in the shape of a vCPU) adds one to `kvm.counter`; the last to come looks whether both arrived.
"""

from tdplib.lang.kernel import *


class kvm:
    counter: u8
    arrived: u8


def increment(kvm):
    """Add one to the counter."""
    kvm.counter += 1


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A task: add one; whoever is the last sees whether nothing was lost."""
    increment(kvm)
    if atomic_inc_return(kvm.arrived) == KVM_MAX_VCPUS:
        WARN_ON_ONCE(kvm.counter != KVM_MAX_VCPUS)
