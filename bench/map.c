// SPDX-License-Identifier: GPL-2.0-only
/*
 * A change of an address space, without the pinning: us a change, of a
 * snapshot that has some ranges.  A range is added in the middle, and removed.
 *
 * The floor allocates the new snapshot, copies the old one into it, takes a
 * reference on each pin, and drops the references of the old one.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include "bench.h"
#include "guest.h"

struct vpin_bench_change {
	struct vpin_pin *pin;
	struct vpin_snap *snap;
	u32 nr;
};

static u64 vpin_bench_map_gpa(u32 i)
{
	return BENCH_GPA + (u64)i * BENCH_REGION_STRIDE;
}

static struct vpin_range vpin_bench_map_range(struct vpin_bench_change *change,
					      u32 i, u64 offset)
{
	u64 gpa = vpin_bench_map_gpa(i) + offset;

	return (struct vpin_range) {
		.first = gpa,
		.last = gpa + PAGE_SIZE - 1,
		.pin = change->pin,
		.perm = BENCH_PERM_RW,
	};
}

static bool vpin_bench_map_replace(struct vpin_bench_change *change,
				   struct vpin_snap *snap)
{
	if (IS_ERR(snap))
		return false;
	vpin_snap_put(change->snap);
	change->snap = snap;
	return true;
}

/* Both return the ranges that there are after each change. */
static u64 vpin_bench_map_pin(struct vpin_bench_change *change)
{
	struct vpin_range range = vpin_bench_map_range(change, change->nr / 2,
						       BENCH_REGION_SIZE);
	u64 sum;

	if (!vpin_bench_map_replace(change,
				    vpin_snap_insert(change->snap, &range)))
		return 0;
	sum = change->snap->nr;
	if (!vpin_bench_map_replace(change,
				    vpin_snap_remove(change->snap, range.first,
						     range.last, false)))
		return 0;
	return sum + change->snap->nr;
}

static u64 vpin_bench_map_floor(struct vpin_bench_change *change)
{
	const struct vpin_snap *old = change->snap;
	u64 sum = 0;
	u32 more, i;

	for (more = 0; more < 2; more++) {
		struct vpin_snap *new;

		new = kvmalloc(struct_size(new, ranges, old->nr + 1),
			       GFP_KERNEL_ACCOUNT);
		if (!new)
			return 0;
		memcpy(new, old, struct_size(old, ranges, old->nr));
		for (i = 0; i < old->nr; i++)
			refcount_inc(&old->ranges[i].pin->ref);
		sum += new->nr + more;
		for (i = 0; i < old->nr; i++) {
			if (refcount_dec_and_test(&old->ranges[i].pin->ref))
				sum = 0;
		}
		kvfree(new);
	}
	return sum;
}

static u64 vpin_bench_map_run(struct vpin_bench *bench, unsigned int who,
			      unsigned int n)
{
	u64 sum = 0;

	while (n--)
		sum += who ? vpin_bench_map_pin(bench->priv) :
			     vpin_bench_map_floor(bench->priv);
	return sum;
}

static int vpin_bench_map_measure(struct seq_file *m,
				  struct vpin_bench_change *change)
{
	u64 both = 2 * change->nr + 1;
	struct vpin_bench bench = {
		.unit = "us",
		.per = 2,
		.slice_us = 200,
		.priv = change,
		.nr = 2,
		.who = { "floor", "vhost-pin" },
		.expect = { both, both },
		.run = vpin_bench_map_run,
	};

	snprintf(bench.name, sizeof(bench.name), "kernel/map/ranges=%u",
		 change->nr);
	return vpin_bench_measure(&bench, m);
}

static int vpin_bench_map_ranges(struct seq_file *m, u32 nr)
{
	struct vpin_bench_change change = { .nr = nr };
	int ret = 0;
	u32 i;

	change.pin = vpin_pin_alloc(0, 1);
	if (!change.pin)
		return -ENOMEM;
	change.snap = vpin_snap_empty();
	if (IS_ERR(change.snap)) {
		vpin_pin_free(change.pin);
		return -ENOMEM;
	}
	for (i = 0; i < nr && !ret; i++) {
		struct vpin_range range = vpin_bench_map_range(&change, i, 0);

		if (!vpin_bench_map_replace(&change,
					    vpin_snap_insert(change.snap, &range)))
			ret = -ENOMEM;
	}
	if (!ret)
		ret = vpin_bench_map_measure(m, &change);
	vpin_snap_put(change.snap);
	vpin_pin_free(change.pin);
	return ret;
}

int vpin_bench_map(struct seq_file *m)
{
	static const u32 ranges[] = { 1, 64, 1024 };
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(ranges) && !ret; i++)
		ret = vpin_bench_map_ranges(m, ranges[i]);
	return ret;
}
