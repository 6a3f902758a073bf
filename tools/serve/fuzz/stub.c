// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that is none, for the fuzzer: it holds the rest of the server to what
 * the module demands of it, and fails when it is told to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../../cli/say.h"
#include "stub.h"

#define RANGES_MAX	1024

static struct {
	uint64_t gpa, size;
} ranges[RANGES_MAX];
static unsigned int num_ranges;
static bool in_batch, has_log;
static bool started[VPIN_QUEUES_MAX];
static int eventfds[3][VPIN_QUEUES_MAX];

/* Calls that fail: one bit each, again and again. */
static uint64_t failures;
static unsigned int calls;

static void must(bool holds)
{
	if (!holds)
		abort();
}

static int maybe(int error)
{
	return failures >> (calls++ % 64) & 1 ? -error : 0;
}

void stub_begin(struct device *device, uint64_t fail)
{
	*device = (struct device){
		.config_call = -1,
		.offered = 0x130007e44 | 1ULL << 33,
		.num_queues = 4,
		.queue_size = 1024,
		.config_size = 96,
	};
	failures = fail;
	calls = 0;
}

void stub_end(const struct device *device)
{
	unsigned int i;

	must(!num_ranges && !in_batch && !has_log && !device->running);
	for (i = 0; i < VPIN_QUEUES_MAX; i++)
		must(!started[i] && eventfds[0][i] <= 0 && eventfds[1][i] <= 0 &&
		     eventfds[2][i] <= 0);
}

int device_set_features(struct device *device, uint64_t features)
{
	if (device->running && features != device->features)
		return -EBUSY;
	must(!(features & ~device->offered));
	device->features = features;
	return 0;
}

int device_get_config(struct device *device, uint32_t offset, uint32_t size, void *data)
{
	(void)device;
	must(offset <= 256 && size <= 256 - offset);
	memset(data, 0x5a, size);
	return maybe(EINVAL);
}

bool device_has_broken(struct device *device)
{
	(void)device;
	return maybe(1);
}

/* It cannot fail but for a signal that ends the process. */
int device_reset(struct device *device)
{
	memset(started, 0, sizeof(started));
	device->running = 0;
	return 0;
}

int device_map(struct device *device, uint64_t gpa, uint64_t size, const void *uaddr)
{
	unsigned char pages[1];
	unsigned int i;

	(void)device;
	must(size && gpa + size - 1 >= gpa && num_ranges < RANGES_MAX);
	/* It is mapped here, from the first byte to the last. */
	must(!mincore((void *)((uintptr_t)uaddr & ~4095UL), 1, pages));
	must(!mincore((void *)(((uintptr_t)uaddr + size - 1) & ~4095UL), 1, pages));
	for (i = 0; i < num_ranges; i++)
		must(gpa > ranges[i].gpa + ranges[i].size - 1 || gpa + size - 1 < ranges[i].gpa);
	if (maybe(EFAULT))
		return -EFAULT;
	ranges[num_ranges].gpa = gpa;
	ranges[num_ranges++].size = size;
	return 0;
}

int device_unmap(struct device *device, uint64_t gpa, uint64_t size)
{
	unsigned int i = 0;

	(void)device;
	while (i < num_ranges) {
		if (gpa > ranges[i].gpa + ranges[i].size - 1 || gpa + size - 1 < ranges[i].gpa)
			i++;
		else
			ranges[i] = ranges[--num_ranges];
	}
	return 0;
}

int device_batch_begin(struct device *device)
{
	(void)device;
	if (maybe(ENOMEM))
		return -ENOMEM;
	in_batch = true;
	return 0;
}

int device_batch_end(struct device *device)
{
	(void)device;
	/* What was done without a batch was seen as it went. */
	must(in_batch || !num_ranges);
	/* To have nothing takes no memory. */
	if (in_batch && num_ranges && maybe(ENOMEM))
		return -ENOMEM;
	in_batch = false;
	return 0;
}

static int set_eventfd(unsigned int which, unsigned int index, int eventfd)
{
	must(index < VPIN_QUEUES_MAX);
	if (eventfd >= 0 && maybe(EINVAL))
		return -EINVAL;
	eventfds[which][index] = eventfd;
	return 0;
}

int device_set_kick(struct device *device, unsigned int index, int eventfd)
{
	(void)device;
	return set_eventfd(0, index, eventfd);
}

int device_set_call(struct device *device, unsigned int index, int eventfd)
{
	(void)device;
	return set_eventfd(1, index, eventfd);
}

int device_set_err(struct device *device, unsigned int index, int eventfd)
{
	(void)device;
	return set_eventfd(2, index, eventfd);
}

int device_set_ring(struct device *device, unsigned int index, const struct device_ring *ring)
{
	must(index < device->num_queues && !started[index]);
	must(ring->num && !(ring->num & (ring->num - 1)) && ring->num <= device->queue_size);
	return maybe(EINVAL) ? -EINVAL : maybe(EBUSY) ? -EBUSY : 0;
}

int device_start_queue(struct device *device, unsigned int index, uint16_t base)
{
	(void)base;
	/* What is in a batch it would not see. */
	must(index < device->num_queues && !started[index] && !in_batch);
	if (maybe(EINVAL))
		return -EINVAL;
	started[index] = true;
	device->running++;
	return 0;
}

int device_stop_queue(struct device *device, unsigned int index)
{
	must(index < device->num_queues && started[index]);
	started[index] = false;
	device->running--;
	return 0x1234;
}

int device_set_log(struct device *device, const void *bitmap, size_t size)
{
	(void)device;
	must(!bitmap || size);
	if (bitmap && maybe(EFAULT))
		return -EFAULT;
	has_log = bitmap;
	return 0;
}

/* Nobody reads what the fuzzer would say. */
void say(const char *fmt, ...)
{
	(void)fmt;
}

noreturn void die(int status, const char *fmt, ...)
{
	(void)status;
	(void)fmt;
	abort();
}
