// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "ask.h"
#include "host.h"
#include "process.h"
#include "root.h"
#include "text.h"

#define CLASS	"/sys/class/vhost-pin"

/* How long a server may take to say whose its disks are, in seconds. */
#define PATIENCE	2

const char *const host_counters[NUM_COUNTERS] = {
	"reads", "writes", "flushes", "discards", "write_zeroes", "get_ids", "others",
	"read_bytes", "written_bytes", "discarded_bytes", "zeroed_bytes",
	"errors_io", "errors_unsupported", "errors_malformed",
	"kicks", "signals", "signals_suppressed", "turns", "polls", "poll_hits",
	"bounced", "blocked",
};

const char *const host_texts[NUM_TEXTS] = {
	"backend", "backend_type", "type", "access", "cache", "state", "serial",
	"status", "features",
};

const char *const host_numbers[NUM_NUMBERS] = {
	"capacity", "logical_block_size", "physical_block_size", "buffered", "polled",
	"owner", "pinned", "repins", "log", "latency",
};

/* @array with room for another, whose number is *@num, and zeroed. */
static void *grow(void *array, unsigned int *num, size_t size)
{
	array = reallocarray(array, *num + 1, size);
	if (!array)
		die(EXIT_FAILURE, "out of memory");
	memset((char *)array + *num * size, 0, size);
	++*num;
	return array;
}

/*
 * The numbers N of the entries "@prefixN" of a directory, in their order, to be freed:
 * how many, or -1 with errno.
 */
static int numbers_in(const char *path, const char *prefix, unsigned int **numbers)
{
	DIR *dir = opendir(path);
	unsigned int num = 0, i;
	struct dirent *entry;

	*numbers = NULL;
	if (!dir)
		return -1;
	while ((entry = readdir(dir))) {
		unsigned int number;
		char format[24], more;

		snprintf(format, sizeof(format), "%s%%u%%c", prefix);
		if (sscanf(entry->d_name, format, &number, &more) != 1)
			continue;
		*numbers = grow(*numbers, &num, sizeof(**numbers));
		for (i = num - 1; i && (*numbers)[i - 1] > number; i--)
			(*numbers)[i] = (*numbers)[i - 1];
		(*numbers)[i] = number;
	}
	closedir(dir);
	return num;
}

static void read_buckets(struct traffic *traffic, const char *directory)
{
	char *text = root_read("%s/latency", directory), *from = text, *end;

	while (from && traffic->num_buckets < BUCKETS_MAX) {
		uint64_t count = strtoull(from, &end, 10);

		if (end == from)
			break;
		traffic->buckets[traffic->num_buckets++] = count;
		from = end;
	}
	free(text);
}

static bool queue_has_run(const struct host_queue *queue, const char *directory)
{
	return strcmp(queue->state, "disabled") || root_read_number("%s/turns", directory);
}

static void read_queue(struct host_queue *queue, const char *device)
{
	char directory[128], *state;
	unsigned int i;

	snprintf(directory, sizeof(directory), CLASS "/%s/queues/%u", device, queue->index);
	state = root_read("%s/state", directory);
	snprintf(queue->state, sizeof(queue->state), "%s", state ?: "");
	free(state);
	queue->size = root_read_number("%s/size", directory);
	/* A disk may have 64 that nobody uses: what was not served has done nothing. */
	if (!queue_has_run(queue, directory))
		return;
	queue->traffic.inflight = root_read_number("%s/inflight", directory);
	for (i = 0; i < NUM_COUNTERS; i++)
		queue->traffic.counts[i] = root_read_number("%s/%s", directory, host_counters[i]);
	read_buckets(&queue->traffic, directory);
}

static void add_traffic(struct traffic *sum, const struct traffic *traffic)
{
	unsigned int i;

	sum->inflight += traffic->inflight;
	for (i = 0; i < NUM_COUNTERS; i++)
		sum->counts[i] += traffic->counts[i];
	for (i = 0; i < traffic->num_buckets; i++)
		sum->buckets[i] += traffic->buckets[i];
	if (sum->num_buckets < traffic->num_buckets)
		sum->num_buckets = traffic->num_buckets;
}

uint64_t traffic_requests(const struct traffic *traffic)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < NUM_REQUEST_TYPES; i++)
		sum += traffic->counts[i];
	return sum;
}

uint64_t traffic_bytes(const struct traffic *traffic)
{
	return traffic->counts[READ_BYTES] + traffic->counts[WRITTEN_BYTES];
}

