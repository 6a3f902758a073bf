// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "sample.h"

/* Nanoseconds that a sample is to take, about. */
#define SAMPLE_NS	1500000.0
/* Chains, or requests, that all must see alike before anything is measured. */
#define NR_COMPARED	4096

/* The floor is in the middle: next to each of the others. */
static const struct contestant *const contestants[NR_CONTESTANTS] = {
	&contestant_vhost_pin, &contestant_floor, &contestant_virtio_queue,
};

/* Our own time: what others do on a busy machine is none of it. */
static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static __u64 work(const struct bench *bench, unsigned int who, void *self,
		  __u64 nr)
{
	const struct contestant *c = contestants[who];

	return bench->batch ? c->request(self, nr, bench->batch) :
			      c->walk(self, nr);
}

/* What the contestants read must not be left out. */
static volatile __u64 sink;

static double sample(const struct bench *bench, unsigned int who, void *self,
		     __u64 nr)
{
	double start = now_ns();

	sink = work(bench, who, self, nr);
	return (now_ns() - start) / nr;
}

static void open_all(const struct bench *bench, struct guest *guest,
		     void *self[NR_CONTESTANTS])
{
	unsigned int i;

	guest_lay_out(guest, &bench->shape);
	for (i = 0; i < NR_CONTESTANTS; i++) {
		self[i] = contestants[i]->open(guest);
		if (!self[i])
			errx(1, "%s: %s cannot", bench->name,
			     contestants[i]->name);
	}
}

static void close_all(void *self[NR_CONTESTANTS])
{
	unsigned int i;

	for (i = 0; i < NR_CONTESTANTS; i++)
		contestants[i]->close(self[i]);
}

/* The same sums, and the same used ring if they fill one. */
static void compare(const struct bench *bench, const struct guest *guest,
		    void *self[NR_CONTESTANTS])
{
	size_t size = sizeof(struct vring_used) +
		      GUEST_QUEUE_SIZE * sizeof(struct vring_used_elem);
	void *used = guest_host(guest, guest->used);
	__u64 sum, first = 0;
	unsigned int i;
	char *copy;

	copy = malloc(size);
	if (!copy)
		err(1, "malloc");
	for (i = 0; i < NR_CONTESTANTS; i++) {
		memset(used, 0, size);
		sum = work(bench, i, self[i], NR_COMPARED);
		if (!i) {
			first = sum;
			memcpy(copy, used, size);
		}
		if (!sum || sum != first || memcmp(copy, used, size))
			errx(1, "%s: %s and %s do not see the same", bench->name,
			     contestants[0]->name, contestants[i]->name);
	}
	free(copy);
}

/* How many make a sample; warms up on the way. */
static __u64 calibrate(const struct bench *bench, unsigned int who, void *self)
{
	__u64 nr = NR_COMPARED / 4;

	for (;;) {
		double ns = sample(bench, who, self, nr) * nr;

		if (ns > SAMPLE_NS / 4)
			nr *= SAMPLE_NS / ns;
		else
			nr *= 2;
		/* Whole rounds through the chains, and whole batches. */
		nr = (nr + BATCH_MAX - 1) / BATCH_MAX * BATCH_MAX;
		if (ns > SAMPLE_NS / 4)
			return nr;
	}
}

/**
 * bench_run - measures one thing and prints a line for each sample
 * @bench: the thing
 * @guest: laid out anew
 * @rounds: samples of each contestant
 */
void bench_run(const struct bench *bench, struct guest *guest,
	       unsigned int rounds)
{
	void *self[NR_CONTESTANTS];
	__u64 nr[NR_CONTESTANTS];
	unsigned int round, i;

	open_all(bench, guest, self);
	compare(bench, guest, self);
	for (i = 0; i < NR_CONTESTANTS; i++)
		nr[i] = calibrate(bench, i, self[i]);

	for (round = 0; round < rounds; round++) {
		double ns[NR_CONTESTANTS];

		for (i = 0; i < NR_CONTESTANTS; i++) {
			/* Every other round the other way round. */
			unsigned int who = round % 2 ?
					   NR_CONTESTANTS - 1 - i : i;

			/* What the one before left in caches and predictors. */
			sink = work(bench, who, self[who], BATCH_MAX * 8);
			ns[who] = sample(bench, who, self[who], nr[who]);
		}
		for (i = 0; i < NR_CONTESTANTS; i++)
			printf("{\"bench\":\"%s\",\"who\":\"%s\",\"round\":%u,\"value\":%.3f,\"unit\":\"ns\"}\n",
			       bench->name, contestants[i]->name, round, ns[i]);
	}
	fflush(stdout);
	close_all(self);
}

/**
 * bench_spin - has one contestant work for a while, for a profiler to look at
 * @bench: at what
 * @guest: laid out anew
 * @who: its name
 * @seconds: how long
 */
void bench_spin(const struct bench *bench, struct guest *guest,
		const char *who, unsigned int seconds)
{
	double end = now_ns() + seconds * 1e9;
	void *self[NR_CONTESTANTS];
	unsigned int i;

	open_all(bench, guest, self);
	for (i = 0; i < NR_CONTESTANTS; i++)
		if (!strcmp(contestants[i]->name, who))
			break;
	if (i == NR_CONTESTANTS)
		errx(2, "nobody is called %s", who);
	while (now_ns() < end)
		sample(bench, i, self[i], NR_COMPARED);
	close_all(self);
}
