/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk that forgets: a RAM disk whose writes are in a volatile cache until a
 * flush or FUA makes them stable.  For the lab's tests: never load it elsewhere.
 */
#ifndef _FORGET_H
#define _FORGET_H

#include <linux/blk-mq.h>
#include <linux/list.h>
#include <linux/spinlock.h>

/* What a disk was asked to do. */
enum forget_count {
	FORGET_READS,
	FORGET_WRITES,
	FORGET_FUA,		/* of the writes */
	FORGET_FLUSHES,
	FORGET_DISCARDS,
	FORGET_ZEROES,
	FORGET_UNMAPS,		/* of the zeroes, those that may deallocate */
	FORGET_POLLED,		/* of all, those on a queue that is polled */
	FORGET_COUNTS,
};

/**
 * struct forget_memory - what a disk holds
 * @lock: guards all of it
 * @nr: sectors
 * @seen: what is read
 * @stable: what a power cut leaves; NULL without a cache
 * @unstable: a bit for each sector that was written since it was stable
 * @counts: of requests
 */
struct forget_memory {
	spinlock_t lock;
	sector_t nr;
	u8 *seen;
	u8 *stable;
	unsigned long *unstable;
	u64 counts[FORGET_COUNTS];
};

/* What is asked of a new disk. */
struct forget_options {
	char name[16];
	unsigned int size;	/* MiB */
	unsigned int block;	/* bytes of a logical block */
	unsigned int tags;
	unsigned int poll;	/* queues that are polled */
	unsigned int cache;
	unsigned int fua;
	unsigned int discard;	/* 2: says that it does, and refuses */
	unsigned int zeroes;
};

/**
 * struct forget_disk - a disk
 * @node: in the list of all
 * @memory: what it holds
 * @options: as it was asked for
 * @after: the disk that shows what a cut left; NULL for such a one
 * @refuse: answers discards with "not supported"
 * @lock: guards @hold, the lists and @fail*
 * @hold: requests are kept, not done
 * @held: the kept ones
 * @polled: those that wait to be polled for
 * @fail: the kind of request that fails, FORGET_COUNTS for none
 * @fail_first: first sector for which it does
 * @fail_last: last one
 */
struct forget_disk {
	struct list_head node;
	struct forget_memory memory;
	struct forget_options options;
	struct forget_disk *after;
	struct gendisk *disk;
	struct blk_mq_tag_set set;
	unsigned int poll;
	bool refuse;
	spinlock_t lock;
	bool hold;
	struct list_head held;
	struct list_head polled;
	enum forget_count fail;
	sector_t fail_first;
	sector_t fail_last;
};

int forget_memory_init(struct forget_memory *memory, sector_t nr, bool cache);
void forget_memory_free(struct forget_memory *memory);
void forget_memory_blank(struct forget_memory *memory);
void forget_memory_do(struct forget_memory *memory, struct request *rq);
enum forget_count forget_memory_kind(const struct request *rq);
u64 forget_memory_unstable(struct forget_memory *memory);
void forget_memory_cut(struct forget_memory *memory, u8 *after, u64 seed);

struct forget_disk *forget_disk_create(const struct forget_options *options);
void forget_disk_destroy(struct forget_disk *disk);
bool forget_disk_is_open(struct forget_disk *disk);
int forget_disk_blank(struct forget_disk *disk,
		      const struct forget_options *options);

#endif