uint64_t traffic_errors(const struct traffic *traffic)
{
	return traffic->counts[ERRORS_IO] + traffic->counts[ERRORS_UNSUPPORTED] +
	       traffic->counts[ERRORS_MALFORMED];
}

static void read_queues(struct host_disk *disk)
{
	unsigned int *numbers;
	int num, i;

	num = numbers_in(root_path(CLASS "/%s/queues", disk->device), "", &numbers);
	for (i = 0; i < num; i++) {
		struct host_queue *queue;

		disk->queues = grow(disk->queues, &disk->num_queues, sizeof(*queue));
		queue = &disk->queues[i];
		queue->index = numbers[i];
		read_queue(queue, disk->device);
		add_traffic(&disk->traffic, &queue->traffic);
	}
	free(numbers);
}

static void read_workers(struct host_disk *disk)
{
	char *text = root_read(CLASS "/%s/workers", disk->device), *from = text, *end;
	pid_t worker;

	while (from && (worker = strtol(from, &end, 10)) > 0) {
		disk->workers = grow(disk->workers, &disk->num_workers, sizeof(worker));
		disk->workers[disk->num_workers - 1] = worker;
		disk->ticks += process_ticks(disk->numbers[OWNER], worker);
		from = end;
	}
	free(text);
}

static void free_disk(struct host_disk *disk)
{
	unsigned int i;

	for (i = 0; i < NUM_TEXTS; i++)
		free(disk->texts[i]);
	free(disk->name);
	free(disk->control);
	free(disk->socket);
	free(disk->vm_name);
	free(disk->workers);
	free(disk->queues);
}

