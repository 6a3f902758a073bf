// SPDX-License-Identifier: GPL-2.0-only
/*
 * `vhost-pin metrics`: the disks of this host as OpenMetrics text.  Counters, gauges and
 * histograms alone, which Prometheus' older text format has, too: node_exporter's
 * textfile collector reads that.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "latency.h"
#include "metrics.h"
#include "say.h"
#include "text.h"

static const struct opt options[] = {
	{ "output", 'o', false, "FILE", "write FILE as a whole, instead of stdout" },
	{ "queues", 'q', false, NULL, "each queue for itself" },
	{ }
};

/* What a command line wants. */
struct wish {
	const char *output;
	bool queues;
};

static void take(void *arg, int key, const char *value)
{
	struct wish *wish = arg;

	if (key == 'o')
		wish->output = value;
	else
		wish->queues = true;
}

/* A family of counters: one for each of @counters, told apart by @label. */
static const struct family {
	const char *name, *unit, *help, *label;
	struct {
		enum counter counter;
		const char *value;	/* NULL: there is no label */
	} members[NUM_REQUEST_TYPES];
	unsigned int num;
} families[] = {
	{ "requests", NULL, "Requests that have ended, well or not, by their type.", "type",
	  { { READS, "read" }, { WRITES, "write" }, { FLUSHES, "flush" },
	    { DISCARDS, "discard" }, { WRITE_ZEROES, "write_zeroes" }, { GET_IDS, "get_id" },
	    { OTHERS, "other" } }, 7 },
	{ "transferred_bytes", "bytes", "Bytes of data that were read, written, discarded or zeroed.",
	  "type", { { READ_BYTES, "read" }, { WRITTEN_BYTES, "write" },
	    { DISCARDED_BYTES, "discard" }, { ZEROED_BYTES, "write_zeroes" } }, 4 },
	{ "errors", NULL, "Requests that did not end well, by their cause.", "cause",
	  { { ERRORS_IO, "io" }, { ERRORS_UNSUPPORTED, "unsupported" },
	    { ERRORS_MALFORMED, "malformed" } }, 3 },
	{ "kicks", NULL, "Notifications by the driver.", NULL, { { KICKS, NULL } }, 1 },
	{ "signals", NULL, "Interrupts of the driver: sent, or suppressed because it wanted none.",
	  "outcome", { { SIGNALS, "sent" }, { SIGNALS_SUPPRESSED, "suppressed" } }, 2 },
	{ "turns", NULL, "Turns of the disk's threads.", NULL, { { TURNS, NULL } }, 1 },
	{ "polls", NULL, "Times that a thread looked for more to do before it slept.", NULL,
	  { { POLLS, NULL } }, 1 },
	{ "poll_hits", NULL, "Times that it found something.", NULL, { { POLL_HITS, NULL } }, 1 },
	{ "bounced_parts", NULL, "Parts of requests that were copied, for how they lie in memory.",
	  NULL, { { BOUNCED, NULL } }, 1 },
	{ "blocked_parts", NULL, "Parts of requests that a thread that may block had to do.",
	  NULL, { { BLOCKED, NULL } }, 1 },
};

/* A label's value, with what must not be in it, or on a terminal, escaped or U+FFFD. */
static void print_value(FILE *out, const char *value)
{
	while (*value) {
		size_t length = text_character(value);

		if (*value == '\n')
			fputs("\\n", out);
		else if (!length || text_is_control(value, length))
			fputs(TEXT_REPLACEMENT, out);
		else if (*value == '"' || *value == '\\')
			fprintf(out, "\\%c", *value);
		else
			fwrite(value, 1, length, out);
		value += length ? length : 1;
	}
}

static void print_label(FILE *out, const char *name, const char *value)
{
	fprintf(out, ",%s=\"", name);
	print_value(out, value);
	fputc('"', out);
}

/* A sample's name and its first labels; more may follow, and "} VALUE". */
static void begin(FILE *out, const char *name, const char *suffix, const struct host_disk *disk,
		  const struct host_queue *queue)
{
	fprintf(out, "vhost_pin_%s%s{device=\"%s\"", name, suffix, disk->device);
	print_label(out, "name", disk->name);
	if (queue)
		fprintf(out, ",queue=\"%u\"", queue->index);
}

