// SPDX-License-Identifier: GPL-2.0-only
/*
 * Mapping and unmapping 1 GiB of the reader's memory: us for both.
 *
 * The floor is one pass over the pages to pin them, and one to unpin them.
 */
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sizes.h>
#include <vpin/mem.h>
#include "bench.h"

#define BENCH_MEMORY	SZ_1G
#define BENCH_PAGES	(BENCH_MEMORY >> PAGE_SHIFT)
#define BENCH_PASS	2048	/* pages pinned by one call */

struct vpin_bench_memory {
	unsigned long addr;
	struct page **pages;
	struct vpin_mem mem;
};

static u64 vpin_bench_memory_floor(struct vpin_bench_memory *memory)
{
	unsigned long done = 0;

	while (done < BENCH_PAGES) {
		int ret = pin_user_pages_fast(memory->addr + done * PAGE_SIZE,
					      BENCH_PASS,
					      FOLL_LONGTERM | FOLL_WRITE,
					      memory->pages + done);

		if (ret <= 0)
			break;
		done += ret;
		cond_resched();
	}
	unpin_user_pages_dirty_lock(memory->pages, done, true);
	return done;
}

static u64 vpin_bench_memory_pin(struct vpin_bench_memory *memory)
{
	u64 nr;

	if (vpin_mem_map(&memory->mem, 0, BENCH_MEMORY, memory->addr,
			 VPIN_PERM_READ | VPIN_PERM_WRITE))
		return 0;
	nr = memory->mem.snap->ranges[0].pin->nr_pages;
	return vpin_mem_unmap(&memory->mem, 0, BENCH_MEMORY) ? 0 : nr;
}

static u64 vpin_bench_memory_run(struct vpin_bench *bench, unsigned int who,
				 unsigned int n)
{
	u64 sum = 0;

	while (n--)
		sum += who ? vpin_bench_memory_pin(bench->priv) :
			     vpin_bench_memory_floor(bench->priv);
	return sum;
}

static int vpin_bench_memory_measure(struct seq_file *m,
				     struct vpin_bench_memory *memory)
{
	struct vpin_bench bench = {
		.name = "kernel/memory/mib=1024",
		.unit = "us",
		.per = 1,
		.slice_us = 1000,
		.priv = memory,
		.nr = 2,
		.who = { "floor", "vhost-pin" },
		.expect = { BENCH_PAGES, BENCH_PAGES },
		.run = vpin_bench_memory_run,
	};

	return vpin_bench_measure(&bench, m);
}

int vpin_bench_memory(struct seq_file *m)
{
	struct vpin_bench_memory memory = {};
	int ret;

	memory.pages = kvmalloc_array(BENCH_PAGES, sizeof(*memory.pages),
				      GFP_KERNEL);
	if (!memory.pages)
		return -ENOMEM;
	memory.addr = vm_mmap(NULL, 0, BENCH_MEMORY, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, 0);
	if (IS_ERR_VALUE(memory.addr)) {
		ret = (long)memory.addr;
		goto free;
	}
	ret = vpin_mem_init(&memory.mem);
	if (ret)
		goto unmap;
	ret = vpin_mem_bind(&memory.mem);
	if (!ret)
		ret = vpin_bench_memory_measure(m, &memory);
	vpin_mem_fini(&memory.mem);
unmap:
	vm_munmap(memory.addr, BENCH_MEMORY);
free:
	kvfree(memory.pages);
	return ret;
}
