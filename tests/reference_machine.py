"""
The slow twin's primitives: what each operation of section 4 of the reference page does.

A function takes the machine and the arguments, and gives the value. "Choice:" marks a place where
the page allows several readings; the one taken is the most literal.
"""

from reference_memory import (
    ALLOCATED,
    FLUSHING,
    FREED,
    GFN,
    INVALID,
    LARGEST,
    MARKED,
    NESTING,
    NEXT,
    NOTED,
    PRESENT,
    REQUESTS,
    ROLE_BITS,
    STATE,
    SYNCING,
    TABLES,
    TLB,
    UNALLOCATED,
    WAITS,
    WRITABLE,
    ZAPPED,
    Blocked,
    Bound,
    Broken,
)

# name -> (what each argument is, visible, the phases). An argument is a field "f", a value "v",
# a local "l" (its value is given), or a name "x" that is not evaluated.
# A phase gives the operation's value, or WAIT: go on at the next phase.
PRIMITIVES = {}
WAIT = object()


def primitive(arguments, *names, visible=True):
    """Register a primitive of one phase."""

    def register(function):
        for name in names or (function.__name__,):
            PRIMITIVES[name] = (arguments, visible, (function,))
        return function

    return register


# fields


@primitive("f", "READ_ONCE", "refcount_read", "atomic_read")
def read(m, ref):
    return m.load(ref)


@primitive("fv", "WRITE_ONCE", "refcount_set", "atomic_set")
def write(m, ref, value):
    m.store(ref, value)
    return 0


PRIMITIVES["field = value"] = ("vf", True, (lambda m, value, ref: write(m, ref, value),))


@primitive("fv")
def wait_until(m, ref, value):
    if m.load(ref) != value:
        raise Blocked("wait_until")
    return 0


@primitive("fv")
def xchg(m, ref, value):
    old = m.load(ref)
    m.store(ref, value)
    return old


@primitive("fvv")
def cmpxchg(m, ref, old, new):
    seen = m.load(ref)
    if seen == old:
        m.store(ref, new)
    return seen


@primitive("flv")
def try_cmpxchg(m, ref, old, new):
    """Gives (stored, seen): the local becomes the value seen, which is its own where it stored."""
    seen = cmpxchg(m, ref, old, new)
    return int(seen == old), seen


def raised(m, ref):
    value = m.load(ref)
    if value == LARGEST["refcount_t"]:
        raise Broken("refcount-overflow")
    m.store(ref, value + 1)
    return 1


@primitive("f")
def refcount_inc(m, ref):
    if m.load(ref) == 0:
        raise Broken("refcount-from-zero")
    return raised(m, ref)


@primitive("f")
def refcount_inc_not_zero(m, ref):
    return raised(m, ref) if m.load(ref) else 0


@primitive("f")
def refcount_dec_and_test(m, ref):
    value = m.load(ref)
    if value == 0:
        raise Broken("refcount-underflow")
    m.store(ref, value - 1)
    return int(value == 1)


@primitive("f")
def refcount_dec(m, ref):
    if refcount_dec_and_test(m, ref):
        raise Broken("no-warn")
    return 0


@primitive("f", "atomic_inc", "atomic_inc_return")
def atomic_inc(m, ref):
    m.store(ref, m.load(ref) + 1)
    return m.load(ref)


@primitive("f", "atomic_dec")
def atomic_dec(m, ref):
    m.store(ref, m.load(ref) - 1)
    return m.load(ref)


@primitive("f")
def atomic_dec_and_test(m, ref):
    return int(atomic_dec(m, ref) == 0)


# locks


@primitive("f")
def read_lock(m, ref):
    where = m.cell(ref)
    m.check_taking(ref[0].name)
    writer, readers, waiting = m.mem[where]
    if writer is not None or waiting:
        raise Blocked("read_lock")
    m.mem[where] = (None, tuple(sorted((*readers, m.me))), waiting)
    return 0


@primitive("f")
def read_unlock(m, ref):
    where = m.cell(ref)
    writer, readers, waiting = m.mem[where]
    if m.me not in readers:
        raise Broken("lockdep")
    at = readers.index(m.me)
    m.mem[where] = (writer, readers[:at] + readers[at + 1 :], waiting)
    return 0


