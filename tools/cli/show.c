// SPDX-License-Identifier: GPL-2.0-only
/* `vhost-pin show`: everything of one disk. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host.h"
#include "json.h"
#include "latency.h"
#include "process.h"
#include "say.h"
#include "show.h"
#include "table.h"
#include "text.h"

static const struct opt options[] = {
	{ "json", 'j', false, NULL, "for programs: an object, with the module's own names" },
	{ }
};

static void take(void *arg, int key, const char *value)
{
	bool *json = arg;

	(void)key;
	(void)value;
	*json = true;
}

/* Of those of which it is one or none. */
static bool is_switch(unsigned int number)
{
	return number == BUFFERED || number == POLLED || number == LATENCY;
}

static void json_traffic(struct json *json, const struct traffic *traffic)
{
	unsigned int i;

	json_number(json, "inflight", traffic->inflight);
	for (i = 0; i < NUM_COUNTERS; i++)
		json_number(json, host_counters[i], traffic->counts[i]);
	json_open(json, "latency", '[');
	for (i = 0; i < traffic->num_buckets; i++)
		json_number(json, NULL, traffic->buckets[i]);
	json_close(json, ']');
}

static void show_json(const struct host_disk *disk)
{
	struct json json = { .out = stdout };
	unsigned int i;

	json_open(&json, NULL, '{');
	json_text(&json, "name", disk->name);
	json_text(&json, "device", disk->device);
	for (i = 0; i < NUM_TEXTS; i++)
		json_text(&json, host_texts[i], disk->texts[i]);
	for (i = 0; i < NUM_NUMBERS; i++) {
		if (is_switch(i))
			json_bool(&json, host_numbers[i], disk->numbers[i]);
		else
			json_number(&json, host_numbers[i], disk->numbers[i]);
	}
	json_number(&json, "vm", disk->vm);
	json_text(&json, "socket", disk->socket);
	json_text(&json, "control", disk->control);
	json_open(&json, "workers", '[');
	for (i = 0; i < disk->num_workers; i++)
		json_number(&json, NULL, disk->workers[i]);
	json_close(&json, ']');
	json_open(&json, "queues", '[');
	for (i = 0; i < disk->num_queues; i++) {
		const struct host_queue *queue = &disk->queues[i];

		json_open(&json, NULL, '{');
		json_number(&json, "index", queue->index);
		json_text(&json, "state", queue->state);
		json_number(&json, "size", queue->size);
		json_traffic(&json, &queue->traffic);
		json_close(&json, '}');
	}
	json_close(&json, ']');
	json_close(&json, '}');
}

/* A line of the text: what follows @name is printed by the caller. */
static void row(const char *name)
{
	printf("\n  %-20s", name);
}

/* What others chose, as a terminal can show it. */
static void print_text(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		die(EXIT_FAILURE, "out of memory");
	fputs(text_clean(copy), stdout);
	free(copy);
}

static void show_disk(const struct host_disk *disk)
{
	const uint64_t *numbers = disk->numbers;
	char *const *texts = disk->texts;
	char text[SHORT_SIZE];
	char *owner;

	print_text(disk->name);
	row("device");
	printf("/sys/class/vhost-pin/%s", disk->device);
	row("disk");
	print_text(texts[BACKEND]);
	printf(" (%s, %s), %s, %s%s%s", texts[BACKEND_TYPE], texts[ACCESS],
	       short_bytes(text, numbers[CAPACITY]), texts[CACHE],
	       numbers[BUFFERED] ? ", buffered" : "", numbers[POLLED] ? ", polled" : "");
	row("serial");
	print_text(*texts[SERIAL] ? texts[SERIAL] : "-");
	row("blocks");
	printf("%" PRIu64 " bytes, %" PRIu64 " physically", numbers[LOGICAL_BLOCK_SIZE],
	       numbers[PHYSICAL_BLOCK_SIZE]);
	row("state");
	printf("%s (status %s, features %s)", texts[STATE], texts[STATUS], texts[FEATURES]);
	row("VM");
	printf("%s", disk->vm_name);
	owner = process_name(numbers[OWNER]);
	row("owner");
	printf("%s", owner);
	free(owner);
	row("socket");
	print_text(disk->socket ?: "-");
	row("pinned memory");
	printf("%s; %" PRIu64 " pages were pinned by the request that needed them",
	       short_bytes(text, numbers[PINNED]), numbers[REPINS]);
	row("dirty log");
	printf("%s", numbers[LOG] ? short_bytes(text, numbers[LOG]) : "-");
}

