// SPDX-License-Identifier: GPL-2.0-only
/*
 * io-client: random reads or writes through libblkio, in batches: what is free
 * goes out by the call that waits for the first to end.  Prints a JSON object.
 */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "crew.h"
#include "disk.h"
#include "load.h"
#include "say.h"

/* Before the measured time: the queues' threads and caches get going. */
#define WARM_UP_US	100000

/* Until each queue has served a request. */
#define FIRST_US	30000000ULL

struct sample {
	uint64_t time;		/* ns */
	uint64_t ticks;
	uint64_t ended;		/* requests */
	uint64_t busy;		/* us of all processors */
};

static const char usage[] =
	"usage: io-client DISK [OPTIONS]\n"
	"  --vhost-pin PATH   a disk that vhost-pin serves from PATH\n"
	"  --vdpa PATH[,...]  a vhost-vdpa device, or one for each of --devices\n"
	"  --vhost-user PATH  what a vhost-user back-end serves on that socket\n"
	"  --io-uring PATH    a file or block device itself, by io_uring and O_DIRECT\n"
	"  --rw randread|randwrite\n"
	"  --bs BYTES         of a request (4096)\n"
	"  --segments N       pieces that a request's data is in (1)\n"
	"  --depth N          requests under way on each queue (1)\n"
	"  --queues N         each with a thread (1)\n"
	"  --queue-size N     entries of a ring (what the depth takes)\n"
	"  --busyloop US      vhost-pin's threads look for so long before they sleep\n"
	"  --poll-disk        vhost-pin's threads poll the disk for what has ended\n"
	"  --log              vhost-pin logs what it writes to memory\n"
	"  --nice N           vhost-pin's threads are as nice (0)\n"
	"  --poll             poll queues: threads spin instead of waiting\n"
	"  --devices N        each with a process (1); not with --latency\n"
	"  --memory MIB       a guest's memory: each piece of a request is anywhere in it\n"
	"  --regions N        that memory is in (1)\n"
	"  --runs N           pages that are neighbours physically, no two runs are\n"
	"  --seconds S        measured time (1)\n"
	"  --requests N       ends after so many on each queue instead\n"
	"  --latency N        times one request in N\n"
	"  --hold             keeps the disk until stdin ends\n";

static struct disk_options disk_options = { .queues = 1 };
static struct load_options load_options = {
	.size = 4096,
	.depth = 1,
	.segments = 1,
	.memory = { .regions = 1 },
};
static unsigned int devices = 1;
static double seconds = 1;
static bool hold;

static struct load_board *boards;	/* of all devices */
static struct disk disk;		/* this process's, as what follows */
static struct load load;
static uint64_t opened_ns;		/* how long it took */
static uint64_t started_at;

static unsigned long parse_number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 0);

	if (!value || *end)
		die("'%s' is no count", text);
	return value;
}

static void choose(enum disk_kind kind, const char *path)
{
	if (disk_options.kind)
		die("one disk at a time");
	disk_options.kind = kind;
	disk_options.path = path;
}

