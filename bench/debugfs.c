// SPDX-License-Identifier: GPL-2.0-only
/*
 * debugfs: vhost_pin/bench/, a file for each group of benches.  Reading one
 * runs the group; each sample is a line of JSON.  "rounds" is how many of each.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <vpin/init.h>
#include "bench.h"

/* A seq_file that overflows is shown again from the start: it must not. */
#define BENCH_LINES_MAX	256	/* of a group, a round */
#define BENCH_LINE_MAX	160	/* bytes */

#define BENCH_FILE(_group)						       \
static int vpin_bench_##_group##_show(struct seq_file *m, void *unused)	       \
{									       \
	return vpin_bench_##_group(m);					       \
}									       \
									       \
static int vpin_bench_##_group##_open(struct inode *inode, struct file *file)  \
{									       \
	return single_open_size(file, vpin_bench_##_group##_show, NULL,	       \
				((size_t)vpin_bench_rounds + 1) *	       \
				BENCH_LINES_MAX * BENCH_LINE_MAX);	       \
}									       \
									       \
static const struct file_operations vpin_bench_##_group##_fops = {	       \
	.owner = THIS_MODULE,						       \
	.open = vpin_bench_##_group##_open,				       \
	.read = seq_read,						       \
	.llseek = seq_lseek,						       \
	.release = single_release,					       \
}

BENCH_FILE(walk);
BENCH_FILE(request);
BENCH_FILE(remote);
BENCH_FILE(map);
BENCH_FILE(memory);

/* All of it goes with vhost_pin/. */
void vpin_bench_init(void)
{
	struct dentry *parent = debugfs_lookup("vhost_pin", NULL);
	struct dentry *dir = debugfs_create_dir("bench", parent);

	dput(parent);
	debugfs_create_u32("rounds", 0600, dir, &vpin_bench_rounds);
	debugfs_create_file("walk", 0400, dir, NULL, &vpin_bench_walk_fops);
	debugfs_create_file("request", 0400, dir, NULL,
			    &vpin_bench_request_fops);
	debugfs_create_file("request-smp", 0400, dir, NULL,
			    &vpin_bench_remote_fops);
	debugfs_create_file("map", 0400, dir, NULL, &vpin_bench_map_fops);
	debugfs_create_file("memory", 0400, dir, NULL, &vpin_bench_memory_fops);
}
