"""
Numbers shared by the layout and the kernels: operations, record shapes, flags, results.

An image is one int32 array (tables) and one int64 array (`mem`: the table of words, then each
actor's registers). A state is `W` int64 words. All kernels take these and integers.
"""

from ..lang import symbols
from ..words import spte

# === operations; the groups are contiguous, kernels dispatch on the bounds ===
OPS = (
    # private
    "NOP", "MOV", "ADD", "SUB", "MUL", "DIV", "MOD", "AND", "OR", "XOR", "SHL", "SHR", "NOT", "EQ",
    "NE", "LT", "LE", "GT", "GE", "NONLEAF", "CHILD", "JMP", "BZ", "BNZ", "WARN", "ASSERTHELD",
    "ASSERTREAD", "ASSERTWRITE", "END",
    # one field
    "LOAD", "WAITUNTIL", "STORE", "XCHG", "CMPXCHG", "TRYCMPXCHG", "ATOMICADD", "REFINC",
    "REFINCNZ", "REFDEC", "REFDECTEST",
    # locks
    "RLOCK", "RUNLOCK", "WLOCK", "WLOCK2", "WUNLOCK", "MLOCK", "MUNLOCK",
    # RCU and memory
    "RCULOCK", "RCUUNLOCK", "CALLRCU", "FREE", "SYNCBEGIN", "SYNCWAIT", "RCUBARRIER", "ALLOC",
    # lists
    "LISTFIRST", "LISTNEXT", "LISTADD", "LISTADDTAIL", "LISTDEL", "LISTEMPTY",
    # workqueue
    "INITWORK", "QUEUE", "FLUSHBEGIN", "FLUSHWAIT", "FLUSHDESTROY", "WQNEXT", "WQDONE",
    # requests and the model's own watchers
    "REQALL", "REQMAKE", "REQTEST", "REQCHECK", "UPDBEGIN", "UPDRETURN", "NOTRETURN", "ZAPBEGIN",
    "ZAPEND", "MARKED",
    # the hardware TLB
    "TLBACCESS", "TLBFLUSH", "TLBFLUSHALL",
    # looking at what others hold or queued
    "ISLOCKED", "ISWLOCKED", "PENDING",
)  # fmt: skip
OP = {name: k for k, name in enumerate(OPS)}

# === properties, in the order in which the first broken one is told ===
PROPERTIES = (
    "no-oops", "no-use-after-free", "refcount-underflow", "refcount-from-zero", "refcount-overflow",
    "no-double-queue", "list-intact", "no-invalid-root-loaded", "no-spte-under-invalid-root",
    "invalid-monotone", "no-dead-root-seen", "delist-at-final-put", "freed-empty", "zap-complete",
    "notifier-complete", "tlb-complete", "one-winner", "no-warn", "lockdep", "no-deadlock",
    "no-leak",
)  # fmt: skip
PROPERTY = {name: k for k, name in enumerate(PROPERTIES)}
ADVICE = ("wasted-zap",)
BOUNDS = ("root slots", "value", "words")

# === results of running an actor: >= 0 is a place in the program ===
BLOCKED = -1
BROKEN = -100
"""`BROKEN - k`: property k would break."""
BOUND = -10
"""`BOUND - k`: bound k met."""

# === node records in the image ===
NODE = 16
(
    N_OP,
    N_DST,
    N_FIELD,
    N_OBJ,
    N_IDX,
    N_A,
    N_B,
    N_NEXT,
    N_TARGET,
    N_FLAGS,
    N_AUX,
    N_STOP,
    N_PAGEOBJ,
) = range(13)
(
    STARTS,
    VISIBLE,
    OWNED,
    BREAKS,
    SELF_READS,
    OUTERMOST,
    IN_RCU,
    BLOCKING,
    ACQUIRES,
    IDLE_OWNED,
    RELEASES,
    BOUNDED,
    AGAIN,
) = (1 << k for k in range(13))

# === stop records: where an action may end; how the actor's block is laid out there ===
STOP = 16
(
    S_NODE,
    S_HOLD,
    S_RCU,
    S_NOTE,
    S_NOTE_KIND,
    S_GRACE,
    S_RUNNING,
    S_REGS,
    S_COUNT,
    S_IDLE,
    S_END,
    S_AROUND,
    S_BLOCKS,
) = range(13)
NOTE_FLUSH, NOTE_SYNC = 1, 2
REG = 8
R_SLOT, R_WORD, R_SHIFT, R_MASK, R_BIAS, R_INTERNED = range(6)

# === lock bits in S_HOLD: four a lock ===
L_READ, L_WAIT, L_WRITE = 1, 2, 4

# === what is around an actor: what the others hold (as S_HOLD), then what anybody does ===
HOLDS = (1 << 16) - 1
R_READS, R_FLUSHES, R_SYNCS, R_RUNS, R_GRACE = (1 << k for k in range(16, 21))

# === field records ===
FIELD = 8
F_WORD, F_SHIFT, F_MASK, F_FLAGS, F_BSHIFT, F_BMASK, F_LIMIT, F_KIND = range(8)
F_INTERNED, F_BITS, F_BOOL, F_CONST = 1, 2, 4, 8
K_PLAIN, K_ROLE, K_SPT, K_VCPU_ROOT = range(4)
"""What a write has to be watched for."""

# === actor records ===
ACTOR = 16
A_WORD, A_SHIFT, A_STOP_MASK, A_REGS, A_STOPS, A_VCPU, A_WORDS, A_ENTRY, A_MEMO = range(9)

# === page records: rows of the fields every page has, or -1 ===
PAGE = 40
(
    P_STATE,
    P_NEXT,
    P_ON,
    P_ROLE,
    P_COUNT,
    P_SPT,
    P_ZAPPED,
    P_MARKED,
    P_INITED,
    P_GFN,
    P_CLEAR,
    P_CLEARS,
    P_SETS,
    P_SETS_N,
) = range(14)
UNALLOCATED, ALLOCATED, FREEING, FREED = range(4)

# === header of the image ===
HEADER = 32
(
    H_ACTORS, H_PAGES, H_ENTRIES, H_WORDS, H_ACTOR, H_NODE, H_STOP, H_REG, H_FIELD, H_PAGE, H_HEAD,
    H_QUEUE, H_DESTROYED, H_REQUEST, H_MMU_LOCK, H_INVALID_SHIFT, H_VCPUS, H_VROOT, H_OWNS_ROOT,
    H_MEM_REGS, H_TABLE, H_WORKERS, H_MEMO_ROWS, H_LEVELS,
    H_TLB,
) = range(25)  # fmt: skip

# === mem: the table of words ===
M_COUNT, M_CAPACITY, M_ADVICE, M_MISSED, M_WORDS = 0, 1, 2, 3, 8

PRESENT_BIT = spte.SPTE_MMU_PRESENT_MASK.bit_length() - 1
PFN_SHIFT, PFN_MASK = spte.PFN_SHIFT, (1 << spte.PFN_BITS) - 1
FIRST_TABLE_PFN, NONLEAF_BITS = symbols.FIRST_TABLE_PFN, symbols.NONLEAF_BITS
LEVEL_SHIFT = symbols.ROLE_BITS["level"][0]
LEVEL_MASK = (1 << symbols.ROLE_BITS["level"][1]) - 1
