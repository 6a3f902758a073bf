// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/sort.h>
#include "bench.h"

u32 vpin_bench_rounds = 31;

static int vpin_bench_compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 vpin_bench_median(u64 *values, unsigned int nr)
{
	sort(values, nr, sizeof(*values), vpin_bench_compare, NULL);
	return values[nr / 2];
}

/*
 * In UML the kernel's clock is a system call; the CPU's counter is not, and
 * runs that have to be prepared are too short for the former.
 */
#ifdef CONFIG_X86_64
static u64 vpin_bench_clock(void)
{
	u32 low, high;

	asm volatile("lfence; rdtsc; lfence"
		     : "=a" (low), "=d" (high) : : "memory");
	return (u64)high << 32 | low;
}

/* Ticks of the clock in 2^20 ns. */
static u64 vpin_bench_clock_rate(void)
{
	static u64 rate;
	u64 rates[9], ns, ticks;
	unsigned int i;

	for (i = 0; !rate && i < ARRAY_SIZE(rates); i++) {
		ns = ktime_get_ns();
		ticks = vpin_bench_clock();
		while (ktime_get_ns() - ns < 5 * NSEC_PER_MSEC)
			;
		ticks = vpin_bench_clock() - ticks;
		rates[i] = div64_u64(ticks << 20, ktime_get_ns() - ns);
		cond_resched();
	}
	if (!rate)
		rate = vpin_bench_median(rates, ARRAY_SIZE(rates));
	return rate;
}
#else
static u64 vpin_bench_clock(void)
{
	return ktime_get_ns();
}

static u64 vpin_bench_clock_rate(void)
{
	return 1 << 20;
}
#endif

/* Ticks that @n runs take; 0 if they found something else than they should. */
static u64 vpin_bench_slice(struct vpin_bench *bench, unsigned int who,
			    unsigned int n)
{
	u64 sum = 0, ticks = 0, start;
	unsigned int i;

	if (bench->prepare) {
		for (i = 0; i < n; i++) {
			bench->prepare(bench, who);
			start = vpin_bench_clock();
			sum += bench->run(bench, who, 1);
			ticks += vpin_bench_clock() - start;
		}
	} else {
		start = vpin_bench_clock();
		sum = bench->run(bench, who, n);
		ticks = vpin_bench_clock() - start;
	}
	cond_resched();
	if (sum == bench->expect[who] * n)
		return ticks ?: 1;
	pr_err("vhost_pin: %s: %s found %#llx instead of %#llx\n", bench->name,
	       bench->who[who], sum, bench->expect[who] * n);
	return 0;
}

/* How many runs a slice is; 0 if they go wrong. */
static unsigned int vpin_bench_calibrate(struct vpin_bench *bench,
					 unsigned int who, u64 rate)
{
	u64 want = bench->slice_us * (rate * 1000 >> 20), ticks;
	unsigned int n;

	for (n = 1;; n *= 2) {
		/* The quicker of two: the first one also warms up. */
		ticks = vpin_bench_slice(bench, who, n);
		ticks = min(ticks, vpin_bench_slice(bench, who, n));
		if (!ticks)
			return 0;
		if (ticks * 4 >= want)
			return max(1ULL, div64_u64(want * n, ticks));
	}
}

/* A figure with three decimals. */
static void vpin_bench_print(struct vpin_bench *bench, struct seq_file *m,
			     unsigned int who, unsigned int round, u64 ticks,
			     u64 count, u64 rate)
{
	u64 value = mul_u64_u64_div_u64(ticks, 1000ULL << 20, rate * count);
	u32 rest;

	if (bench->unit[0] == 'u')
		value = div_u64(value, 1000);
	value = div_u64_rem(value, 1000, &rest);
	seq_printf(m, "{\"bench\":\"%s\",\"who\":\"%s\",\"round\":%u,\"value\":%llu.%03u,\"unit\":\"%s\"}\n",
		   bench->name, bench->who[who], round, value, rest,
		   bench->unit);
}

/**
 * vpin_bench_measure - measures a figure, writes a line for each sample
 * @bench: the figure
 * @m: where to
 *
 * Return: 0; -EIO if a contestant found what it should not; -EINTR.
 */
int vpin_bench_measure(struct vpin_bench *bench, struct seq_file *m)
{
	u64 slices[BENCH_WHO_MAX][BENCH_SLICES];
	u64 rate = vpin_bench_clock_rate();
	unsigned int n[BENCH_WHO_MAX];
	unsigned int round, s, i, who;

	for (who = 0; who < bench->nr; who++) {
		n[who] = vpin_bench_calibrate(bench, who, rate);
		if (!n[who])
			return -EIO;
	}
	for (round = 0; round < vpin_bench_rounds; round++) {
		for (s = 0; s < BENCH_SLICES; s++) {
			for (i = 0; i < bench->nr; i++) {
				who = (round + s + i) % bench->nr;
				slices[who][s] = vpin_bench_slice(bench, who,
								  n[who]);
				if (!slices[who][s])
					return -EIO;
			}
		}
		for (who = 0; who < bench->nr; who++)
			vpin_bench_print(bench, m, who, round,
					 vpin_bench_median(slices[who],
							   BENCH_SLICES),
					 (u64)n[who] * bench->per, rate);
		if (signal_pending(current))
			return -EINTR;
	}
	return 0;
}
