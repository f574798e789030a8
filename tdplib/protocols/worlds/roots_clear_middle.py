"""roots-clear-middle: roots-clear-late, with a root before and a root behind the one given back.

vCPU 2 loads a root, then vCPU 0, then vCPU 1, each in a mode of its own. New roots go to the head
of the list, so that vCPU 0's stands in the middle. Then vCPU 0 gives it back the wrong way round.
"""

from tdplib.lang.kernel import *


def vcpu_thread(kvm, vcpu, gfn, faults, unload):
    """A vCPU: it waits for its turn to load a root; the second gives it back in the end."""
    turn = (vcpu.vcpu_id + 1) % 3
    wait_until(kvm.ended, turn)
    vcpu_changes_mode(vcpu, turn)
    kvm_mmu_load(vcpu)
    atomic_inc(kvm.ended)
    if turn == 1:
        wait_until(kvm.ended, 3)
        put_before_clear(vcpu)
