// SPDX-License-Identifier: GPL-2.0-only
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "blk.h"

void blk_init(struct blk_request *request, struct guest *guest)
{
	request->header = guest_alloc(guest, sizeof(*request->header), 16);
	request->status = guest_alloc(guest, 1, 1);
	request->head = -1;
}

static bool reads(uint32_t type)
{
	return type == VIRTIO_BLK_T_IN || type == VIRTIO_BLK_T_GET_ID;
}

/* Where data is that may be none. */
static uint64_t data_iova(const struct vq *vq, const void *data, uint32_t length)
{
	return length ? guest_iova(vq->guest, data) : 0;
}

int blk_add_at(struct vq *vq, struct blk_request *request, uint32_t type,
	       uint64_t sector, uint64_t iova, uint32_t length)
{
	const struct guest *guest = vq->guest;
	struct vq_buf bufs[3];
	unsigned int num = 0;

	request->header->type = htole32(type);
	request->header->ioprio = 0;
	request->header->sector = htole64(sector);
	*request->status = BLK_NO_STATUS;

	bufs[num++] = (struct vq_buf){ guest_iova(guest, request->header),
				       sizeof(*request->header), false };
	if (length)
		bufs[num++] = (struct vq_buf){ iova, length, reads(type) };
	bufs[num++] = (struct vq_buf){ guest_iova(guest, request->status), 1, true };

	request->head = vq_add(vq, bufs, num);
	return request->head < 0 ? request->head : 0;
}

int blk_add(struct vq *vq, struct blk_request *request, uint32_t type,
	    uint64_t sector, const void *data, uint32_t length)
{
	return blk_add_at(vq, request, type, sector, data_iova(vq, data, length), length);
}

int blk_do_at(struct vq *vq, struct blk_request *request, uint32_t type,
	      uint64_t sector, uint64_t iova, uint32_t length, uint32_t *written)
{
	struct vring_used_elem elem;
	int ret;

	ret = blk_add_at(vq, request, type, sector, iova, length);
	if (ret)
		return ret;
	vq_publish(vq);
	ret = vq_wait(vq, &elem, VQ_TIMEOUT_MS);
	if (ret)
		return ret;
	if (elem.id != (uint32_t)request->head)
		return -EBADMSG;
	if (written)
		*written = elem.len;
	return *request->status;
}

int blk_do(struct vq *vq, struct blk_request *request, uint32_t type,
	   uint64_t sector, const void *data, uint32_t length, uint32_t *written)
{
	return blk_do_at(vq, request, type, sector, data_iova(vq, data, length), length,
			 written);
}

int64_t blk_do_chain(struct vq *vq, const struct vq_buf *bufs, unsigned int num)
{
	struct vring_used_elem elem;
	int head, ret;

	head = vq_add(vq, bufs, num);
	if (head < 0)
		return head;
	vq_publish(vq);
	ret = vq_wait(vq, &elem, VQ_TIMEOUT_MS);
	if (ret)
		return ret;
	return elem.id == (uint32_t)head ? (int64_t)elem.len : -EBADMSG;
}

/* The word at byte @offset of the disk; every byte of it depends on the place. */
static uint64_t pattern_word(uint64_t offset, uint32_t seed)
{
	return (offset / 8 + 1) * 0x9e3779b97f4a7c15ULL ^
	       (seed + 1) * 0xbf58476d1ce4e5b9ULL;
}

void pattern_fill(void *data, size_t length, uint64_t sector, uint32_t seed)
{
	uint8_t *to = data;
	size_t at;

	for (at = 0; at < length; at += 8) {
		uint64_t word = pattern_word(sector * SECTOR + at, seed);

		memcpy(to + at, &word, length - at < 8 ? length - at : 8);
	}
}

bool pattern_is(const void *data, size_t length, uint64_t sector, uint32_t seed)
{
	const uint8_t *from = data;
	size_t at;

	for (at = 0; at < length; at += 8) {
		uint64_t word = pattern_word(sector * SECTOR + at, seed);

		if (memcmp(from + at, &word, length - at < 8 ? length - at : 8))
			return false;
	}
	return true;
}

bool all_bytes_are(const void *data, size_t length, uint8_t byte)
{
	const uint8_t *from = data;

	while (length--)
		if (*from++ != byte)
			return false;
	return true;
}
