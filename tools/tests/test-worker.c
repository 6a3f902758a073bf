// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads that serve the queues: one a running queue, charged to who
 * started it, as nice as that or as it was asked for, gone when it stops.
 */
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend.h"
#include "dev.h"
#include "harness.h"
#include "host.h"

#define QUEUES	3

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
	int ids[QUEUES], workers = host_worker_ids(ids, QUEUES), i;

	*all = true;
	for (i = 0; i < workers && i < QUEUES; i++) {
		char path[64], text[4096];

		snprintf(path, sizeof(path), "/proc/%d/cgroup", ids[i]);
		if (read_text(path, text, sizeof(text)) || !strstr(text, group))
			*all = false;
	}
	return workers;
}

/* How many workers there are with this nice value. */
static int workers_as_nice_as(int nice)
{
	int ids[QUEUES], workers = host_worker_ids(ids, QUEUES), as_nice = 0, i;

	for (i = 0; i < workers && i < QUEUES; i++)
		as_nice += getpriority(PRIO_PROCESS, ids[i]) == nice;
	return as_nice;
}

FIXTURE(worker) {
	int backend;
	struct dev dev;
};

FIXTURE_SETUP(worker)
{
	const struct dev_options options = { .queues = QUEUES };

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
	EXPECT_EQ(QUEUES, host_workers());
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
	EXPECT_EQ(QUEUES, workers_in("/vpin-test-worker\n", &all));
	EXPECT_TRUE(all);
	ASSERT_EQ(0, dev_stop(&self->dev));
}

TEST_F(worker, as_nice_as_who_starts_it)
{
	ASSERT_EQ(0, setpriority(PRIO_PROCESS, 0, 7));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(QUEUES, workers_as_nice_as(7));
	ASSERT_EQ(0, dev_stop(&self->dev));
}

/* Whoever starts it then. */
TEST_F(worker, as_nice_as_it_was_attached)
{
	const struct dev_options options = {
		.queues = QUEUES, .attach_flags = VPIN_ATTACH_NICE, .nice = -10,
	};

	dev_close(&self->dev);
	ASSERT_EQ(0, dev_open(&self->dev, self->backend, &options));
	ASSERT_EQ(0, setpriority(PRIO_PROCESS, 0, 7));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(QUEUES, workers_as_nice_as(-10));
	ASSERT_EQ(0, dev_stop(&self->dev));
}

TEST_HARNESS_MAIN
