// SPDX-License-Identifier: GPL-2.0-only
/*
 * An address space: its owner, its published snapshot and its open batch.
 */
#include <linux/err.h>
#include <linux/sched/mm.h>
#include <vpin/mem.h>

/**
 * vpin_mem_init - an address space without an owner and without a range
 * @mem: the address space
 *
 * Return: 0 or -ENOMEM.
 */
int vpin_mem_init(struct vpin_mem *mem)
{
	struct vpin_snap *snap = vpin_snap_empty();

	if (IS_ERR(snap))
		return PTR_ERR(snap);
	mutex_init(&mem->lock);
	mem->mm = NULL;
	mem->snap = snap;
	mem->batch = NULL;
	mem->outgoing = 0;
	mem->credit = 0;
	return 0;
}

/**
 * vpin_mem_bind - makes the caller the owner: whose memory is mapped, and who
 * is charged
 * @mem: the address space
 *
 * Return: 0, or -EBUSY if it has an owner.
 */
int vpin_mem_bind(struct vpin_mem *mem)
{
	int ret = 0;

	mutex_lock(&mem->lock);
	if (mem->mm) {
		ret = -EBUSY;
	} else {
		/* Not mm_users: that would keep a dying owner's memory. */
		mem->mm = current->mm;
		mmgrab(mem->mm);
	}
	mutex_unlock(&mem->lock);
	return ret;
}

bool vpin_mem_owned(const struct vpin_mem *mem)
{
	lockdep_assert_held(&mem->lock);
	return mem->mm && mem->mm == current->mm;
}

/**
 * vpin_mem_is_owner - whether the caller may change the address space
 * @mem: the address space
 *
 * A process that merely inherited the file may not: its addresses mean
 * something else.
 */
bool vpin_mem_is_owner(struct vpin_mem *mem)
{
	bool ret;

	mutex_lock(&mem->lock);
	ret = vpin_mem_owned(mem);
	mutex_unlock(&mem->lock);
	return ret;
}

/* What the next change starts from. */
static struct vpin_snap *vpin_mem_latest(struct vpin_mem *mem)
{
	lockdep_assert_held(&mem->lock);
	return mem->batch ?: mem->snap;
}

/* Puts a snapshot in place of another. */
static int vpin_mem_replace(struct vpin_snap **slot, struct vpin_snap *new)
{
	if (IS_ERR(new))
		return PTR_ERR(new);
	vpin_snap_put(*slot);
	*slot = new;
	return 0;
}

/* Makes @new the latest, in the batch if one is open, else for all to see. */
static int vpin_mem_advance(struct vpin_mem *mem, struct vpin_snap *new)
{
	lockdep_assert_held(&mem->lock);
	return vpin_mem_replace(mem->batch ? &mem->batch : &mem->snap, new);
}

static int vpin_mem_insert(struct vpin_mem *mem, const struct vpin_range *range)
{
	return vpin_mem_advance(mem,
				vpin_snap_insert(vpin_mem_latest(mem), range));
}

static int vpin_mem_remove(struct vpin_mem *mem, u64 first, u64 last,
			   bool only_failed)
{
	return vpin_mem_advance(mem, vpin_snap_remove(vpin_mem_latest(mem),
						      first, last, only_failed));
}

/**
 * vpin_mem_map - pins a piece of the owner's memory and maps it
 * @mem: the address space
 * @gpa: first GPA, any alignment
 * @size: bytes, not 0
 * @uaddr: the caller's address of it, any alignment
 * @perm: VPIN_PERM_*, at least one
 *
 * A piece that cannot be pinned is remembered as failed, so that the device
 * can refuse to start on a memory with a hole: see vpin_mem_forgive().  A later
 * map or unmap of the same addresses repairs it.
 *
 * Return: 0, or
 *  -EPERM	the caller is not the owner, or there is none
 *  -EINVAL	size or permission is 0, or the piece wraps
 *  -EEXIST	it overlaps a mapped range
 *  -ENOSPC	too many ranges
 *  and vpin_pin_create()'s.
 */
