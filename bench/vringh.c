// SPDX-License-Identifier: GPL-2.0-only
/*
 * vringh, the kernel's own helper for the device's side of a split ring, in two
 * flavours: "kern" takes what is in descriptors for the kernel's addresses and
 * translates nothing; "iotlb" finds the ring through an IOTLB, and buffers are
 * looked up there as its own accessors do it.
 *
 * It walks no chain that it did not take from the driver area: its walks have
 * that in them, and nobody else's do.  It reads the driver's index for each
 * chain, with a read barrier, and publishes each used entry, with a write
 * barrier; UML makes fence instructions of both where x86 needs none.
 */
#include <linux/io.h>
#include <uapi/linux/virtio_config.h>
#include "rig.h"

#define BENCH_FEATURES	(BIT_ULL(VIRTIO_F_VERSION_1) | \
			 BIT_ULL(VIRTIO_RING_F_EVENT_IDX))

/* The ring's places are pointers, also where a GPA is meant. */
static void *vringh_gpa(u64 gpa)
{
	return (void *)(unsigned long)gpa;
}

static void kern_start(struct vpin_bench_rig *rig)
{
	vringh_init_kern(&rig->vringh, BENCH_FEATURES, rig->shape.num, true,
			 rig->kern_desc, rig->avail, rig->used);
}

static void iotlb_start(struct vpin_bench_rig *rig)
{
	vringh_init_iotlb(&rig->vringh, BENCH_FEATURES, rig->shape.num, true,
			  vringh_gpa(rig->desc_gpa), vringh_gpa(rig->avail_gpa),
			  vringh_gpa(rig->used_gpa));
	vringh_set_iotlb(&rig->vringh, rig->guest.iotlb, &rig->guest.lock);
}

static u64 kern_sum(struct vpin_bench_rig *rig, const struct vringh_kiov *iov,
		    u32 perm)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < iov->used; i++)
		sum += vpin_bench_add(iov->iov[i].iov_base,
				      iov->iov[i].iov_len);
	return sum;
}

static u64 iotlb_sum(struct vpin_bench_rig *rig, const struct vringh_kiov *iov,
		     u32 perm)
{
	struct vhost_iotlb *iotlb = rig->guest.iotlb;
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < iov->used; i++) {
		u64 gpa = (unsigned long)iov->iov[i].iov_base;
		u64 left = iov->iov[i].iov_len;

		spin_lock(&rig->guest.lock);
		while (left) {
			struct vhost_iotlb_map *map;
			u64 n;

			map = vhost_iotlb_itree_first(iotlb, gpa,
						      gpa + left - 1);
			if (!map || map->start > gpa || !(map->perm & perm))
				break;
			n = min(left, map->size - (gpa - map->start));
			sum += vpin_bench_add(phys_to_virt(map->addr + gpa -
							   map->start), n);
			gpa += n;
			left -= n;
		}
		spin_unlock(&rig->guest.lock);
	}
	return sum;
}

#define VRINGH_CONTESTANT(_flavour)					       \
static u64 _flavour##_both(struct vpin_bench_rig *rig)			       \
{									       \
	return _flavour##_sum(rig, &rig->riov, VHOST_MAP_RO) +		       \
	       _flavour##_sum(rig, &rig->wiov, VHOST_MAP_WO);		       \
}									       \
									       \
static u64 _flavour##_walk(struct vpin_bench_rig *rig, unsigned int sweeps)    \
{									       \
	u64 sum = 0;							       \
	u16 head;							       \
									       \
	while (sweeps--) {						       \
		vpin_bench_offer(rig, rig->shape.nr_chains);		       \
		while (vringh_getdesc_##_flavour(&rig->vringh, &rig->riov,     \
						 &rig->wiov, &head,	       \
						 GFP_KERNEL) > 0)	       \
			sum += _flavour##_both(rig);			       \
	}								       \
	return sum;							       \
}									       \
									       \
static __always_inline unsigned int					       \
_flavour##_turn(struct vpin_bench_rig *rig, unsigned int batch, u64 *sum)      \
{									       \
	unsigned int nr = 0;						       \
	u16 head;							       \
									       \
	while (nr < batch &&						       \
	       vringh_getdesc_##_flavour(&rig->vringh, &rig->riov,	       \
					 &rig->wiov, &head, GFP_KERNEL) > 0) { \
		*sum += _flavour##_both(rig);				       \
		vringh_complete_##_flavour(&rig->vringh, head, 1);	       \
		nr++;							       \
	}								       \
	if (nr)								       \
		rig->signals += vringh_need_notify_##_flavour(&rig->vringh);   \
	return nr;							       \
}									       \
									       \
static u64 _flavour##_request(struct vpin_bench_rig *rig, unsigned int nr,     \
			      unsigned int batch, bool offer)		       \
{									       \
	return vpin_bench_serve(rig, nr, batch, offer, _flavour##_turn);       \
}

VRINGH_CONTESTANT(kern)
VRINGH_CONTESTANT(iotlb)

const struct vpin_bench_contestant vpin_bench_vringh_kern = {
	.who = "vringh-kern",
	.untranslated = true,
	.start = kern_start,
	.walk = kern_walk,
	.request = kern_request,
};

const struct vpin_bench_contestant vpin_bench_vringh_iotlb = {
	.who = "vringh-iotlb",
	.start = iotlb_start,
	.walk = iotlb_walk,
	.request = iotlb_request,
};