double host_clock(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/*
 * What no other disk has, of which the number may be the same; 0 if it is gone.  The
 * directory of its first queue goes before all else of it does.
 */
static ino_t life_of(const struct host_disk *disk)
{
	struct stat st;

	return stat(root_path(CLASS "/%s/queues/0", disk->device), &st) ? 0 : st.st_ino;
}

/* Whether it was there until all of it was read. */
static bool read_disk(struct host_disk *disk, unsigned int index)
{
	unsigned int i;

	disk->index = index;
	snprintf(disk->device, sizeof(disk->device), "vpin%u", index);
	disk->life = life_of(disk);
	disk->looked = host_clock();
	for (i = 0; i < NUM_TEXTS; i++) {
		disk->texts[i] = root_read(CLASS "/%s/%s", disk->device, host_texts[i]);
		if (!disk->texts[i])
			disk->texts[i] = strdup("");
	}
	text_unescape(disk->texts[BACKEND]);
	text_unescape(disk->texts[SERIAL]);
	for (i = 0; i < NUM_NUMBERS; i++)
		disk->numbers[i] = root_read_number(CLASS "/%s/%s", disk->device,
						    host_numbers[i]);
	disk->vm = disk->numbers[OWNER];
	read_workers(disk);
	read_queues(disk);
	return disk->life && disk->life == life_of(disk);
}

/*
 * The disk of a server that was not told of yet: by its device, which is what it is
 * whatever becomes of its path; by that, if an older server or module knows no device.
 */
static struct host_disk *disk_of(struct host *host, pid_t owner, const char *path,
				 const char *device)
{
	unsigned int i;

	for (i = 0; i < host->num; i++) {
		struct host_disk *disk = &host->disks[i];

		if (disk->numbers[OWNER] == (uint64_t)owner && !disk->socket &&
		    (device ? !strcmp(disk->device, device) :
			      !strcmp(disk->texts[BACKEND], path)))
			return disk;
	}
	return NULL;
}

/* Has the server of a disk say what it knows of its own disks. */
static void ask_server(struct host *host, const char *control, pid_t owner)
{
	char *answer, *next, *line, error[256];

	answer = next = ask(control, "list", PATIENCE, error, sizeof(error));
	while ((line = strsep(&next, "\n"))) {
		char *device = line, *vm = strsep(&device, "\t");
		char *socket = strsep(&device, "\t"), *path = strsep(&device, "\t");
		struct host_disk *disk;

		if (!path)
			continue;
		disk = disk_of(host, owner, text_unescape(path), device);
		if (!disk)
			continue;
		disk->vm = strtol(vm, NULL, 10);
		disk->socket = strdup(text_unescape(socket));
		disk->control = strdup(control);
	}
	free(answer);
}

/* Once for each process. */
static void ask_servers(struct host *host)
{
	unsigned int i, before;

	for (i = 0; i < host->num; i++) {
		pid_t owner = host->disks[i].numbers[OWNER];
		char *control;

		for (before = 0; host->disks[before].numbers[OWNER] != (uint64_t)owner; before++)
			;
		control = owner && before == i ? process_control(owner) : NULL;
		if (control)
			ask_server(host, control, owner);
		free(control);
	}
}

/* The last part of a path, without an ending that says that it is a socket. */
static char *socket_name(const char *socket)
{
	static const char *const endings[] = { ".sock", ".socket" };
	const char *slash = strrchr(socket, '/');
	char *name = strdup(slash ? slash + 1 : socket);
	unsigned int i;

	for (i = 0; name && i < 2; i++) {
		size_t length = strlen(name), ending = strlen(endings[i]);

		if (length > ending && !strcmp(name + length - ending, endings[i]))
			name[length - ending] = '\0';
	}
	return name;
}

static void name_disk(struct host_disk *disk)
{
	if (disk->socket)
		disk->name = socket_name(disk->socket);
	else
		disk->name = strdup(*disk->texts[SERIAL] ? disk->texts[SERIAL] : disk->device);
	disk->vm_name = process_name(disk->vm);
	if (!disk->name || !disk->vm_name)
		die(EXIT_FAILURE, "out of memory");
}

void host_read(struct host *host)
{
	unsigned int *numbers, i;
	int num, n;

	*host = (struct host){ .looked = host_clock() };
	num = numbers_in(root_path(CLASS), "vpin", &numbers);
	if (num < 0 && errno == ENOENT)
		die(EXIT_FAILURE, "there is no %s: the vhost_pin module is not loaded, or too old\n"
		    "  'vhost-pin doctor' says what is missing.", root_path(CLASS));
	if (num < 0)
		die(EXIT_FAILURE, "cannot look at %s: %s", root_path(CLASS), strerror(errno));
	for (n = 0; n < num; n++) {
		host->disks = grow(host->disks, &host->num, sizeof(*host->disks));
		if (!read_disk(&host->disks[host->num - 1], numbers[n]))
			free_disk(&host->disks[--host->num]);
	}
	free(numbers);
	ask_servers(host);
	for (i = 0; i < host->num; i++)
		name_disk(&host->disks[i]);
}

void host_free(struct host *host)
{
	unsigned int i;

	for (i = 0; i < host->num; i++)
		free_disk(&host->disks[i]);
	free(host->disks);
	*host = (struct host){ };
}

/* Ways to call a disk; what is not a path has none. */
static bool is_device(const struct host_disk *disk, const char *name)
{
	return !strcmp(disk->device, name);
}

/* As it is, or as it is shown: what one sees can be typed. */
static bool is_name(const struct host_disk *disk, const char *name)
{
	char *shown = strdup(disk->name);
	bool is = !strcmp(disk->name, name) || (shown && !strcmp(text_clean(shown), name));

	free(shown);
	return is;
}

/* Whether @name, its links followed, is that path. */
static bool is_meant(const char *path, const char *name)
{
	char *resolved = realpath(name, NULL);
	bool is = !strcmp(path, resolved ?: name);

	free(resolved);
	return is;
}

static bool is_socket(const struct host_disk *disk, const char *name)
{
	return disk->socket && is_meant(disk->socket, name);
}

static bool is_path(const struct host_disk *disk, const char *name)
{
	return is_meant(disk->texts[BACKEND], name);
}

static bool is_process(const struct host_disk *disk, const char *name)
{
	const pid_t processes[] = { disk->vm, disk->numbers[OWNER] };
	char number[16];
	unsigned int i;

	for (i = 0; i < 2; i++) {
		snprintf(number, sizeof(number), "%d", processes[i]);
		if (processes[i] && !strcmp(number, name))
			return true;
	}
	return false;
}

unsigned int host_find(const struct host *host, const char *name,
		       const struct host_disk **found)
{
	static bool (*const is[])(const struct host_disk *disk, const char *name) = {
		is_device, is_name, is_socket, is_path, is_process,
	};
	unsigned int way, i, num = 0;

	for (way = 0; way < sizeof(is) / sizeof(is[0]) && !num; way++) {
		for (i = 0; i < host->num; i++) {
			if (is[way](&host->disks[i], name))
				found[num++] = &host->disks[i];
		}
	}
	if (!num)
		die(EXIT_FAILURE, "there is no disk '%s' on this host\n"
		    "  It is a name, a socket, a path, a process or a device of 'vhost-pin list'.",
		    name);
	return num;
}
