// SPDX-License-Identifier: GPL-2.0-only
/*
 * stamps: a load that knows what it should read.  Every block of a disk or file
 * holds its own number and how many times it was written, and the rest of it
 * follows from these two.  So a write that was lost, done again later, or put
 * into the wrong place is seen by who reads next, and so is memory that changed
 * under a buffer that nobody used.
 *
 * "stamps run" works until SIGTERM and then reads all of it; "stamps check" is
 * for the host.  Both print a sum over all numbers, which must be the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <linux/fs.h>

#define BLOCK		4096
#define RUN		16	/* blocks of the longest request */
#define HOT		256	/* blocks at the start that half of all requests go to */
#define ALL		256	/* blocks that are read at once where all are read */
#define SYNC_EVERY	64	/* requests of a thread */
#define BEAT_MS		200
#define NS		1000000000ULL	/* of a second */

static const char help[] =
"Usage: stamps run [-t THREADS] [-m MIB] [-p PASSES] [-r RATE] FILE\n"
"       stamps check FILE\n"
"\n"
"run    works on it until SIGTERM, or until each buffer was used PASSES times, with\n"
"       THREADS requests at once and MIB of memory for their buffers; at most RATE\n"
"       requests a second, or, 0, as many as it can\n"
"check  reads it\n";

/* Memory for one request, and what it must still hold from the last. */
struct slot {
	uint32_t block, count;
	uint32_t seq[RUN];
};

static struct {
	const char *path, *name;
	int fd;
	uint32_t blocks;
	unsigned long threads, mib, passes, rate;
	uint32_t *seq;		/* of each block what was acknowledged last */
	bool *busy;		/* blocks of requests under way */
	pthread_mutex_t lock;	/* the two above, and the four below */
	unsigned long done;
	uint64_t last_ms, gap_ms;
	unsigned long working;	/* threads */
	bool stop;
} load = {
	.threads = 8, .mib = 8, .lock = PTHREAD_MUTEX_INITIALIZER,
};

static void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *fmt, ...)
{
	va_list args;

	flockfile(stdout);
	printf("guest: stamps %s: ", load.name);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	_exit(EXIT_FAILURE);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS + now.tv_nsec;
}

static uint64_t now_ms(void)
{
	return now_ns() / 1000000;
}

/* A block that was never written is zeroes. */
static void stamp(uint64_t *words, uint32_t block, uint32_t seq)
{
	uint64_t x = ((uint64_t)block << 32 | seq) * 0x9e3779b97f4a7c15ULL;
	unsigned int i;

	if (!seq) {
		memset(words, 0, BLOCK);
		return;
	}
	words[0] = block;
	words[1] = seq;
	for (i = 2; i < BLOCK / sizeof(*words); i++) {
		x += 0x9e3779b97f4a7c15ULL;
		words[i] = (x ^ x >> 29) * 0xbf58476d1ce4e5b9ULL;
	}
}

/* Whether the block holds that stamp; if not, says what it holds instead. */
static bool holds(const uint64_t *words, uint32_t block, uint32_t seq, const char *when)
{
	uint64_t want[BLOCK / sizeof(uint64_t)];
	const uint8_t *got = (const uint8_t *)words;
	unsigned int from = 0, to = BLOCK;

	stamp(want, block, seq);
	if (!memcmp(words, want, BLOCK))
		return true;
	while (got[from] == ((uint8_t *)want)[from])
		from++;
	while (got[to - 1] == ((uint8_t *)want)[to - 1])
		to--;
	flockfile(stdout);
	printf("guest: stamps %s: %s: block %u should be number %u, bytes %u to %u differ: ",
	       load.name, when, block, seq, from, to - 1);
	if (words[1] && words[0] < load.blocks) {
		stamp(want, words[0], words[1]);
		if (!memcmp(words, want, BLOCK)) {
			printf("it is block %u number %u\n", (uint32_t)words[0],
			       (uint32_t)words[1]);
			goto out;
		}
	}
	printf("%016llx %016llx %016llx there\n",
	       (unsigned long long)words[from / 8],
	       (unsigned long long)words[from / 8 + (from / 8 < 511)],
	       (unsigned long long)words[(to - 1) / 8]);
out:
	fflush(stdout);
	funlockfile(stdout);
	return false;
}

