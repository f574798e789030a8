"""take-number: each task takes a number, and no two may have the same.

Nothing of KVM is in it. Each task (in the shape of a vCPU) notes the number it was given, under a
lock; the last to come looks whether all numbers from 1 on were given out.
"""

from tdplib.lang.kernel import *


class kvm:
    counter: u8
    taken: u8
    arrived: u8


def take_number(kvm):
    """A number that nobody else gets. (Wrong: the number is read after the step that counts.)"""
    atomic_inc(kvm.counter)
    return kvm.counter


def note(kvm, number):
    """Bit `number` of `taken` says that somebody has it; nobody else may."""
    spin_lock(kvm.arch.tdp_mmu_pages_lock)
    WARN_ON_ONCE(kvm.taken & 1 << number)
    kvm.taken |= 1 << number
    spin_unlock(kvm.arch.tdp_mmu_pages_lock)


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A task: take a number; whoever is the last sees whether none was left out."""
    number = take_number(kvm)
    note(kvm, number)
    if atomic_inc_return(kvm.arrived) == KVM_MAX_VCPUS:
        WARN_ON_ONCE(kvm.taken != (1 << KVM_MAX_VCPUS + 1) - 2)
