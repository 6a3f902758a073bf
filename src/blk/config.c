// SPDX-License-Identifier: GPL-2.0-only
/*
 * Features and config space of a disk (VIRTIO 1.2, 5.2.3 and 5.2.4).
 */
#include <linux/blkdev.h>
#include <linux/log2.h>
#include <uapi/linux/virtio_config.h>
#include "blk.h"

static_assert(VPIN_BLK_CONFIG_SIZE <= VPIN_CONFIG_MAX);
static_assert(VPIN_BLK_CONFIG_SIZE >= sizeof(struct virtio_blk_config));

static __virtio16 vpin_le16(u16 v)
{
	return __cpu_to_virtio16(true, v);
}

static __virtio32 vpin_le32(u32 v)
{
	return __cpu_to_virtio32(true, v);
}

/* Block and I/O sizes that suit the backend, in units of the disk's blocks. */
static void vpin_blk_config_topology(struct virtio_blk_config *config,
				     const struct vpin_blk *blk)
{
	u32 block = blk->block_size;

	config->physical_block_exp = ilog2(blk->physical_size / block);
	config->min_io_size = vpin_le16(min_t(u32, blk->io_min / block, U16_MAX));
	config->opt_io_size = vpin_le32(blk->io_opt / block);
}

/* What a discard should be aligned to, in sectors. */
static u32 vpin_blk_config_discard_align(const struct vpin_blk *blk)
{
	u32 align = blk->block_size;

	if (blk->bdev)
		align = max(align, bdev_discard_granularity(blk->bdev));
	return align >> SECTOR_SHIFT;
}

/* The driver is told how long the disk is. */
void vpin_blk_config_capacity(struct vpin_blk *blk)
{
	blk->config.capacity = __cpu_to_virtio64(true, blk->capacity);
}

/**
 * vpin_blk_config_init - what a disk offers
 * @dev: the device
 * @blk: its disk, attached
 */
void vpin_blk_config_init(struct vpin_dev *dev, struct vpin_blk *blk)
{
	struct virtio_blk_config *config = &blk->config;
	u32 segs = clamp(dev->queue_size - 2, 1, VPIN_BLK_SEG_MAX);

	dev->config = blk->config_bytes;
	dev->config_size = VPIN_BLK_CONFIG_SIZE;
	dev->offered = BIT_ULL(VIRTIO_BLK_F_SEG_MAX) |
		       BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) |
		       BIT_ULL(VIRTIO_BLK_F_TOPOLOGY) |
		       BIT_ULL(VIRTIO_BLK_F_MQ) |
		       BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) |
		       BIT_ULL(VIRTIO_RING_F_EVENT_IDX) |
		       BIT_ULL(VIRTIO_F_VERSION_1) |
		       BIT_ULL(VIRTIO_F_ACCESS_PLATFORM);

	vpin_blk_config_capacity(blk);
	config->seg_max = vpin_le32(segs);
	config->blk_size = vpin_le32(blk->block_size);
	blk->writeback = !blk->writethrough;
	config->wce = blk->writeback;
	config->num_queues = vpin_le16(dev->nr_vqs);
	vpin_blk_config_topology(config, blk);
	/* So many, header and status, whatever the ring's size: QEMU takes them. */
	dev->chain_max = segs + 2;

	if (!blk->writethrough)
		dev->offered |= BIT_ULL(VIRTIO_BLK_F_FLUSH) |
				BIT_ULL(VIRTIO_BLK_F_CONFIG_WCE);

	if (blk->ro) {
		dev->offered |= BIT_ULL(VIRTIO_BLK_F_RO);
		return;
	}
	dev->offered |= BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES);
	config->max_write_zeroes_sectors = vpin_le32(VPIN_BLK_ZEROES_MAX);
	config->max_write_zeroes_seg = vpin_le32(VPIN_BLK_RANGES_MAX);
	config->write_zeroes_may_unmap = blk->discard;
	if (!blk->discard)
		return;
	dev->offered |= BIT_ULL(VIRTIO_BLK_F_DISCARD);
	/* Whole blocks: else the device would refuse what it says. */
	config->max_discard_sectors =
		vpin_le32(rounddown(U32_MAX, blk->block_size) >> SECTOR_SHIFT);
	config->max_discard_seg = vpin_le32(VPIN_BLK_RANGES_MAX);
	config->discard_sector_alignment =
		vpin_le32(vpin_blk_config_discard_align(blk));
}

/*
 * The one field that a driver may write is the cache mode.  What it chose outlives
 * a reset: a VMM resets to stop, and its guest does not choose again when it goes
 * on.  Another driver reads there what it finds (VIRTIO 1.2, 5.2.5).
 */
void vpin_blk_config_write(struct vpin_dev *dev, u32 offset, const u8 *buf,
			   u32 len)
{
	u32 wce = offsetof(struct virtio_blk_config, wce);
	struct vpin_blk *blk = dev->priv;

	if (blk->writethrough || offset > wce || wce >= offset + len)
		return;
	blk->writeback = buf[wce - offset];
	WRITE_ONCE(blk->config.wce, blk->writeback);
}

void vpin_blk_config_reset(struct vpin_dev *dev)
{
	struct vpin_blk *blk = dev->priv;

	WRITE_ONCE(blk->config.wce, blk->writeback);
}

/*
 * A driver that cannot flush starts with a cache that is written through
 * (VIRTIO 1.2, 5.2.5), which it did not choose.
 */
void vpin_blk_config_features_ok(struct vpin_dev *dev)
{
	struct vpin_blk *blk = dev->priv;

	if (!vpin_dev_has(dev, VIRTIO_BLK_F_FLUSH))
		WRITE_ONCE(blk->config.wce, 0);
}

/*
 * Whether a write may end before it is stable.  A driver that can neither flush
 * nor choose relies on it not to (VIRTIO 1.2, 5.2.6.2).
 */
bool vpin_blk_is_writeback(const struct vpin_dev *dev)
{
	const struct vpin_blk *blk = dev->priv;

	return (vpin_dev_has(dev, VIRTIO_BLK_F_FLUSH) ||
		vpin_dev_has(dev, VIRTIO_BLK_F_CONFIG_WCE)) &&
	       READ_ONCE(blk->config.wce);
}