static void parse(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "vhost-pin",	required_argument, NULL, 'p' },
		{ "vdpa",	required_argument, NULL, 'v' },
		{ "vhost-user",	required_argument, NULL, 'U' },
		{ "io-uring",	required_argument, NULL, 'u' },
		{ "rw",		required_argument, NULL, 'w' },
		{ "bs",		required_argument, NULL, 'b' },
		{ "segments",	required_argument, NULL, 'S' },
		{ "depth",	required_argument, NULL, 'd' },
		{ "queues",	required_argument, NULL, 'q' },
		{ "queue-size",	required_argument, NULL, 'Q' },
		{ "busyloop",	required_argument, NULL, 'B' },
		{ "poll",	no_argument,	   NULL, 'P' },
		{ "poll-disk",	no_argument,	   NULL, 'K' },
		{ "log",	no_argument,	   NULL, 'L' },
		{ "nice",	required_argument, NULL, 'N' },
		{ "devices",	required_argument, NULL, 'D' },
		{ "memory",	required_argument, NULL, 'm' },
		{ "regions",	required_argument, NULL, 'r' },
		{ "runs",	required_argument, NULL, 'R' },
		{ "seconds",	required_argument, NULL, 's' },
		{ "requests",	required_argument, NULL, 'n' },
		{ "latency",	required_argument, NULL, 'l' },
		{ "hold",	no_argument,	   NULL, 'H' },
		{ "help",	no_argument,	   NULL, 'h' },
		{ }
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) >= 0) {
		switch (option) {
		case 'p':
			choose(DISK_VHOST_PIN, optarg);
			break;
		case 'v':
			choose(DISK_VDPA, optarg);
			break;
		case 'U':
			choose(DISK_VHOST_USER, optarg);
			break;
		case 'u':
			choose(DISK_IO_URING, optarg);
			break;
		case 'w':
			load_options.write = !strcmp(optarg, "randwrite");
			if (!load_options.write && strcmp(optarg, "randread"))
				die("--rw randread or randwrite, not '%s'", optarg);
			break;
		case 'b':
			load_options.size = parse_number(optarg);
			break;
		case 'S':
			load_options.segments = parse_number(optarg);
			break;
		case 'd':
			load_options.depth = parse_number(optarg);
			break;
		case 'q':
			disk_options.queues = parse_number(optarg);
			break;
		case 'Q':
			disk_options.queue_size = parse_number(optarg);
			break;
		case 'B':
			disk_options.busyloop_us = parse_number(optarg);
			break;
		case 'P':
			disk_options.poll = true;
			break;
		case 'K':
			disk_options.poll_disk = true;
			break;
		case 'L':
			disk_options.log = true;
			break;
		case 'N':
			disk_options.nice = atoi(optarg);
			break;
		case 'D':
			devices = parse_number(optarg);
			break;
		case 'm':
			load_options.memory.size = parse_number(optarg) << 20;
			break;
		case 'r':
			load_options.memory.regions = parse_number(optarg);
			break;
		case 'R':
			load_options.memory.run = parse_number(optarg);
			break;
		case 's':
			seconds = atof(optarg);
			break;
		case 'n':
			load_options.requests = parse_number(optarg);
			break;
		case 'l':
			load_options.latency_every = parse_number(optarg);
			break;
		case 'H':
			hold = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(EXIT_SUCCESS);
		default:
			fputs(usage, stderr);
			exit(EXIT_FAILURE);
		}
	}
	if (optind < argc || !disk_options.kind) {
		fputs(usage, stderr);
		exit(EXIT_FAILURE);
	}
	if (load_options.size % (512 * load_options.segments))
		die("pieces of requests are whole sectors of 512 bytes");
	if ((disk_options.busyloop_us || disk_options.poll_disk || disk_options.nice ||
	     disk_options.log) && disk_options.kind != DISK_VHOST_PIN)
		die("--busyloop, --poll-disk, --log and --nice are for --vhost-pin");
	if (devices > 1 && (load_options.requests || load_options.latency_every))
		die("many devices go by --seconds, and without --latency");
}

/* What all processors have done since the boot; in ticks, so about 1 % exact. */
static uint64_t busy_us(void)
{
	uint64_t user, nice, system, idle, iowait, irq, softirq, steal;
	FILE *file = fopen("/proc/stat", "r");

	if (!file || fscanf(file, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", &user, &nice,
			    &system, &idle, &iowait, &irq, &softirq, &steal) != 8)
		die("/proc/stat cannot be read");
	fclose(file);
	return (user + nice + system + irq + softirq + steal) *
	       (1000000 / sysconf(_SC_CLK_TCK));
}

static struct sample sample(void)
{
	return (struct sample){
		.time = now_ns(),
		.ticks = now_ticks(),
		.ended = load_ended(boards, devices * disk_options.queues),
		.busy = busy_us(),
	};
}