def take_for_write(m, ref, again=False):
    """
    Take a rwlock nobody holds.

    Choice: free means that nobody holds it, so a newcomer may overtake the writers that wait.
    """
    where = m.cell(ref)
    writer, readers, waiting = m.mem[where]
    if writer is not None or readers:
        raise Blocked("write_lock")
    for page in m.mem[m.memory.roots]:
        dead = m.mem[m.page(page, STATE)] != FREED and m.count(page) == 0
        if dead and not again:
            raise Broken("no-dead-root-seen")
    m.check_taking(ref[0].name)
    m.mem[where] = (m.me, (), tuple(who for who in waiting if who != m.me))
    return 0


def try_for_write(m, ref, again=False):
    """Take it if it is free, else queue."""
    try:
        return take_for_write(m, ref, again)
    except Blocked:
        m.check_taking(ref[0].name)
        where = m.cell(ref)
        writer, readers, waiting = m.mem[where]
        m.mem[where] = (writer, readers, tuple(sorted((*waiting, m.me))))
        return WAIT


@primitive("f")
def write_unlock(m, ref):
    where = m.cell(ref)
    writer, readers, waiting = m.mem[where]
    if writer != m.me:
        raise Broken("lockdep")
    m.mem[where] = (None, readers, waiting)
    return 0


def yielding(unlock):
    """The first action of cond_resched_rwlock_*."""

    def phase(m, ref):
        unlock(m, ref)
        return WAIT

    return phase


def giving_one(phase, *again):
    """The last actions of cond_resched_rwlock_*: as a lock, but the value is 1."""
    return lambda m, ref: 1 if phase(m, ref, *again) == 0 else WAIT


PRIMITIVES["write_lock"] = ("f", True, (try_for_write, take_for_write))
PRIMITIVES["cond_resched_rwlock_read"] = ("f", True, (yielding(read_unlock), giving_one(read_lock)))
PRIMITIVES["cond_resched_rwlock_write"] = (
    "f",
    True,
    (yielding(write_unlock), giving_one(try_for_write, True), giving_one(take_for_write, True)),
)


@primitive("f", "mutex_lock", "spin_lock")
def lock(m, ref):
    where = m.cell(ref)
    m.check_taking(ref[0].name)
    if m.mem[where] is not None:
        raise Blocked("lock")
    m.mem[where] = m.me
    return 0


@primitive("f", "mutex_unlock", "spin_unlock")
def unlock(m, ref):
    where = m.cell(ref)
    if m.mem[where] != m.me:
        raise Broken("lockdep")
    m.mem[where] = None
    return 0


def lockdep_assert(*modes):
    def check(m, ref):
        m.cell(ref)
        if m.holds(ref[0].name) not in modes:
            raise Broken("lockdep")
        return 0

    return check


primitive("f", "lockdep_assert_held", visible=False)(lockdep_assert("read", "write"))
primitive("f", "lockdep_assert_held_read", visible=False)(lockdep_assert("read"))
primitive("f", "lockdep_assert_held_write", visible=False)(lockdep_assert("write"))


def is_locked(*modes):
    def look(m, ref):
        held = m.mem[m.cell(ref)]
        writer, readers = held[:2] if ref[0].type == "rwlock" else (held, ())
        return int(("write" in modes and writer is not None) or ("read" in modes and readers != ()))

    return look


primitive("f", "rwlock_is_locked", "mutex_is_locked")(is_locked("read", "write"))
primitive("f", "rwlock_is_write_locked")(is_locked("write"))


@primitive("v", "WARN_ON", "WARN_ON_ONCE", "BUG_ON", visible=False)
@primitive("vv", "KVM_BUG_ON", visible=False)
def warn(m, condition, kvm=0):
    if condition:
        raise Broken("no-warn")
    return 0


@primitive(
    "", "cond_resched", "cpu_relax", "smp_mb", "smp_rmb", "smp_wmb", "barrier", visible=False
)
def nothing(m):
    return 0


# RCU


