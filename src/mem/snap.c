// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshots of an address space: made by copying, never changed.
 *
 * The invariant of a published snapshot: its ranges are sorted by address and
 * disjoint, it holds one reference on the pin of each, and who has no pin has
 * no permission either.
 */
#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <vpin/mem.h>

static atomic64_t vpin_snap_ids = ATOMIC64_INIT(0);

/* Return: a snapshot with room for @nr ranges, or NULL. */
struct vpin_snap *vpin_snap_alloc(u32 nr)
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
void vpin_snap_set(struct vpin_snap *snap, u32 i,
		   const struct vpin_range *range)
{
	snap->ranges[i] = *range;
	snap->size += range->last - range->first + 1;
	if (range->pin) {
		refcount_inc(&range->pin->ref);
	} else {
		snap->ranges[i].perm = 0;
		snap->nr_failed++;
	}
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
 * vpin_snap_fill - gives a range its pin in a snapshot that nobody sees yet
 * @snap: the snapshot; it has the range already, without
 * @range: the range; the snapshot takes a reference on its pin
 */
void vpin_snap_fill(struct vpin_snap *snap, const struct vpin_range *range)
{
	struct vpin_range *slot =
		&snap->ranges[vpin_snap_search(snap, range->first)];

	refcount_inc(&range->pin->ref);
	*slot = *range;
	snap->nr_failed--;
}

/* Whether a byte of [@first, @last] is mapped; what failed is not. */
bool vpin_snap_overlaps(const struct vpin_snap *snap, u64 first, u64 last)
{
	u32 i;

	for (i = vpin_snap_search(snap, first);
	     i < snap->nr && snap->ranges[i].first <= last; i++) {
		if (snap->ranges[i].pin)
			return true;
	}
	return false;
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

/* The range that has @gpa, or NULL. */
static const struct vpin_range *vpin_snap_find(const struct vpin_snap *snap,
					       struct vpin_hint *hint, u64 gpa)
{
	const struct vpin_range *range;
	u32 i;

	if (hint && hint->range < snap->nr) {
		range = &snap->ranges[hint->range];
		if (gpa >= range->first && gpa <= range->last)
			return range;
	}
	i = vpin_snap_search(snap, gpa);
	range = &snap->ranges[i];
	if (i == snap->nr || gpa < range->first)
		return NULL;
	if (hint)
		hint->range = i;
	return range;
}

/* Binds @hint to @snap, of which it knows nothing yet. */
void vpin_hint_init(struct vpin_hint *hint, const struct vpin_snap *snap)
{
	u64 average = snap->size / max(snap->nr, 1U);

	memset(hint->far, 0, sizeof(hint->far));
	memset(hint->near, 0, sizeof(hint->near));
	hint->far_shift = clamp(ilog2(average | 1), PAGE_SHIFT,
				VPIN_CHUNK_SHIFT) - VPIN_HIT_SHIFT;
	hint->id = snap->id;
}

/* What is remembered of the page; NULL if not all of @len bytes are. */
void *vpin_hint_find_near(struct vpin_hint *hint, u64 gpa, u32 len, u32 perm)
{
	void *addr;

	if (vpin_hit_find(vpin_hint_near(hint, gpa), gpa, len, perm, &addr))
		return addr;
	return NULL;
}

/**
 * vpin_snap_translate - vpin_snap_resolve() of what the hint does not know
 * @snap: the address space; what of it is absent is pinned
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
	const struct vpin_range *range = vpin_snap_find(snap, hint, gpa);
	struct vpin_hit hit;
	u64 offset, before;

	if (!range || (range->perm & perm) != perm)
		return NULL;
	if (*len - 1 > range->last - gpa)
		*len = range->last - gpa + 1;

	offset = gpa - range->first;
	while (!(hit.addr = vpin_pin_around(range->pin, range->offset + offset,
					    *len, &before, &hit.size))) {
		if (hint)
			hint->fills++;
		if (vpin_pin_fill(range->pin, range->offset + offset, *len,
				  !hint || hint->hurry))
			continue;
		hit.addr = vpin_pin_recall(range->pin, range->offset + offset);
		if (!hit.addr)
			return NULL;
		break;
	}
	before = min(before, offset);
	offset -= before;
	hit.first = range->first + offset;
	hit.addr -= before;
	hit.size = min(hit.size + before - 1, range->last - hit.first) + 1;
	hit.denied = ~range->perm & VPIN_PERM_WRITE;
	/* Nobody maps what may only be written: it is not worth a place. */
	if (hint && range->perm & VPIN_PERM_READ) {
		vpin_hint_bind(hint, snap);
		*vpin_hint_far(hint, gpa) = hit;
		*vpin_hint_near(hint, gpa) = hit;
	}

	*len = min(*len, hit.size - before);
	return hit.addr + before;
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

		if (gpa < range->first || (range->perm & perm) != perm)
			return -EFAULT;
		if (len - 1 <= range->last - gpa)
			return 0;
		len -= range->last - gpa + 1;
		gpa = range->last + 1;
	}
	return -EFAULT;
}