static void open_file(int flags)
{
	struct stat st;
	uint64_t size;

	load.name = strrchr(load.path, '/') ? strrchr(load.path, '/') + 1 : load.path;
	load.fd = open(load.path, flags);
	if (load.fd < 0 || fstat(load.fd, &st))
		die("cannot open: %s", strerror(errno));
	size = st.st_size;
	if (S_ISBLK(st.st_mode) && ioctl(load.fd, BLKGETSIZE64, &size))
		die("its size: %s", strerror(errno));
	load.blocks = size / BLOCK;
	if (load.blocks < HOT)
		die("%u blocks are too few", load.blocks);
	load.seq = calloc(load.blocks, sizeof(*load.seq));
	load.busy = calloc(load.blocks, sizeof(*load.busy));
	if (!load.seq || !load.busy)
		die("no memory");
}

/* Reads all of it: what it should be, or, the first time, what it is. */
static bool read_all(bool known, const char *when)
{
	static uint64_t buffer[ALL][BLOCK / sizeof(uint64_t)] __attribute__((aligned(BLOCK)));
	uint32_t block, count, i;
	bool good = true;

	for (block = 0; block < load.blocks; block += count) {
		count = load.blocks - block < ALL ? load.blocks - block : ALL;
		if (pread(load.fd, buffer, (size_t)count * BLOCK, (off_t)block * BLOCK) !=
		    (ssize_t)count * BLOCK)
			die("%s: cannot read block %u: %s", when, block, strerror(errno));
		for (i = 0; i < count; i++) {
			if (!known)
				load.seq[block + i] = buffer[i][1];
			good &= holds(buffer[i], block + i, load.seq[block + i], when);
		}
	}
	return good;
}

static void print_sum(void)
{
	uint64_t sum = 0xcbf29ce484222325ULL, writes = 0;
	uint32_t i;

	for (i = 0; i < load.blocks; i++) {
		sum = (sum ^ load.seq[i]) * 0x100000001b3ULL;
		writes += load.seq[i];
	}
	printf("guest: stamps %s: %u blocks, written %llu times, sum %016llx\n", load.name,
	       load.blocks, (unsigned long long)writes, (unsigned long long)sum);
	fflush(stdout);
}

static bool claim(uint32_t block, uint32_t count, uint32_t *seq)
{
	bool free = true;
	uint32_t i;

	pthread_mutex_lock(&load.lock);
	for (i = 0; i < count; i++)
		free &= !load.busy[block + i];
	for (i = 0; free && i < count; i++) {
		load.busy[block + i] = true;
		seq[i] = load.seq[block + i];
	}
	pthread_mutex_unlock(&load.lock);
	return free;
}

static void release(uint32_t block, uint32_t count, const uint32_t *seq)
{
	uint64_t now = now_ms();
	uint32_t i;

	pthread_mutex_lock(&load.lock);
	for (i = 0; i < count; i++) {
		load.busy[block + i] = false;
		load.seq[block + i] = seq[i];
	}
	load.done++;
	if (now - load.last_ms > load.gap_ms)
		load.gap_ms = now - load.last_ms;
	load.last_ms = now;
	pthread_mutex_unlock(&load.lock);
}

static bool still_holds(const struct slot *slot, uint8_t *memory)
{
	bool good = true;
	uint32_t i;

	for (i = 0; i < slot->count; i++)
		good &= holds((uint64_t *)(memory + i * BLOCK), slot->block + i, slot->seq[i],
			      "in memory that nobody used");
	return good;
}

/* One read or write of blocks that nobody else is at. */
static void request(struct slot *slot, uint8_t *memory, unsigned int *random)
{
	uint32_t range = rand_r(random) & 1 ? HOT : load.blocks;
	ssize_t length, done;
	bool write = rand_r(random) & 1;
	uint32_t i;

	do {
		slot->count = load.passes ? RUN : 1 + rand_r(random) % RUN;
		slot->block = rand_r(random) % (range - slot->count + 1);
	} while (!claim(slot->block, slot->count, slot->seq));

	length = (ssize_t)slot->count * BLOCK;
	for (i = 0; write && i < slot->count; i++)
		stamp((uint64_t *)(memory + i * BLOCK), slot->block + i, ++slot->seq[i]);
	if (write)
		done = pwrite(load.fd, memory, length, (off_t)slot->block * BLOCK);
	else
		done = pread(load.fd, memory, length, (off_t)slot->block * BLOCK);
	if (done != length)
		die("cannot %s block %u: %s", write ? "write" : "read", slot->block,
		    done < 0 ? strerror(errno) : "short");
	for (i = 0; i < slot->count; i++)
		if (!holds((uint64_t *)(memory + i * BLOCK), slot->block + i, slot->seq[i],
			   write ? "in memory, just written" : "just read"))
			_exit(EXIT_FAILURE);
	release(slot->block, slot->count, slot->seq);
}