@primitive("")
def rcu_read_lock(m):
    m.mem[m.actor(NESTING)] += 1
    return 0


@primitive("")
def rcu_read_unlock(m):
    mine = m.actor(NESTING)
    if not m.mem[mine]:
        raise Broken("lockdep")
    m.mem[mine] -= 1
    if m.mem[mine]:
        return 0
    for cell in m.actor_cells(SYNCING):
        m.mem[cell] = tuple(who for who in m.mem[cell] if who != m.me)
    for page in m.pages():
        where = m.page(page, WAITS)
        if m.me in m.mem[where]:
            m.mem[where] = tuple(who for who in m.mem[where] if who != m.me)
            if not m.mem[where]:
                m.free(page)
    return 0


def page_to_free(m, page):
    m.live_page(page)
    if m.mem[m.page(page, WAITS)]:
        raise Broken("no-use-after-free")


@primitive("fx")
def call_rcu(m, ref, callback=None):
    m.cell(ref)
    page_to_free(m, ref[1])
    m.mem[m.page(ref[1], WAITS)] = m.readers()
    if not m.readers():
        m.free(ref[1])
    return 0


@primitive("v")
def tdp_mmu_free_sp(m, page):
    # Choice: a page already handed to call_rcu must not be freed by hand.
    page_to_free(m, page)
    m.free(page)
    return 0


def note_readers(m):
    m.mem[m.actor(SYNCING)] = m.readers()
    return WAIT


def readers_left(m):
    if m.mem[m.actor(SYNCING)]:
        raise Blocked("synchronize_rcu")
    return 0


PRIMITIVES["synchronize_rcu"] = ("", True, (note_readers, readers_left))


@primitive("")
def rcu_barrier(m):
    if any(m.mem[m.page(page, WAITS)] for page in m.pages()):
        raise Blocked("rcu_barrier")
    return 0


# the list of roots


def list_add(m, ref, head, at_head):
    m.cell(ref), m.cell(head)
    page, listed = ref[1], m.mem[m.memory.roots]
    if page in listed:
        raise Broken("list-intact")
    m.mem[m.memory.roots] = (page, *listed) if at_head else (*listed, page)
    m.mem[m.page(page, NEXT)] = None  # while on the list, the list itself tells the next
    return 0


primitive("ff", "list_add_rcu")(lambda m, ref, head: list_add(m, ref, head, True))
primitive("ff", "list_add_tail_rcu")(lambda m, ref, head: list_add(m, ref, head, False))


def next_of(m, page):
    """The entry after a page: told by the list, or kept by a page that left it."""
    m.live_page(page)
    listed = m.mem[m.memory.roots]
    if page not in listed:
        return m.mem[m.page(page, NEXT)]
    at = listed.index(page) + 1
    return listed[at] if at < len(listed) else None


@primitive("f")
def list_del_rcu(m, ref):
    m.cell(ref)
    page, listed = ref[1], m.mem[m.memory.roots]
    if page not in listed:
        raise Broken("list-intact")
    if m.count(page):
        raise Broken("delist-at-final-put")
    m.mem[m.page(page, NEXT)] = next_of(m, page)
    m.mem[m.memory.roots] = tuple(other for other in listed if other != page)
    return 0


@primitive("f")
def list_empty(m, head):
    return int(not m.mem[m.cell(head)])


@primitive("f", "list_first_or_null_rcu", "list_first_or_null")
def list_first(m, head):
    listed = m.mem[m.cell(head)]
    return listed[0] if listed else None


@primitive("fv", "list_next_or_null_rcu", "list_next_or_null")
def list_next(m, head, page):
    m.cell(head)
    return next_of(m, page)


# the workqueue


@primitive("fx", "INIT_WORK")
def init_work(m, ref, function=None):
    where = m.cell(ref)
    if ref[1] in m.mem[m.memory.queue][0]:
        raise Broken("no-double-queue")
    m.mem[where] = 1
    return 0


@primitive("ff")
def queue_work(m, wq, ref):
    initialised = m.mem[m.cell(ref)]
    queued, running, destroyed = m.mem[m.cell(wq)]
    if ref[1] in queued:
        raise Broken("no-double-queue")
    if not initialised or destroyed:
        raise Broken("no-warn")
    m.mem[m.cell(wq)] = ((*queued, ref[1]), running, destroyed)
    return 1


