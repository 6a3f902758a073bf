// SPDX-License-Identifier: GPL-2.0-only
/*
 * io-client: random reads or writes through libblkio, in batches: what is free
 * goes out by the call that waits for the first to end.  Prints a JSON object.
 */
#include <getopt.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"
#include "load.h"
#include "say.h"

/* Before the measured time: the queues' threads and caches get going. */
#define WARM_UP_US	100000

struct sample {
	uint64_t time;		/* ns */
	uint64_t ended;		/* requests */
	uint64_t busy;		/* us of all processors */
};

static const char usage[] =
	"usage: io-client DISK [OPTIONS]\n"
	"  --vhost-pin PATH   a disk that vhost-pin serves from PATH\n"
	"  --vdpa PATH        a vhost-vdpa device\n"
	"  --io-uring PATH    a file or block device itself, by io_uring and O_DIRECT\n"
	"  --rw randread|randwrite\n"
	"  --bs BYTES         of a request (4096)\n"
	"  --depth N          requests under way on each queue (1)\n"
	"  --queues N         each with a thread (1)\n"
	"  --queue-size N     entries of a ring (what the depth takes)\n"
	"  --poll             poll queues: threads spin instead of waiting\n"
	"  --seconds S        measured time (1)\n"
	"  --requests N       ends after so many on each queue instead\n"
	"  --latency N        times one request in N: a clock may cost more than\n"
	"                     a request does\n";

static struct disk_options disk_options = { .queues = 1 };
static struct load_options load_options = { .size = 4096, .depth = 1 };
static double seconds = 1;

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
		{ "io-uring",	required_argument, NULL, 'u' },
		{ "rw",		required_argument, NULL, 'w' },
		{ "bs",		required_argument, NULL, 'b' },
		{ "depth",	required_argument, NULL, 'd' },
		{ "queues",	required_argument, NULL, 'q' },
		{ "queue-size",	required_argument, NULL, 'Q' },
		{ "poll",	no_argument,	   NULL, 'P' },
		{ "seconds",	required_argument, NULL, 's' },
		{ "requests",	required_argument, NULL, 'n' },
		{ "latency",	required_argument, NULL, 'l' },
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
		case 'd':
			load_options.depth = parse_number(optarg);
			break;
		case 'q':
			disk_options.queues = parse_number(optarg);
			break;
		case 'Q':
			disk_options.queue_size = parse_number(optarg);
			break;
		case 'P':
			disk_options.poll = true;
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
	if (load_options.size % 512)
		die("requests are whole sectors of 512 bytes");
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

static struct sample sample(struct load *load)
{
	return (struct sample){
		.time = now_ns(),
		.ended = load_ended(load),
		.busy = busy_us(),
	};
}

static void print(const struct load *load, const struct sample *from,
		  const struct sample *to)
{
	double requests = to->ended - from->ended;
	static struct latency all;
	unsigned int i;

	if (!requests)
		die("no request ended");
	printf("{\"requests\": %.0f, \"seconds\": %.4f, \"iops\": %.1f, \"cpu_us\": %.3f",
	       requests, (to->time - from->time) / 1e9,
	       requests * 1e9 / (to->time - from->time),
	       (to->busy - from->busy) / requests);
	for (i = 0; i < load->disk->options.queues; i++)
		latency_merge(&all, &load->threads[i].latency);
	if (all.count)
		printf(", \"timed\": %lu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p99.9_us\": %.1f",
		       all.count, latency_quantile(&all, 0.5) / 1e3,
		       latency_quantile(&all, 0.99) / 1e3,
		       latency_quantile(&all, 0.999) / 1e3);
	puts("}");
}

int main(int argc, char *argv[])
{
	struct sample from = { 0 }, to;
	static struct disk disk;
	static struct load load;

	parse(argc, argv);
	disk_options.depth = load_options.depth;
	disk_options.read_only = !load_options.write;
	disk_open(&disk, &disk_options);

	if (load_options.requests) {
		from.time = now_ns();
		from.busy = busy_us();
		load_start(&load, &disk, &load_options);
		load_join(&load);
		to = sample(&load);
	} else {
		load_start(&load, &disk, &load_options);
		usleep(WARM_UP_US);
		from = sample(&load);
		usleep(seconds * 1e6);
		to = sample(&load);
		load_stop(&load);
		load_join(&load);
	}
	print(&load, &from, &to);
	disk_close(&disk);
	return EXIT_SUCCESS;
}