static void show_threads(const struct host_disk *disk)
{
	unsigned int i;

	row("threads");
	for (i = 0; i < disk->num_workers; i++)
		printf("%d ", disk->workers[i]);
	if (disk->num_workers)
		printf("(%.2f s of CPU time)", (double)disk->ticks / sysconf(_SC_CLK_TCK));
	else
		printf("-");
}

static void show_latency(const struct host_disk *disk)
{
	static const double shares[] = { 0.5, 0.99, 0.999 };
	char text[TIME_SIZE];
	unsigned int i;

	row("latency");
	if (!disk->numbers[LATENCY])
		printf("not taken; as root: echo 1 > /sys/class/vhost-pin/%s/latency",
		       disk->device);
	else if (latency_of(&disk->traffic, 0.5) < 0)
		printf("taken; there was no request yet");
	else
		for (i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
			printf("%s%g %% %s", i ? ", " : "", 100 * shares[i],
			       short_time(text, latency_of(&disk->traffic, shares[i])));
}

static void show_counters(const struct host_disk *disk)
{
	unsigned int i;

	printf("\n");
	row("in flight");
	printf("%" PRIu64, disk->traffic.inflight);
	for (i = 0; i < NUM_COUNTERS; i++) {
		row(host_counters[i]);
		printf("%" PRIu64, disk->traffic.counts[i]);
	}
	printf("\n");
}

static bool has_run(const struct host_queue *queue)
{
	return strcmp(queue->state, "disabled") || queue->traffic.counts[TURNS];
}

static void add_number(struct table *table, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	table_add(table, text);
}

/* Those that were never used are not worth a line: a disk may have 64. */
static void show_queues(const struct host_disk *disk)
{
	static const struct column columns[] = {
		{ .title = "  QUEUE", .right = true }, { .title = "STATE" },
		{ .title = "SIZE", .right = true }, { .title = "INFLIGHT", .right = true },
		{ .title = "REQUESTS", .right = true }, { .title = "BYTES", .right = true },
		{ .title = "ERRORS", .right = true }, { .title = "KICKS", .right = true },
		{ .title = "SIGNALS", .right = true }, { .title = "TURNS", .right = true },
	};
	struct table table;
	unsigned int i;

	table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
	for (i = 0; i < disk->num_queues; i++) {
		const struct host_queue *queue = &disk->queues[i];
		const struct traffic *traffic = &queue->traffic;

		if (!has_run(queue))
			continue;
		add_number(&table, queue->index);
		table_add(&table, queue->state);
		add_number(&table, queue->size);
		add_number(&table, traffic->inflight);
		add_number(&table, traffic_requests(traffic));
		add_number(&table, traffic_bytes(traffic));
		add_number(&table, traffic_errors(traffic));
		add_number(&table, traffic->counts[KICKS]);
		add_number(&table, traffic->counts[SIGNALS]);
		add_number(&table, traffic->counts[TURNS]);
	}
	if (table.num_cells) {
		printf("\n");
		table_print(&table, stdout, 0, UINT_MAX);
	}
	table_fini(&table);
}

static void show_text(const struct host_disk *disk)
{
	show_disk(disk);
	show_threads(disk);
	show_latency(disk);
	show_counters(disk);
	show_queues(disk);
}

static int show_main(const struct command *command, int argc, char *argv[])
{
	const struct host_disk **found;
	unsigned int num, i;
	struct host host;
	bool json = false;
	int next = command_parse(command, argc, argv, take, &json);

	if (argc - next != 1)
		die(EXIT_USAGE, "show: which disk?  Give its NAME: 'vhost-pin list' has them.");
	host_read(&host);
	found = calloc(host.num + 1, sizeof(*found));
	if (!found)
		die(EXIT_FAILURE, "out of memory");
	num = host_find(&host, argv[next], found);
	for (i = 0; i < num; i++) {
		if (json)
			show_json(found[i]);
		else
			show_text(found[i]);
		if (!json && i < num - 1)
			printf("\n");
	}
	free(found);
	host_free(&host);
	return EXIT_SUCCESS;
}

const struct command show_command = {
	.name = "show",
	.usage = "[--json] NAME",
	.summary = "all of one disk: whose it is, how it is set up, what it has done",
	.about =
"Shows all that is known of a disk.  NAME is its name, its socket, its path, its\n"
"device (vpin0), or the process of its VM, all of whose disks are shown then.\n"
"Counters begin with the attach.\n",
	.options = options,
	.operand = OPERAND_DISK,
	.main = show_main,
};
