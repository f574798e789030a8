"""v3-give-back: v3-list-walk, with a mark on each root that nobody uses yet.

Kernel
    The posting of Feb 26 2022 (v3, 22 of 28), never merged in this form; the mark is v6.6's
    (0df9dab891ff), where it is called tdp_mmu_scheduled_root_to_zap.
Stage
    As v3-list-walk. A new root starts with `scheduled_to_zap` false, and so far it stays so.
Left out
    See v3-list-walk.
"""

from tdplib.lang.kernel import *


class kvm_mmu_page:
    scheduled_to_zap: bool
