// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "host.h"

static FILE *must_open(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	return file;
}

static void count_pins(long *acquired, long *released)
{
	char line[128];
	FILE *file;

	/* The counters are per CPU until someone asks for their sum. */
	file = fopen("/proc/sys/vm/stat_refresh", "w");
	if (file) {
		fputs("1\n", file);
		fclose(file);
	}

	file = must_open("/proc/vmstat");
	while (fgets(line, sizeof(line), file)) {
		sscanf(line, "nr_foll_pin_acquired %ld", acquired);
		sscanf(line, "nr_foll_pin_released %ld", released);
	}
	fclose(file);
}

long host_pins(void)
{
	long acquired = 0, released = 0;

	count_pins(&acquired, &released);
	return acquired - released;
}

long host_pinned_ever(void)
{
	long acquired = 0, released = 0;

	count_pins(&acquired, &released);
	return acquired;
}

/* Whether the thread in @dir is a worker, in any state but @state. */
static bool is_worker(int dir, const char *thread, char state)
{
	char path[300], digit, is;
	bool worker = false;
	FILE *file = NULL;
	int fd;

	snprintf(path, sizeof(path), "%s/stat", thread);
	fd = openat(dir, path, O_RDONLY);
	if (fd >= 0)
		file = fdopen(fd, "r");
	if (!file)
		return false;
	if (fscanf(file, "%*d (vpin-%c%*[^)]) %c", &digit, &is) == 2)
		worker = isdigit((unsigned char)digit) && is != state;
	fclose(file);
	return worker;
}

/* Adds the workers among the threads of a process; see workers_not(). */
static int workers_of(int proc, const char *process, char state, int *ids,
		      int max, int workers)
{
	struct dirent *entry;
	char path[300];
	DIR *threads = NULL;
	int fd;

	snprintf(path, sizeof(path), "%s/task", process);
	fd = openat(proc, path, O_RDONLY | O_DIRECTORY);
	if (fd >= 0)
		threads = fdopendir(fd);
	if (!threads)
		return workers;
	while ((entry = readdir(threads))) {
		if (!isdigit((unsigned char)entry->d_name[0]) ||
		    !is_worker(fd, entry->d_name, state))
			continue;
		if (workers < max)
			ids[workers] = atoi(entry->d_name);
		workers++;
	}
	closedir(threads);
	return workers;
}

/*
 * Workers in any state but @state, and the ids of up to @max of them: threads
 * of their owner's process, or kernel threads.
 */
static int workers_not(char state, int *ids, int max)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int workers = 0;

	while ((entry = readdir(proc))) {
		if (isdigit((unsigned char)entry->d_name[0]))
			workers = workers_of(dirfd(proc), entry->d_name, state,
					     ids, max, workers);
	}
	closedir(proc);
	return workers;
}

int host_workers(void)
{
	return workers_not(0, NULL, 0);
}

int host_busy_workers(void)
{
	return workers_not('S', NULL, 0);
}

int host_worker_ids(int *ids, int max)
{
	return workers_not(0, ids, max);
}

int host_files(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int files = 0;

	while (readdir(directory))
		files++;
	closedir(directory);
	return files - 3;	/* ".", ".." and the directory itself */
}

unsigned int host_patience(void)
{
	return access("/sys/kernel/debug/kmemleak", F_OK) ? 1 : 5;
}

long host_charged(void)
{
	return host_charged_to(getpid());
}

long host_charged_to(pid_t pid)
{
	char path[32], line[128];
	long charged = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = must_open(path);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "VmPin: %ld", &charged);
	fclose(file);
	return charged;
}

int host_drop(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	data[CAP_TO_INDEX(capability)].effective &= ~CAP_TO_MASK(capability);
	data[CAP_TO_INDEX(capability)].permitted &= ~CAP_TO_MASK(capability);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

double host_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}
