// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pure core beside rust-vmm's virtio-queue, on the same rings in one
 * process: nanoseconds a chain that is walked and translated, and a request
 * that is taken, walked, translated and given back.
 */
#include <err.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "sample.h"

#define ROUNDS		51
#define SMOKE_ROUNDS	3
#define SPIN_SECONDS	5

static struct guest guest;

static struct {
	unsigned int rounds;
	int cpu;
	const char *only;
	const char *spin;
	bool list;
} options = { .rounds = ROUNDS, .cpu = -1 };

static void usage(FILE *to)
{
	fprintf(to,
		"usage: bench-user [OPTIONS]\n"
		"  --rounds N    samples of each contestant (%d)\n"
		"  --smoke       %d rounds: to see that it works\n"
		"  --only TEXT   benches with TEXT in their names\n"
		"  --cpu N       the CPU to run on (the last one allowed)\n"
		"  --list        names the benches\n"
		"  --spin WHO    WHO works %d s on each bench, for a profiler\n",
		ROUNDS, SMOKE_ROUNDS, SPIN_SECONDS);
}

static void parse(int argc, char **argv)
{
	static const struct option known[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "smoke", no_argument, NULL, 's' },
		{ "only", required_argument, NULL, 'o' },
		{ "cpu", required_argument, NULL, 'c' },
		{ "list", no_argument, NULL, 'l' },
		{ "spin", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (c) {
		case 'r':
			options.rounds = atoi(optarg);
			break;
		case 's':
			options.rounds = SMOKE_ROUNDS;
			break;
		case 'o':
			options.only = optarg;
			break;
		case 'c':
			options.cpu = atoi(optarg);
			break;
		case 'l':
			options.list = true;
			break;
		case 'p':
			options.spin = optarg;
			break;
		case 'h':
			usage(stdout);
			exit(0);
		default:
			usage(stderr);
			exit(2);
		}
	}
	if (optind < argc) {
		usage(stderr);
		exit(2);
	}
}

static void pin_to_cpu(int cpu)
{
	cpu_set_t set;
	int i;

	if (sched_getaffinity(0, sizeof(set), &set))
		err(1, "sched_getaffinity");
	for (i = 0; cpu < 0 && i < CPU_SETSIZE; i++)
		if (CPU_ISSET(CPU_SETSIZE - 1 - i, &set))
			cpu = CPU_SETSIZE - 1 - i;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		err(1, "cannot run on CPU %d", cpu);
}

static void run(const struct bench *bench)
{
	if (options.only && !strstr(bench->name, options.only))
		return;
	if (options.list)
		puts(bench->name);
	else if (options.spin)
		bench_spin(bench, &guest, options.spin, SPIN_SECONDS);
	else
		bench_run(bench, &guest, options.rounds);
}

static void walk(__u32 len, bool indirect, __u32 nr_regions, const char *variant)
{
	struct bench bench = {
		.shape = {
			.len = len,
			.nr_regions = nr_regions,
			.indirect = indirect,
			.one_region = !strcmp(variant, "/chains=one-region"),
			.cursors = !strcmp(variant, "/path=cursors"),
			.scattered = !strcmp(variant, "/pages=scattered"),
		},
	};

	snprintf(bench.name, sizeof(bench.name), "user/walk/%s/%u/regions=%u%s",
		 indirect ? "indirect" : "direct", len, nr_regions, variant);
	run(&bench);
}

static void request(__u32 len, bool indirect, __u32 nr_regions, __u32 batch)
{
	struct bench bench = {
		.shape = {
			.len = len,
			.nr_regions = nr_regions,
			.indirect = indirect,
		},
		.batch = batch,
	};

	snprintf(bench.name, sizeof(bench.name),
		 "user/request/%s/%u/batch=%u/regions=%u",
		 indirect ? "indirect" : "direct", len, batch, nr_regions);
	run(&bench);
}

int main(int argc, char **argv)
{
	static const __u32 lens[] = { 1, 3, 16, 128 };
	static const __u32 regions[] = { 1, 4, 64 };
	unsigned int i, j, k;

	parse(argc, argv);
	pin_to_cpu(options.cpu);
	if (guest_init(&guest))
		err(1, "no memory for the guest");

	for (i = 0; i < 2; i++) {
		for (j = 0; j < 4; j++) {
			for (k = 0; k < 3; k++) {
				walk(lens[j], i, regions[k], "");
				if (regions[k] > 1)
					walk(lens[j], i, regions[k],
					     "/chains=one-region");
			}
		}
		for (j = 0; j < 3; j++) {
			walk(lens[j], i, 1, "/path=cursors");
			walk(lens[j], i, 1, "/pages=scattered");
		}
	}
	for (i = 0; i < 2; i++) {
		for (j = 0; j < 3; j++) {
			for (k = 0; k < 3; k++) {
				request(lens[j], i, regions[k], 1);
				request(lens[j], i, regions[k], BATCH_MAX);
			}
		}
	}
	return 0;
}