int vpin_mem_map(struct vpin_mem *mem, u64 gpa, u64 size, u64 uaddr, u32 perm)
{
	struct vpin_range range = {
		.first = gpa,
		.last = gpa + (size - 1),
		.offset = uaddr % VPIN_CHUNK_SIZE,
		.perm = perm,
	};
	unsigned long credit;
	int ret;

	if (!size || range.last < gpa || !perm ||
	    perm & ~(VPIN_PERM_READ | VPIN_PERM_WRITE))
		return -EINVAL;

	mutex_lock(&mem->lock);
	ret = -EPERM;
	if (!vpin_mem_owned(mem))
		goto out;
	if (vpin_mem_latest(mem)->nr_failed) {
		ret = vpin_mem_remove(mem, range.first, range.last, true);
		if (ret)
			goto out;
	}

	credit = vpin_mem_credit_take(mem, vpin_pin_count(uaddr, size));
	range.pin = vpin_pin_create(mem->mm, uaddr, size,
				    perm & VPIN_PERM_WRITE);
	if (IS_ERR(range.pin)) {
		vpin_mem_credit_return(mem, credit);
		ret = PTR_ERR(range.pin);
		range.pin = NULL;
		/* Best effort: the caller has the error in any case. */
		vpin_mem_insert(mem, &range);
		goto out;
	}
	ret = vpin_mem_insert(mem, &range);
	if (ret)
		vpin_mem_credit_return(mem, credit);
	vpin_pin_put(range.pin);
out:
	mutex_unlock(&mem->lock);
	return ret;
}

/**
 * vpin_mem_unmap - unmaps every range that a stretch touches, whole
 * @mem: the address space
 * @gpa: first GPA
 * @size: bytes; 0 touches nothing
 *
 * Return: 0, also where nothing was mapped; -EPERM if the caller is not the
 * owner; -EINVAL if the stretch wraps; -ENOMEM.
 */
int vpin_mem_unmap(struct vpin_mem *mem, u64 gpa, u64 size)
{
	u64 last = gpa + (size - 1);
	unsigned long outgoing = 0, fresh = 0;
	int ret = 0;

	if (size && last < gpa)
		return -EINVAL;

	mutex_lock(&mem->lock);
	if (!vpin_mem_owned(mem)) {
		ret = -EPERM;
	} else if (size) {
		if (mem->batch)
			vpin_mem_batch_count(mem, gpa, last, &outgoing, &fresh);
		ret = vpin_mem_remove(mem, gpa, last, false);
		if (!ret) {
			mem->outgoing += outgoing;
			vpin_mem_credit_return(mem, min(fresh, mem->credit));
		}
	}
	mutex_unlock(&mem->lock);
	return ret;
}

static int vpin_mem_forgive_in(struct vpin_snap **slot)
{
	if (!*slot || !(*slot)->nr_failed)
		return 0;
	return vpin_mem_replace(slot, vpin_snap_remove(*slot, 0, U64_MAX, true));
}

/**
 * vpin_mem_forgive - forgets the maps that failed, also those of an open batch
 * @mem: the address space
 *
 * Return: 0 or -ENOMEM.
 */
int vpin_mem_forgive(struct vpin_mem *mem)
{
	int ret;

	mutex_lock(&mem->lock);
	ret = vpin_mem_forgive_in(&mem->snap) ?:
	      vpin_mem_forgive_in(&mem->batch);
	mutex_unlock(&mem->lock);
	return ret;
}

/**
 * vpin_mem_snap - the published snapshot
 * @mem: the address space
 *
 * Return: a reference, for the caller to put.
 */
struct vpin_snap *vpin_mem_snap(struct vpin_mem *mem)
{
	struct vpin_snap *snap;

	mutex_lock(&mem->lock);
	snap = vpin_snap_get(mem->snap);
	mutex_unlock(&mem->lock);
	return snap;
}

/**
 * vpin_mem_fini - drops everything
 * @mem: the address space; no one may change it any more
 *
 * Pages that a reader's snapshot still holds stay pinned until it is dropped.
 */
void vpin_mem_fini(struct vpin_mem *mem)
{
	vpin_mem_credit_return(mem, mem->credit);
	vpin_snap_put(mem->batch);
	vpin_snap_put(mem->snap);
	if (mem->mm)
		mmdrop(mem->mm);
	mutex_destroy(&mem->lock);
}
