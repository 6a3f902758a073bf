// SPDX-License-Identifier: GPL-2.0-only
/* What a guest can ask of a disk that the disk must not do. */
#include "hostile.h"

/* A request of @length bytes at @sector that must not succeed. */
#define EXPECT_REFUSED(status, type, sector, length) \
	EXPECT_EQ(status, blk_do(self->vq, &self->other, type, sector, self->data, length, NULL))

TEST_F(hostile, H18_sectors_beyond_the_disk)
{
	const uint64_t end = dev_capacity(&self->dev);

	EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_IN, end, SECTOR);
	EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_OUT, end - 1, 2 * SECTOR);
	EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_IN, ~0ULL, SECTOR);
	EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_OUT, ~0ULL, 2 * SECTOR);
	EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_IN, 1ULL << 55, SECTOR);
	EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_OUT, (1ULL << 55) - 1, 2 * SECTOR);
	EXPECT_ALIVE();
}

TEST_F(hostile, H18_length_of_no_whole_sectors)
{
	static const uint32_t lengths[] = { 1, 511, 513, 4095, 65537 };
	unsigned int i;

	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_IN, 0, lengths[i]);
		EXPECT_REFUSED(VIRTIO_BLK_S_IOERR, VIRTIO_BLK_T_OUT, 0, lengths[i]);
	}
	EXPECT_ALIVE();
}

TEST_F(hostile, H18_direction_against_the_type)
{
	uint32_t type;

	for (type = 0; type < 2; type++) {
		prepare(self, type, 0);
		DESC(0, HEADER, 16, NEXT, 1);
		DESC(1, DATA, SECTOR, NEXT | (type == VIRTIO_BLK_T_OUT ? WRITE : 0), 2);
		DESC(2, STATUS, 1, WRITE, 0);
		EXPECT_ANSWERED(0);
	}
	EXPECT_ALIVE();
}

TEST_F(hostile, H18_unknown_types)
{
	static const uint32_t types[] = { 2, 3, 5, 7, 9, 10, 12, 14, 15, 0x1000, 0x80000000, ~0U };
	unsigned int i;

	for (i = 0; i < sizeof(types) / sizeof(*types); i++)
		EXPECT_REFUSED(VIRTIO_BLK_S_UNSUPP, types[i], 0, SECTOR)
			TH_LOG("type %u", types[i]);
	EXPECT_ALIVE();
}

TEST_F(hostile, H18_get_id_of_other_lengths)
{
	unsigned int length;

	for (length = 1; length <= 64; length++) {
		memset(self->data, 0x33, 128);
		EXPECT_LE(0, blk_do(self->vq, &self->other, VIRTIO_BLK_T_GET_ID, 0,
				    self->data, length, NULL));
		EXPECT_TRUE(all_bytes_are(self->data + length, 128 - length, 0x33));
		EXPECT_TRUE(all_bytes_are(self->data + 20, 44, 0x33) || length > 20);
	}
	EXPECT_ALIVE();
}

TEST_F(hostile, H18_discard_segments)
{
	static const struct {
		uint64_t sector;
		uint32_t sectors, flags;
	} bad[] = {
		{ 2048, 1, 0 }, { 2047, 2, 0 }, { ~0ULL, 1, 0 }, { ~0ULL, ~0U, 0 },
		{ 0, ~0U, 0 }, { 0, 8, ~0U }, { 0, 8, 2 }, { 1ULL << 55, 8, 0 },
	};
	static const uint32_t types[] = { VIRTIO_BLK_T_DISCARD, VIRTIO_BLK_T_WRITE_ZEROES };
	struct virtio_blk_discard_write_zeroes *range = (void *)self->data;
	unsigned int i, type;

	for (type = 0; type < 2; type++) {
		for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
			range->sector = htole64(bad[i].sector);
			range->num_sectors = htole32(bad[i].sectors);
			range->flags = htole32(bad[i].flags);
			EXPECT_LT(0, blk_do(self->vq, &self->other, types[type], 0,
					    self->data, sizeof(*range), NULL))
				TH_LOG("type %u, segment %u", types[type], i);
		}
		/* Half of one, none, more than max_discard_seg of them. */
		memset(self->data, 0, MIB);
		EXPECT_LT(0, blk_do(self->vq, &self->other, types[type], 0, self->data, 8, NULL));
		EXPECT_LT(0, blk_do(self->vq, &self->other, types[type], 0, self->data, 17, NULL));
		EXPECT_LT(0, blk_do(self->vq, &self->other, types[type], 0, NULL, 0, NULL));
		EXPECT_LT(0, blk_do(self->vq, &self->other, types[type], 0,
				    self->data, 65536, NULL));
	}
	/* UNMAP belongs to write-zeroes alone. */
	range->num_sectors = htole32(8);
	range->flags = htole32(VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP);
	EXPECT_EQ(VIRTIO_BLK_S_UNSUPP, blk_do(self->vq, &self->other, VIRTIO_BLK_T_DISCARD, 0,
					      self->data, sizeof(*range), NULL));
	EXPECT_ALIVE();
}

TEST_HARNESS_MAIN
