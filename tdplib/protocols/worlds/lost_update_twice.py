"""lost-update-twice: tasks add one to a counter, each as often as it faults.

The world `lost-update` for tasks that come more than once: what the counter has to arrive at is no
longer the number of tasks, so that it must be counted and cannot be written down.
"""

from tdplib.lang.kernel import *


class kvm:
    counter: u8
    arrived: u8


def increment(kvm):
    """Add one to the counter."""
    kvm.counter += 1


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A task: add one, `faults` times; whoever is the last sees whether nothing was lost."""
    for n in range(faults):
        increment(kvm)
    if atomic_inc_return(kvm.arrived) == KVM_MAX_VCPUS:
        WARN_ON_ONCE(kvm.counter != faults * KVM_MAX_VCPUS)
