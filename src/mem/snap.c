// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshots of an address space: made by copying, never changed.
 *
 * The invariant of a published snapshot: its ranges are sorted by address and
 * disjoint, and it holds one reference on the pin of each.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <vpin/mem.h>

static atomic64_t vpin_snap_ids = ATOMIC64_INIT(0);

static struct vpin_snap *vpin_snap_alloc(u32 nr)
{
	struct vpin_snap *snap;

	snap = kvzalloc(struct_size(snap, ranges, nr), GFP_KERNEL_ACCOUNT);
	if (!snap)
		return NULL;
	snap->id = atomic64_inc_return(&vpin_snap_ids);
	refcount_set(&snap->ref, 1);
	snap->nr = nr;
	return snap;
}

/* Puts @range into slot @i, with a reference of its own on the pin. */
static void vpin_snap_set(struct vpin_snap *snap, u32 i,
			  const struct vpin_range *range)
{
	snap->ranges[i] = *range;
	if (range->pin)
		refcount_inc(&range->pin->ref);
	else
		snap->nr_failed++;
}

void vpin_snap_free(struct vpin_snap *snap)
{
	u32 i;

	for (i = 0; i < snap->nr; i++)
		vpin_pin_put(snap->ranges[i].pin);
	kvfree(snap);
}

/* Return: a snapshot without a range, or ERR_PTR(-ENOMEM). */
struct vpin_snap *vpin_snap_empty(void)
{
	return vpin_snap_alloc(0) ?: ERR_PTR(-ENOMEM);
}

/**
 * vpin_snap_insert - a snapshot with one range more
 * @old: what it starts from
 * @range: what is added; the new snapshot takes a reference on its pin
 *
 * Return: the new snapshot, or ERR_PTR: -EEXIST if @range overlaps another,
 * -ENOSPC if there are VPIN_MEM_RANGES_MAX already, -ENOMEM.
 */
struct vpin_snap *vpin_snap_insert(const struct vpin_snap *old,
				   const struct vpin_range *range)
{
	u32 at = vpin_snap_search(old, range->first);
	struct vpin_snap *new;
	u32 i;

	if (at < old->nr && old->ranges[at].first <= range->last)
		return ERR_PTR(-EEXIST);
	if (old->nr >= VPIN_MEM_RANGES_MAX)
		return ERR_PTR(-ENOSPC);

	new = vpin_snap_alloc(old->nr + 1);
	if (!new)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < at; i++)
		vpin_snap_set(new, i, &old->ranges[i]);
	vpin_snap_set(new, at, range);
	for (i = at; i < old->nr; i++)
		vpin_snap_set(new, i + 1, &old->ranges[i]);
	return new;
}

/**
 * vpin_snap_remove - a snapshot without the ranges that touch a stretch
 * @old: what it starts from
 * @first: first GPA of the stretch
 * @last: last GPA, inclusive
 * @only_failed: remove only ranges whose pinning failed
 *
 * A range that the stretch touches goes whole, as vhost-vdpa does it
 * (drivers/vhost/vdpa.c, vhost_vdpa_unmap).
 *
 * Return: the new snapshot, or ERR_PTR(-ENOMEM).
 */
struct vpin_snap *vpin_snap_remove(const struct vpin_snap *old, u64 first,
				   u64 last, bool only_failed)
{
	u32 from = vpin_snap_search(old, first);
	struct vpin_snap *new;
	u32 i, nr = 0, kept = 0;

	for (i = from; i < old->nr && old->ranges[i].first <= last; i++)
		nr += !only_failed || !old->ranges[i].pin;

	new = vpin_snap_alloc(old->nr - nr);
	if (!new)
		return ERR_PTR(-ENOMEM);
	for (i = 0; i < old->nr; i++) {
		const struct vpin_range *range = &old->ranges[i];
		bool touched = i >= from && range->first <= last;

		if (!touched || (only_failed && range->pin))
			vpin_snap_set(new, kept++, range);
	}
	return new;
}

