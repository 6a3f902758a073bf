// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads that serve the queues: one a running queue, charged to who
 * started it, gone when it stops.
 */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "dev.h"
#include "harness.h"
#include "host.h"

#define CGROUPS	"/sys/fs/cgroup"
#define OURS	CGROUPS "/vpin-test-worker"

static int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), ret;

	if (fd < 0)
		return -1;
	ret = write(fd, text, strlen(text)) < 0 ? -1 : 0;
	close(fd);
	return ret;
}

static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY), length;

	if (fd < 0)
		return -1;
	length = read(fd, text, size - 1);
	close(fd);
	if (length < 0)
		return -1;
	text[length] = 0;
	return 0;
}

/* How many workers there are, and whether each is in the cgroup @group. */
static int workers_in(const char *group, bool *all)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int workers = 0;

	*all = true;
	while ((entry = readdir(proc))) {
		char path[300], text[4096];

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		if (read_text(path, text, sizeof(text)) ||
		    strncmp(text, "vpin-", 5) || !isdigit((unsigned char)text[5]))
			continue;
		workers++;
		snprintf(path, sizeof(path), "/proc/%s/cgroup", entry->d_name);
		if (read_text(path, text, sizeof(text)) || !strstr(text, group))
			*all = false;
	}
	closedir(proc);
	return workers;
}

FIXTURE(worker) {
	int backend;
	struct dev dev;
};

FIXTURE_SETUP(worker)
{
	const struct dev_options options = { .queues = 3 };

	self->backend = backend_memfd(1 << 20);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, dev_open(&self->dev, self->backend, &options));
}

FIXTURE_TEARDOWN(worker)
{
	dev_close(&self->dev);
	close(self->backend);
	write_text(CGROUPS "/cgroup.procs", "0");
	rmdir(OURS);
	EXPECT_EQ(0, host_workers());
}

TEST_F(worker, one_a_running_queue)
{
	EXPECT_EQ(0, host_workers());
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(3, host_workers());
	ASSERT_EQ(0, dev_stop(&self->dev));
	EXPECT_EQ(0, host_workers());
}

/* What a VM costs is on the account of its cgroup, the worker's time too. */
TEST_F(worker, in_the_cgroup_of_who_starts_it)
{
	bool all;

	ASSERT_EQ(0, mkdir(OURS, 0755));
	ASSERT_EQ(0, write_text(OURS "/cgroup.procs", "0"));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(3, workers_in("/vpin-test-worker\n", &all));
	EXPECT_TRUE(all);
	ASSERT_EQ(0, dev_stop(&self->dev));
}

TEST_HARNESS_MAIN
