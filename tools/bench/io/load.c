// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/mman.h>

#include "clock.h"
#include "load.h"
#include "random.h"
#include "say.h"

/* Where a request's data lies; a disk may want long pieces cut. */
static unsigned int place(struct load_thread *thread, struct load_request *request)
{
	const struct load *load = thread->load;
	const struct load_options *options = &load->options;
	unsigned int segment = options->size / options->segments, step = segment;
	unsigned int nr = 0, done, i;
	char *data = request->data;

	if (load->disk->segment_size && load->disk->segment_size < segment)
		step = load->disk->segment_size;
	for (i = 0; i < options->segments; i++, data += segment) {
		if (options->memory.size)
			data = memory_place(&load->memory, &thread->random, segment);
		for (done = 0; done < segment; done += step, nr++) {
			request->pieces[nr].iov_base = data + done;
			request->pieces[nr].iov_len = segment - done < step ? segment - done : step;
		}
	}
	return nr;
}

static void submit(struct load_thread *thread, struct load_request *request)
{
	const struct load_options *options = &thread->load->options;
	uint64_t offset = random_below(&thread->random, thread->load->blocks) *
			  options->size;
	unsigned int nr = place(thread, request);

	thread->started++;
	request->begin = 0;
	if (thread->until_timed && !--thread->until_timed) {
		thread->until_timed = options->latency_every;
		request->begin = now_ticks();
	}

	if (nr > 1) {
		if (options->write)
			blkioq_writev(thread->queue, offset, request->pieces, nr, request, 0);
		else
			blkioq_readv(thread->queue, offset, request->pieces, nr, request, 0);
	} else if (options->write) {
		blkioq_write(thread->queue, offset, request->pieces->iov_base,
			     options->size, request, 0);
	} else {
		blkioq_read(thread->queue, offset, request->pieces->iov_base,
			    options->size, request, 0);
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
		latency_add(&thread->latency, now_ticks() - request->begin);
	thread->idle[thread->nr_idle++] = request;
}

static bool may_submit(const struct load_thread *thread)
{
	uint64_t requests = thread->load->options.requests;

	return !atomic_load_explicit(&thread->board->stop, memory_order_relaxed) &&
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
		if (!atomic_load_explicit(&thread->board->first, memory_order_relaxed))
			atomic_store(&thread->board->first, now_ns());
		atomic_store_explicit(&thread->board->ended, thread->started -
				      (depth - thread->nr_idle), memory_order_relaxed);
	}
}

static void prepare(struct load *load, struct load_thread *thread,
		    unsigned int index, char *data)
{
	const struct load_options *options = &load->options;
	unsigned int pieces = options->size / 512, i;

	thread->load = load;
	thread->queue = disk_queue(load->disk, index);
	if (!thread->queue)
		die("there is no queue %u", index);
	thread->until_timed = options->latency_every;
	thread->random = 0x9e3779b97f4a7c15ULL * (index + 1);
	thread->requests = calloc(options->depth, sizeof(*thread->requests));
	thread->idle = calloc(options->depth, sizeof(*thread->idle));
	if (!thread->requests || !thread->idle)
		die("no memory");
	for (i = 0; i < options->depth; i++) {
		struct load_request *request = &thread->requests[i];

		if (data)
			request->data = data + (size_t)i * options->size;
		request->pieces = calloc(pieces, sizeof(*request->pieces));
		if (!request->pieces)
			die("no memory");
		thread->idle[thread->nr_idle++] = request;
	}
}

void load_prepare(struct load *load, struct disk *disk,
		  const struct load_options *options, struct load_board *boards)
{
	size_t size = (size_t)options->depth * options->size;
	unsigned int i, queues = disk->options.queues;
	char *data = NULL;

	memset(load, 0, sizeof(*load));
	load->options = *options;
	load->disk = disk;
	load->blocks = disk->capacity / options->size;
	if (!load->blocks)
		die("%s is too small", disk->options.path);
	load->threads = calloc(queues, sizeof(*load->threads));
	if (!load->threads)
		die("no memory");

	if (options->memory.size)
		memory_map(&load->memory, disk, &options->memory);
	else
		data = disk_memory(disk, queues * size);
	for (i = 0; i < queues; i++) {
		load->threads[i].board = &boards[i];
		prepare(load, &load->threads[i], i, data ? data + i * size : NULL);
	}
}

void load_start(struct load *load)
{
	unsigned int i;

	for (i = 0; i < load->disk->options.queues; i++)
		if (pthread_create(&load->threads[i].thread, NULL, run, &load->threads[i]))
			die("no thread");
}

void load_join(struct load *load)
{
	unsigned int i;

	for (i = 0; i < load->disk->options.queues; i++)
		pthread_join(load->threads[i].thread, NULL);
}

struct load_board *load_boards(unsigned int nr)
{
	void *boards = mmap(NULL, nr * sizeof(struct load_board), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (boards == MAP_FAILED)
		die("no memory");
	return boards;
}

void load_stop(struct load_board *boards, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		atomic_store(&boards[i].stop, true);
}

uint64_t load_ended(const struct load_board *boards, unsigned int nr)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		sum += atomic_load_explicit(&boards[i].ended, memory_order_relaxed);
	return sum;
}

uint64_t load_served(const struct load_board *boards, unsigned int nr)
{
	uint64_t last = 0;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		uint64_t first = atomic_load(&boards[i].first);

		if (!first)
			return 0;
		last = first > last ? first : last;
	}
	return last;
}