/* Index of the run that holds page @index of @pin. */
static unsigned long vpin_pin_run(const struct vpin_pin *pin,
				  unsigned long index)
{
	unsigned long low = 0, high = pin->nr_runs;

	while (high - low > 1) {
		unsigned long mid = low + (high - low) / 2;

		if (pin->runs[mid].index <= index)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/*
 * Pages of @pin around page @index that lie next to each other: all of the run,
 * or, where each page is known by itself, no more after it than @wanted.
 * Return: the kernel address of page @from; @to is one past the last one.
 */
static void *vpin_pin_piece(const struct vpin_pin *pin, unsigned long index,
			    unsigned long wanted, unsigned long *from,
			    unsigned long *to)
{
	unsigned long end = index + 1;

	if (pin->nr_runs) {
		unsigned long run = vpin_pin_run(pin, index);

		*from = pin->runs[run].index;
		*to = run + 1 == pin->nr_runs ? pin->nr_pages :
						pin->runs[run + 1].index;
		return pin->runs[run].addr;
	}

	while (end < pin->nr_pages && end - index < wanted &&
	       pin->pages[end] == pin->pages[end - 1] + PAGE_SIZE)
		end++;
	*from = index;
	*to = end;
	return pin->pages[index];
}

/* What @range knows of the bytes around @gpa. */
static void vpin_range_hit(const struct vpin_range *range, u64 gpa, u64 len,
			   struct vpin_hit *hit)
{
	u64 offset = gpa - range->first + range->offset;
	unsigned long wanted, from, to;
	u64 first, end;
	void *addr;

	wanted = len >> PAGE_SHIFT > range->pin->nr_pages ?
		 range->pin->nr_pages : (len >> PAGE_SHIFT) + 2;
	addr = vpin_pin_piece(range->pin, offset >> PAGE_SHIFT, wanted, &from,
			      &to);
	/* In bytes of the pin, and of those the range's own. */
	first = max((u64)from << PAGE_SHIFT, range->offset);
	end = min(((u64)to << PAGE_SHIFT) - 1 - first,
		  range->last - range->first - (first - range->offset));

	hit->first = range->first + (first - range->offset);
	hit->span = end;
	hit->addr = addr + (first - ((u64)from << PAGE_SHIFT));
	hit->perm = range->perm;
}

/**
 * vpin_snap_translate - vpin_snap_resolve() of what the hint does not know
 * @snap: the address space
 * @hint: what the reader remembers, updated; NULL if nothing
 * @gpa: as there
 * @len: as there
 * @perm: as there
 *
 * Return: as there.
 */
void *vpin_snap_translate(const struct vpin_snap *snap, struct vpin_hint *hint,
			  u64 gpa, u64 *len, u32 perm)
{
	u32 i = vpin_snap_search(snap, gpa);
	const struct vpin_range *range = &snap->ranges[i];
	struct vpin_hit hit;
	u64 have;

	if (i == snap->nr || gpa < range->first || !range->pin ||
	    (range->perm & perm) != perm)
		return NULL;

	vpin_range_hit(range, gpa, *len, &hit);
	if (hint) {
		if (hint->id != snap->id) {
			memset(hint, 0, sizeof(*hint));
			hint->id = snap->id;
		}
		*vpin_hint_far(hint, gpa) = hit;
		*vpin_hint_near(hint, gpa) = hit;
	}

	have = hit.span - (gpa - hit.first);
	if (*len - 1 > have)
		*len = have + 1;
	return hit.addr + (gpa - hit.first);
}

static int vpin_snap_copy(const struct vpin_snap *snap, struct vpin_hint *hint,
			  u64 gpa, void *buf, u64 len, u32 perm)
{
	while (len) {
		u64 n = len;
		void *addr = vpin_snap_resolve(snap, hint, gpa, &n, perm);

		if (!addr)
			return -EFAULT;
		if (perm == VPIN_PERM_WRITE)
			memcpy(addr, buf, n);
		else
			memcpy(buf, addr, n);
		buf += n;
		gpa += n;
		len -= n;
	}
	return 0;
}

/**
 * vpin_snap_read - copies from guest memory
 * @snap: the address space
 * @hint: what the reader remembers, or NULL
 * @gpa: where from
 * @to: where to
 * @len: bytes; may cross pages and adjacent ranges
 *
 * Return: 0, or -EFAULT if a byte is not mapped for reading; @to is then
 * partly written.
 */
int vpin_snap_read(const struct vpin_snap *snap, struct vpin_hint *hint,
		   u64 gpa, void *to, u64 len)
{
	return vpin_snap_copy(snap, hint, gpa, to, len, VPIN_PERM_READ);
}

/**
 * vpin_snap_write - copies to guest memory
 * @snap: the address space
 * @hint: what the writer remembers, or NULL
 * @gpa: where to
 * @from: where from
 * @len: bytes; may cross pages and adjacent ranges
 *
 * Return: 0, or -EFAULT if a byte is not mapped for writing; guest memory is
 * then partly written.
 */
int vpin_snap_write(const struct vpin_snap *snap, struct vpin_hint *hint,
		    u64 gpa, const void *from, u64 len)
{
	return vpin_snap_copy(snap, hint, gpa, (void *)from, len,
			      VPIN_PERM_WRITE);
}

/**
 * vpin_snap_check - whether a stretch of guest memory is mapped
 * @snap: the address space
 * @gpa: first GPA
 * @len: bytes; 0 is always mapped
 * @perm: VPIN_PERM_* that each byte needs
 *
 * Return: 0, or -EFAULT.
 */
int vpin_snap_check(const struct vpin_snap *snap, u64 gpa, u64 len, u32 perm)
{
	u32 i;

	if (!len)
		return 0;
	if (gpa + (len - 1) < gpa)
		return -EFAULT;

	for (i = vpin_snap_search(snap, gpa); i < snap->nr; i++) {
		const struct vpin_range *range = &snap->ranges[i];

		if (gpa < range->first || !range->pin ||
		    (range->perm & perm) != perm)
			return -EFAULT;
		if (len - 1 <= range->last - gpa)
			return 0;
		len -= range->last - gpa + 1;
		gpa = range->last + 1;
	}
	return -EFAULT;
}