/* @us: of a tick. */
static void print_latency(double us)
{
	static struct latency all;
	unsigned int i;

	for (i = 0; i < disk_options.queues; i++)
		latency_merge(&all, &load.threads[i].latency);
	if (all.count)
		printf(", \"timed\": %lu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p99.9_us\": %.1f",
		       all.count, latency_quantile(&all, 0.5) * us,
		       latency_quantile(&all, 0.99) * us,
		       latency_quantile(&all, 0.999) * us);
}

/* What was before the first request; the making of the memory aside. */
static void print_start(void)
{
	const struct frames_count *frames = &load.memory.frames;
	uint64_t first = load_served(boards, disk_options.queues);

	printf(", \"start_ms\": %.3f, \"map_ms\": %.3f, \"run_pages\": %.2f, \"huge\": %.3f",
	       (opened_ns + load.memory.map_ns + first - started_at) / 1e6,
	       load.memory.map_ns / 1e6, (double)frames->pages / frames->runs,
	       (double)frames->huge / frames->pages);
}

static void print(const struct sample *from, const struct sample *to)
{
	double requests = to->ended - from->ended;
	double ns = to->time - from->time;

	if (!requests)
		die("no request ended");
	printf("{\"requests\": %.0f, \"seconds\": %.4f, \"iops\": %.1f, \"cpu_us\": %.3f",
	       requests, ns / 1e9, requests * 1e9 / ns,
	       (to->busy - from->busy) / requests);
	if (devices == 1)
		print_latency(ns / 1e3 / (to->ticks - from->ticks));
	if (devices == 1 && load_options.memory.size)
		print_start();
	puts("}");
	fflush(stdout);
}

static void prepare(unsigned int device)
{
	uint64_t begin = now_ns();

	disk_open(&disk, &disk_options);
	opened_ns = now_ns() - begin;
	load_prepare(&load, &disk, &load_options, boards + device * disk_options.queues);
}

static void start(void)
{
	started_at = now_ns();
	load_start(&load);
}

/* Of a list, the device's own; one alone serves them all. */
static void choose_path(unsigned int device)
{
	char *list = strdup(disk_options.path), *rest = list, *path;

	if (!list)
		die("no memory");
	if (!strchr(list, ','))
		return;
	do {
		path = strsep(&rest, ",");
		if (!path)
			die("no path for device %u", device);
	} while (device--);
	disk_options.path = path;
}

/* One of many devices. */
static void work(struct crew *crew, unsigned int device)
{
	choose_path(device);
	prepare(device);
	crew_ready(crew);
	start();
	load_join(&load);
	disk_close(&disk);
}

static void warm_up(void)
{
	uint64_t end = now_ns() + FIRST_US * 1000;

	while (!load_served(boards, devices * disk_options.queues)) {
		if (now_ns() > end)
			die("not every queue serves requests");
		usleep(1000);
	}
	usleep(WARM_UP_US);
}

static void measure(struct sample *from, struct sample *to)
{
	struct crew *crew = NULL;

	if (devices > 1) {
		crew = crew_start(devices, work);
		crew_begin(crew);
	} else {
		choose_path(0);
		prepare(0);
		start();
	}
	warm_up();
	*from = sample();
	usleep(seconds * 1e6);
	*to = sample();
	load_stop(boards, devices * disk_options.queues);
	if (crew)
		crew_join(crew);
	else
		load_join(&load);
}

static void count(struct sample *from, struct sample *to)
{
	prepare(0);
	*from = sample();
	start();
	load_join(&load);
	*to = sample();
}

int main(int argc, char *argv[])
{
	struct sample from, to;

	parse(argc, argv);
	disk_options.depth = load_options.depth;
	disk_options.segments = load_options.segments;
	disk_options.read_only = !load_options.write;
	boards = load_boards(devices * disk_options.queues);

	if (load_options.requests)
		count(&from, &to);
	else
		measure(&from, &to);
	print(&from, &to);
	while (hold && getchar() != EOF)
		;
	if (devices == 1)
		disk_close(&disk);
	return EXIT_SUCCESS;
}
