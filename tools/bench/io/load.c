// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <time.h>

#include "load.h"
#include "say.h"

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* xorshift64*: the upper half of a product picks a place without a division. */
static uint64_t random_below(uint64_t *state, uint64_t end)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (__uint128_t)(*state * 0x2545f4914f6cdd1dULL) * end >> 64;
}

/* A disk may want long requests in pieces. */
static unsigned int cut(struct load_thread *thread, char *data)
{
	const struct load *load = thread->load;
	unsigned int step = load->disk->segment_size, left = load->options.size;
	unsigned int nr = 0;

	for (; left; nr++) {
		unsigned int length = step && step < left ? step : left;

		thread->pieces[nr].iov_base = data;
		thread->pieces[nr].iov_len = length;
		data += length;
		left -= length;
	}
	return nr;
}

static void submit(struct load_thread *thread, struct load_request *request)
{
	const struct load_options *options = &thread->load->options;
	uint64_t offset = random_below(&thread->random, thread->load->blocks) *
			  options->size;
	unsigned int step = thread->load->disk->segment_size;

	thread->started++;
	request->begin = options->latency_every &&
			 thread->started % options->latency_every == 0 ? now_ns() : 0;

	if (step && step < options->size) {
		unsigned int nr = cut(thread, request->data);

		if (options->write)
			blkioq_writev(thread->queue, offset, thread->pieces, nr, request, 0);
		else
			blkioq_readv(thread->queue, offset, thread->pieces, nr, request, 0);
	} else if (options->write) {
		blkioq_write(thread->queue, offset, request->data, options->size,
			     request, 0);
	} else {
		blkioq_read(thread->queue, offset, request->data, options->size,
			    request, 0);
	}
}

static void finish(struct load_thread *thread, const struct blkio_completion *completion)
{
	struct load_request *request = completion->user_data;

	if (completion->ret)
		die("a request failed: %s%s%s", strerror(-completion->ret),
		    completion->error_msg ? ": " : "",
		    completion->error_msg ? completion->error_msg : "");
	if (request->begin)
		latency_add(&thread->latency, now_ns() - request->begin);
	thread->idle[thread->nr_idle++] = request;
}

static bool may_submit(const struct load_thread *thread)
{
	uint64_t requests = thread->load->options.requests;

	return !atomic_load_explicit(&thread->load->stop, memory_order_relaxed) &&
	       (!requests || thread->started < requests);
}

static void *run(void *arg)
{
	struct load_thread *thread = arg;
	unsigned int depth = thread->load->options.depth;
	struct blkio_completion completions[depth];
	int i, n;

	for (;;) {
		while (thread->nr_idle && may_submit(thread))
			submit(thread, thread->idle[--thread->nr_idle]);
		if (thread->nr_idle == depth)
			return NULL;

		/* One call submits what there is and waits for what ends. */
		n = blkioq_do_io(thread->queue, completions, 1, depth, NULL);
		if (n < 0)
			die("blkioq_do_io: %s: %s", strerror(-n), blkio_get_error_msg());
		for (i = 0; i < n; i++)
			finish(thread, &completions[i]);
		atomic_store_explicit(&thread->ended, thread->started -
				      (depth - thread->nr_idle), memory_order_relaxed);
	}
}

static void prepare(struct load *load, struct load_thread *thread,
		    unsigned int index, char *data)
{
	const struct load_options *options = &load->options;
	unsigned int i;

	thread->load = load;
	thread->queue = disk_queue(load->disk, index);
	if (!thread->queue)
		die("there is no queue %u", index);
	thread->random = 0x9e3779b97f4a7c15ULL * (index + 1);
	thread->requests = calloc(options->depth, sizeof(*thread->requests));
	thread->idle = calloc(options->depth, sizeof(*thread->idle));
	thread->pieces = calloc(options->size / 512, sizeof(*thread->pieces));
	if (!thread->requests || !thread->idle || !thread->pieces)
		die("no memory");
	for (i = 0; i < options->depth; i++) {
		thread->requests[i].data = data + (size_t)i * options->size;
		thread->idle[thread->nr_idle++] = &thread->requests[i];
	}
}

void load_start(struct load *load, struct disk *disk, const struct load_options *options)
{
	size_t size = (size_t)options->depth * options->size;
	unsigned int i, queues = disk->options.queues;
	char *data;

	memset(load, 0, sizeof(*load));
	load->options = *options;
	load->disk = disk;
	load->blocks = disk->capacity / options->size;
	if (!load->blocks)
		die("%s is too small", disk->options.path);
	load->threads = calloc(queues, sizeof(*load->threads));
	if (!load->threads)
		die("no memory");

	data = disk_memory(disk, queues * size);
	for (i = 0; i < queues; i++)
		prepare(load, &load->threads[i], i, data + i * size);
	for (i = 0; i < queues; i++)
		if (pthread_create(&load->threads[i].thread, NULL, run, &load->threads[i]))
			die("no thread");
}

void load_stop(struct load *load)
{
	atomic_store(&load->stop, true);
}

void load_join(struct load *load)
{
	unsigned int i;

	for (i = 0; i < load->disk->options.queues; i++)
		pthread_join(load->threads[i].thread, NULL);
}

uint64_t load_ended(struct load *load)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < load->disk->options.queues; i++)
		sum += atomic_load_explicit(&load->threads[i].ended, memory_order_relaxed);
	return sum;
}