/*
 * Waits until a thread's next request may start.  What was missed is not caught up
 * with: a disk that stood still is not met with a burst.
 */
static void pace(uint64_t *next)
{
	uint64_t now = now_ns();
	struct timespec until;

	if (*next < now)
		*next = now;
	until.tv_sec = *next / NS;
	until.tv_nsec = *next % NS;
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
	*next += load.threads * NS / load.rate;
}

static void *work(void *argument)
{
	uintptr_t number = (uintptr_t)argument;
	unsigned int random = number + 1;
	size_t slots = (load.mib << 20) / load.threads / (RUN * BLOCK);
	size_t size = slots * RUN * BLOCK;
	struct slot *slot = calloc(slots, sizeof(*slot));
	/* One after the other, not all at once. */
	uint64_t next = load.rate ? now_ns() + number * NS / load.rate : 0;
	unsigned long turn;
	uint8_t *memory;

	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!slot || memory == MAP_FAILED)
		die("no memory");
	for (turn = 1; !__atomic_load_n(&load.stop, __ATOMIC_RELAXED); turn++) {
		size_t i = load.passes ? turn % slots : rand_r(&random) % slots;
		uint8_t *here = memory + i * RUN * BLOCK;

		if (!still_holds(&slot[i], here))
			_exit(EXIT_FAILURE);
		if (load.rate)
			pace(&next);
		/* Other pages than last time, now and then. */
		if (!load.passes && !(rand_r(&random) & 3))
			madvise(here, RUN * BLOCK, MADV_DONTNEED);
		request(&slot[i], here, &random);
		if (!(turn % SYNC_EVERY) && fdatasync(load.fd))
			die("cannot flush: %s", strerror(errno));
		if (turn == load.passes * slots)
			break;
	}
	munmap(memory, size);
	free(slot);
	__atomic_sub_fetch(&load.working, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void stop(int signal)
{
	(void)signal;
	__atomic_store_n(&load.stop, true, __ATOMIC_RELAXED);
}

static int run(void)
{
	struct sigaction action = { .sa_handler = stop };
	pthread_t *threads = calloc(load.threads, sizeof(*threads));
	unsigned long i;

	open_file(O_RDWR | O_DIRECT);
	if (!threads)
		die("no memory");
	sigaction(SIGTERM, &action, NULL);
	if (!read_all(false, "at the start"))
		return EXIT_FAILURE;
	load.last_ms = now_ms();
	load.working = load.threads;
	for (i = 0; i < load.threads; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)i))
			die("no thread");
	while (__atomic_load_n(&load.working, __ATOMIC_RELAXED)) {
		usleep(BEAT_MS * 1000);
		pthread_mutex_lock(&load.lock);
		printf("guest: beat %s %lu %llu\n", load.name, load.done,
		       (unsigned long long)load.gap_ms);
		load.gap_ms = 0;
		pthread_mutex_unlock(&load.lock);
		fflush(stdout);
	}
	for (i = 0; i < load.threads; i++)
		pthread_join(threads[i], NULL);
	if (fsync(load.fd) || !read_all(true, "at the end"))
		return EXIT_FAILURE;
	print_sum();
	return EXIT_SUCCESS;
}

static int check(void)
{
	open_file(O_RDONLY);
	if (!read_all(false, "on the host"))
		return EXIT_FAILURE;
	print_sum();
	return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
	const char *what = argc > 1 ? argv[1] : "";
	int option;

	optind = 2;
	while ((option = getopt(argc, argv, "t:m:p:r:")) != -1) {
		if (option == 't')
			load.threads = strtoul(optarg, NULL, 0);
		else if (option == 'm')
			load.mib = strtoul(optarg, NULL, 0);
		else if (option == 'p')
			load.passes = strtoul(optarg, NULL, 0);
		else if (option == 'r')
			load.rate = strtoul(optarg, NULL, 0);
		else
			break;
	}
	if (option != -1 || optind != argc - 1 || !load.threads ||
	    (load.mib << 20) / load.threads < RUN * BLOCK) {
		fputs(help, stderr);
		return EXIT_FAILURE;
	}
	load.path = argv[optind];
	if (!strcmp(what, "run"))
		return run();
	if (!strcmp(what, "check"))
		return check();
	fputs(help, stderr);
	return EXIT_FAILURE;
}