@primitive("f")
def work_pending(m, ref):
    m.cell(ref)
    return int(ref[1] in m.mem[m.memory.queue][0])


def note_work(m, wq):
    queued, running, _ = m.mem[m.cell(wq)]
    notes = [("queued", page) for page in queued] + [("running", worker) for worker, _ in running]
    m.mem[m.actor(FLUSHING)] = tuple(sorted(notes))
    return WAIT


def work_finished(m, wq):
    if m.mem[m.actor(FLUSHING)]:
        raise Blocked("flush_workqueue")
    return 0


def queue_destroyed(m, wq):
    work_finished(m, wq)
    queued, running, _ = m.mem[m.cell(wq)]
    m.mem[m.cell(wq)] = (queued, running, 1)
    return 0


PRIMITIVES["flush_workqueue"] = ("f", True, (note_work, work_finished))
PRIMITIVES["destroy_workqueue"] = ("f", True, (note_work, queue_destroyed))


def move_notes(m, old, new):
    """What a flush waits for is one turn of an item: queued, then running, then finished."""
    for cell in m.actor_cells(FLUSHING):
        if old in m.mem[cell]:
            rest = [note for note in m.mem[cell] if note != old]
            m.mem[cell] = tuple(sorted(rest + new))


@primitive("f")
def workqueue_next(m, wq):
    queued, running, destroyed = m.mem[m.cell(wq)]
    if not queued:
        raise Blocked("workqueue_next")
    m.mem[m.cell(wq)] = (queued[1:], tuple(sorted((*running, (m.me, queued[0])))), destroyed)
    move_notes(m, ("queued", queued[0]), [("running", m.me)])
    return queued[0]


@primitive("f")
def workqueue_done(m, wq):
    queued, running, destroyed = m.mem[m.cell(wq)]
    m.mem[m.cell(wq)] = (queued, tuple(pair for pair in running if pair[0] != m.me), destroyed)
    move_notes(m, ("running", m.me), [])
    return 0


@primitive("vxx", visible=False)
def container_of(m, work, struct=None, member=None):
    return work


# requests


def requests(m, vcpu):
    if vcpu is None:
        raise Broken("no-oops")
    return m.memory.base["vcpu"] + vcpu * m.memory.size["vcpu"] + REQUESTS


@primitive("vv")
def kvm_make_all_cpus_request(m, kvm, request):
    if kvm is None:
        raise Broken("no-oops")
    for vcpu in range(m.memory.vcpus):
        m.mem[requests(m, vcpu)] |= 1 << request
    return 0


@primitive("vv")
def kvm_make_request(m, request, vcpu):
    m.mem[requests(m, vcpu)] |= 1 << request
    return 0


@primitive("vv")
def kvm_test_request(m, request, vcpu):
    return m.mem[requests(m, vcpu)] >> request & 1


@primitive("vv")
def kvm_check_request(m, request, vcpu):
    pending = kvm_test_request(m, request, vcpu)
    root = m.load((m.memory.fields["vcpu"]["arch", "mmu", "root"], vcpu, None))
    writer = m.mem[m.memory.locks["mmu_lock"]][0]
    # A freed page reads as role 0, so it is not invalid here.
    if (
        request == 0
        and not pending
        and writer is None
        and root is not None
        and m.role(root) & INVALID
    ):
        raise Broken("no-invalid-root-loaded")
    m.mem[requests(m, vcpu)] &= ~(1 << request)
    return pending


# the hardware TLB


def tlb(m, vcpu):
    return m.memory.base["vcpu"] + vcpu * m.memory.size["vcpu"] + TLB


def date_out(m, vcpu, broken, which):
    """Mark the translations of a vCPU that are out of date from now on."""
    m.mem[tlb(m, vcpu)] = tuple(
        (gfn, broken if isinstance(root, int) and which(gfn, root) else root)
        for gfn, root in m.mem[tlb(m, vcpu)]
    )


