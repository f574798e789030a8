"""Operations and the codes of broken properties under the names that the kernels use."""

from . import codes
from .codes import BROKEN

_O = codes.OP
_P = {name: BROKEN - k for name, k in codes.PROPERTY.items()}
OP_MOV, OP_ADD, OP_SUB, OP_MUL, OP_DIV, OP_MOD = (
    _O["MOV"], _O["ADD"], _O["SUB"], _O["MUL"], _O["DIV"], _O["MOD"],
)  # fmt: skip
OP_AND, OP_OR, OP_XOR, OP_SHL, OP_SHR, OP_NOT = (
    _O["AND"], _O["OR"], _O["XOR"], _O["SHL"], _O["SHR"], _O["NOT"],
)  # fmt: skip
OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE = (
    _O["EQ"], _O["NE"], _O["LT"], _O["LE"], _O["GT"], _O["GE"],
)  # fmt: skip
OP_BZ, OP_BNZ, OP_WARN, OP_END = _O["BZ"], _O["BNZ"], _O["WARN"], _O["END"]
OP_NONLEAF, OP_CHILD, OP_JMP = _O["NONLEAF"], _O["CHILD"], _O["JMP"]
OP_LOAD, OP_STORE, OP_XCHG, OP_CMPXCHG, OP_TRYCMPXCHG = (
    _O["LOAD"], _O["STORE"], _O["XCHG"], _O["CMPXCHG"], _O["TRYCMPXCHG"],
)  # fmt: skip
OP_ATOMICADD, OP_REFINC, OP_REFINCNZ, OP_REFDEC, OP_REFDECTEST = (
    _O["ATOMICADD"], _O["REFINC"], _O["REFINCNZ"], _O["REFDEC"], _O["REFDECTEST"],
)  # fmt: skip
OP_RLOCK, OP_RUNLOCK, OP_WLOCK, OP_WLOCK2, OP_MLOCK, OP_MUNLOCK = (
    _O["RLOCK"], _O["RUNLOCK"], _O["WLOCK"], _O["WLOCK2"], _O["MLOCK"], _O["MUNLOCK"],
)  # fmt: skip
OP_RCULOCK, OP_RCUUNLOCK, OP_CALLRCU, OP_FREE = (
    _O["RCULOCK"], _O["RCUUNLOCK"], _O["CALLRCU"], _O["FREE"],
)  # fmt: skip
OP_SYNCBEGIN, OP_SYNCWAIT, OP_RCUBARRIER, OP_ALLOC = (
    _O["SYNCBEGIN"], _O["SYNCWAIT"], _O["RCUBARRIER"], _O["ALLOC"],
)  # fmt: skip
OP_LISTFIRST, OP_LISTNEXT, OP_LISTADD, OP_LISTADDTAIL = (
    _O["LISTFIRST"], _O["LISTNEXT"], _O["LISTADD"], _O["LISTADDTAIL"],
)  # fmt: skip
OP_LISTDEL, OP_LISTEMPTY = _O["LISTDEL"], _O["LISTEMPTY"]
OP_INITWORK, OP_QUEUE, OP_FLUSHBEGIN, OP_FLUSHWAIT = (
    _O["INITWORK"], _O["QUEUE"], _O["FLUSHBEGIN"], _O["FLUSHWAIT"],
)  # fmt: skip
OP_FLUSHDESTROY, OP_WQNEXT, OP_WQDONE = _O["FLUSHDESTROY"], _O["WQNEXT"], _O["WQDONE"]
OP_REQALL, OP_REQMAKE, OP_REQTEST, OP_REQCHECK = (
    _O["REQALL"], _O["REQMAKE"], _O["REQTEST"], _O["REQCHECK"],
)  # fmt: skip
OP_UPDBEGIN, OP_UPDRETURN, OP_NOTRETURN = _O["UPDBEGIN"], _O["UPDRETURN"], _O["NOTRETURN"]
OP_ZAPBEGIN, OP_ZAPEND, OP_MARKED = _O["ZAPBEGIN"], _O["ZAPEND"], _O["MARKED"]
OP_WAITUNTIL = _O["WAITUNTIL"]
OP_TLBACCESS, OP_TLBFLUSH = _O["TLBACCESS"], _O["TLBFLUSH"]
OP_ISLOCKED, OP_ISWLOCKED, OP_PENDING = _O["ISLOCKED"], _O["ISWLOCKED"], _O["PENDING"]
OOPS, USE_AFTER_FREE = _P["no-oops"], _P["no-use-after-free"]
UNDERFLOW, FROM_ZERO, OVERFLOW = (
    _P["refcount-underflow"], _P["refcount-from-zero"], _P["refcount-overflow"],
)  # fmt: skip
DOUBLE_QUEUE, LIST_INTACT, INVALID_LOADED = (
    _P["no-double-queue"], _P["list-intact"], _P["no-invalid-root-loaded"],
)  # fmt: skip
UNDER_INVALID, MONOTONE, DEAD_SEEN = (
    _P["no-spte-under-invalid-root"], _P["invalid-monotone"], _P["no-dead-root-seen"],
)  # fmt: skip
FINAL_PUT, FREED_EMPTY, ZAP_COMPLETE = (
    _P["delist-at-final-put"], _P["freed-empty"], _P["zap-complete"],
)  # fmt: skip
TLB_COMPLETE = _P["tlb-complete"]
NOTIFIER, ONE_WINNER, WARNED, LEAK = (
    _P["notifier-complete"], _P["one-winner"], _P["no-warn"], _P["no-leak"],
)  # fmt: skip