static void describe(FILE *out, const char *name, const char *type, const char *unit,
		     const char *help)
{
	fprintf(out, "# TYPE vhost_pin_%s %s\n", name, type);
	if (unit)
		fprintf(out, "# UNIT vhost_pin_%s %s\n", name, unit);
	fprintf(out, "# HELP vhost_pin_%s %s\n", name, help);
}

static void print_counters(FILE *out, const struct host_disk *disk,
			   const struct host_queue *queue, const struct family *family)
{
	const struct traffic *traffic = queue ? &queue->traffic : &disk->traffic;
	unsigned int i;

	for (i = 0; i < family->num; i++) {
		begin(out, family->name, "_total", disk, queue);
		if (family->label)
			print_label(out, family->label, family->members[i].value);
		fprintf(out, "} %" PRIu64 "\n", traffic->counts[family->members[i].counter]);
	}
}

static void print_depth(FILE *out, const struct host_disk *disk,
			const struct host_queue *queue, const struct family *family)
{
	const struct traffic *traffic = queue ? &queue->traffic : &disk->traffic;

	(void)family;
	begin(out, "inflight_requests", "", disk, queue);
	fprintf(out, "} %" PRIu64 "\n", traffic->inflight);
}

/* Buckets that end later are one: half a minute is a disk that hangs. */
#define METRIC_BUCKETS	24

/*
 * The sum is as if each request had taken what is the middle of its bucket.  In whole
 * microseconds, so that it never falls while counts grow.
 */
static void print_histogram(FILE *out, const struct host_disk *disk,
			    const struct host_queue *queue, const struct family *family)
{
	const struct traffic *traffic = queue ? &queue->traffic : &disk->traffic;
	uint64_t count = 0, sum = 0, end;
	unsigned int i;

	(void)family;
	if (!disk->numbers[LATENCY] || !traffic->num_buckets)
		return;
	for (i = 0; i < traffic->num_buckets; i++) {
		end = latency_end(i);
		count += traffic->buckets[i];
		sum += traffic->buckets[i] * ((i ? end / 2 : 0) + end) / 2;
		if (i >= METRIC_BUCKETS)
			continue;
		begin(out, "request_duration_seconds", "_bucket", disk, queue);
		fprintf(out, ",le=\"%.15g\"} %" PRIu64 "\n", end / 1e6, count);
	}
	begin(out, "request_duration_seconds", "_bucket", disk, queue);
	fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n", count);
	begin(out, "request_duration_seconds", "_count", disk, queue);
	fprintf(out, "} %" PRIu64 "\n", count);
	begin(out, "request_duration_seconds", "_sum", disk, queue);
	fprintf(out, "} %" PRIu64 ".%06" PRIu64 "\n", sum / 1000000, sum % 1000000);
}

/* Has @print do each disk, or each of its queues. */
static void each(FILE *out, const struct host *host, const struct wish *wish,
		 void (*print)(FILE *out, const struct host_disk *disk,
			       const struct host_queue *queue, const struct family *family),
		 const struct family *family)
{
	unsigned int i, j;

	for (i = 0; i < host->num; i++) {
		const struct host_disk *disk = &host->disks[i];

		if (!wish->queues)
			print(out, disk, NULL, family);
		for (j = 0; wish->queues && j < disk->num_queues; j++)
			print(out, disk, &disk->queues[j], family);
	}
}

static void print_gauge(FILE *out, const struct host *host, const char *name, const char *unit,
			const char *help, enum disk_number number)
{
	unsigned int i;

	describe(out, name, "gauge", unit, help);
	for (i = 0; i < host->num; i++) {
		begin(out, name, "", &host->disks[i], NULL);
		fprintf(out, "} %" PRIu64 "\n", host->disks[i].numbers[number]);
	}
}