@primitive("vv")
def tlb_access(m, vcpu, gfn):
    entries, levels = m.memory.entries, m.memory.levels
    if not 0 <= gfn < entries**levels:
        raise Broken("no-oops")
    if kvm_test_request(m, 0, vcpu):
        return 0
    held = dict(m.mem[tlb(m, vcpu)])
    if gfn in held:
        if isinstance(held[gfn], str):
            raise Broken(held[gfn])
        if m.mem[m.page(held[gfn], STATE)] == FREED:
            raise Broken("tlb-complete")
        return 1
    root = table = m.load((m.memory.fields["vcpu"]["arch", "mmu", "root"], vcpu, None))
    for level in reversed(range(levels)):
        m.live_page(table)
        spte = m.entries(table)[gfn // entries**level % entries]
        if not spte & PRESENT:
            return 2
        if level:
            table = m.child(spte)
            if table is None:
                return 2
    m.mem[tlb(m, vcpu)] = tuple(sorted({**held, gfn: root}.items()))
    return 1


@primitive("v")
def tlb_flush(m, vcpu):
    m.mem[tlb(m, vcpu)] = ()
    return 0


@primitive("v")
def tlb_flush_all(m, kvm):
    if kvm is None:
        raise Broken("no-oops")
    for vcpu in range(m.memory.vcpus):
        tlb_flush(m, vcpu)
    return 0


# pages and the model's own notes


@primitive("v", visible=False)
def make_nonleaf_spte(m, page):
    return 0 if page is None else PRESENT | WRITABLE | TABLES + page << 12


@primitive("v", visible=False)
def spte_to_child_sp(m, spte):
    return m.child(spte)


@primitive("v")
def tdp_mmu_alloc_sp(m, vcpu):
    for page in range(m.memory.pages):
        if m.mem[m.page(page, STATE)] == UNALLOCATED:
            m.mem[m.page(page, STATE)] = ALLOCATED
            return page
    raise Bound("root slots")


@primitive("v")
def model_update_begins(m, kvm):
    m.mem[m.actor(NOTED)] = tuple(m.pages())
    return 0


@primitive("v")
def model_update_returns(m, kvm):
    if any(page in m.mem[m.actor(NOTED)] and m.present(page) for page in m.pages()):
        raise Broken("zap-complete")
    for vcpu in range(m.memory.vcpus):
        date_out(m, vcpu, "tlb-complete", lambda gfn, root: root in m.mem[m.actor(NOTED)])
    m.mem[m.actor(NOTED)] = ()
    return 0


@primitive("vv")
def model_notifier_returns(m, kvm, index):
    entries, levels = m.memory.entries, m.memory.levels
    if not 0 <= index < entries**levels:
        raise Broken("no-oops")
    tables = [
        page for page in m.pages() if levels == 1 or leaves_from(m, page) == index - index % entries
    ]
    if any(m.entries(page)[index % entries] & PRESENT for page in tables):
        raise Broken("notifier-complete")
    for vcpu in range(m.memory.vcpus):
        date_out(m, vcpu, "notifier-complete", lambda gfn, root: gfn == index)
    return 0


def leaves_from(m, page):
    """The first gfn of a table of leaves, None for another table."""
    shift, width = ROLE_BITS["level"]
    return m.mem[m.page(page, GFN)] if m.role(page) >> shift & (1 << width) - 1 == 1 else None


def noted_page(m, page):
    """
    Whether the model can note something about a page.

    Choice: a note is no access to a field: on a freed page nothing happens.
    """
    if page is None:
        raise Broken("no-oops")
    return m.mem[m.page(page, STATE)] != FREED


@primitive("v")
def model_zap_begins(m, page):
    if noted_page(m, page) and m.mem[m.page(page, ZAPPED)]:
        m.advice = True
    return 0


@primitive("v")
def model_zap_ends(m, page):
    if noted_page(m, page):
        m.mem[m.page(page, ZAPPED)] = 1
    return 0


@primitive("v")
def model_marked_invalid(m, page):
    if noted_page(m, page):
        if m.mem[m.page(page, MARKED)]:
            raise Broken("one-winner")
        m.mem[m.page(page, MARKED)] = 1
    return 0