static void print_disks(FILE *out, const struct host *host)
{
	static const char *const states[] = {
		"attached", "owned", "running", "suspended", "broken", "ending",
	};
	unsigned int i, j;

	describe(out, "disk_info", "gauge", NULL, "What a disk is; always 1.");
	for (i = 0; i < host->num; i++) {
		const struct host_disk *disk = &host->disks[i];

		begin(out, "disk_info", "", disk, NULL);
		print_label(out, "backend", disk->texts[BACKEND]);
		print_label(out, "access", disk->texts[ACCESS]);
		print_label(out, "cache", disk->texts[CACHE]);
		print_label(out, "serial", disk->texts[SERIAL]);
		print_label(out, "socket", disk->socket ?: "");
		fputs("} 1\n", out);
	}
	describe(out, "state", "gauge", NULL, "1 for the state that a disk is in, 0 for the others.");
	for (i = 0; i < host->num; i++) {
		for (j = 0; j < sizeof(states) / sizeof(states[0]); j++) {
			begin(out, "state", "", &host->disks[i], NULL);
			print_label(out, "state", states[j]);
			fprintf(out, "} %d\n", !strcmp(states[j], host->disks[i].texts[STATE]));
		}
	}
	print_gauge(out, host, "capacity_bytes", "bytes", "Size of a disk.", CAPACITY);
	print_gauge(out, host, "pinned_bytes", "bytes", "Guest memory that is pinned for a disk.", PINNED);
	print_gauge(out, host, "dirty_log_bytes", "bytes", "Size of the dirty log; 0 without one.", LOG);
	describe(out, "repins", "counter", NULL,
		 "Pages that were pinned when a request accessed them: again, or for the first time.");
	for (i = 0; i < host->num; i++) {
		begin(out, "repins", "_total", &host->disks[i], NULL);
		fprintf(out, "} %" PRIu64 "\n", host->disks[i].numbers[REPINS]);
	}
	describe(out, "thread_cpu_seconds", "gauge", "seconds",
		 "Processor time of the disk's threads; less when one has ended.");
	for (i = 0; i < host->num; i++) {
		begin(out, "thread_cpu_seconds", "", &host->disks[i], NULL);
		fprintf(out, "} %.2f\n", (double)host->disks[i].ticks / sysconf(_SC_CLK_TCK));
	}
}

static void print_metrics(FILE *out, const struct host *host, const struct wish *wish)
{
	unsigned int i;

	print_disks(out, host);
	describe(out, "inflight_requests", "gauge", "requests", "Requests that are under way.");
	each(out, host, wish, print_depth, NULL);
	for (i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		const struct family *family = &families[i];

		describe(out, family->name, "counter", family->unit, family->help);
		each(out, host, wish, print_counters, family);
	}
	describe(out, "request_duration_seconds", "histogram", "seconds",
		 "Time from when a request was taken out of its ring to when it was put back; the sum is an estimate, by the middles of the buckets.");
	each(out, host, wish, print_histogram, NULL);
	fputs("# EOF\n", out);
}

static noreturn void die_unwritten(const char *path)
{
	die(EXIT_FAILURE, "cannot write %s: %s", path, strerror(errno));
}

/* Whoever reads the file meanwhile reads one or the other as a whole. */
static void write_whole(const char *path, const struct host *host, const struct wish *wish)
{
	char *part;
	FILE *out;

	if (asprintf(&part, "%s.%d", path, getpid()) < 0)
		die(EXIT_FAILURE, "out of memory");
	out = fopen(part, "we");
	if (!out)
		die_unwritten(path);
	print_metrics(out, host, wish);
	if (fclose(out) || rename(part, path)) {
		int error = errno;

		unlink(part);
		errno = error;
		die_unwritten(path);
	}
	free(part);
}

static int metrics_main(const struct command *command, int argc, char *argv[])
{
	struct wish wish = { };
	struct host host;

	if (argv[command_parse(command, argc, argv, take, &wish)])
		die(EXIT_USAGE, "metrics: it takes no name: it is all disks");
	host_read(&host);
	if (wish.output)
		write_whole(wish.output, &host, &wish);
	else
		print_metrics(stdout, &host, &wish);
	host_free(&host);
	return EXIT_SUCCESS;
}

const struct command metrics_command = {
	.name = "metrics",
	.usage = "[--output FILE] [--queues]",
	.summary = "counters of all disks as OpenMetrics text, for node_exporter and others",
	.about =
"Prints what the disks of this host have done, as OpenMetrics text.  All names begin\n"
"with vhost_pin_, and all samples have the labels 'device' and 'name'.\n"
"\n"
"Where latencies are taken (key l of 'vhost-pin top') there is a histogram of them.\n"
"The module counts by powers of 2 of microseconds alone: so its _sum, and an average\n"
"of it, is an estimate, as if each request had taken what is the middle of its\n"
"bucket.  It is off by less than half, and never falls.\n",
	.options = options,
	.more =
"For node_exporter's textfile collector, every 15 seconds, by a timer or cron:\n"
"  vhost-pin metrics --output /var/lib/prometheus/node-exporter/vhost-pin.prom\n",
	.main = metrics_main,
};
