// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same request, offered by a driver that spins on another CPU: ns a
 * request, with some of them in flight all the time.
 *
 * The driver writes each chain anew, descriptors and all, as soon as it gets
 * it back: every line of the ring goes to and fro.  With one in flight the
 * figure is a round trip, and has the driver's part in it.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <asm/barrier.h>
#include "bench.h"
#include "rig.h"

#define BENCH_REMOTE	1024	/* requests of one run */

/**
 * struct vpin_bench_remote - a driver on another CPU
 * @rig: the ring
 * @task: the driver
 * @inflight: how many it keeps in flight
 * @run: how many runs it was asked for
 * @done: how many it has done
 */
struct vpin_bench_remote {
	struct vpin_bench_rig *rig;
	struct task_struct *task;
	unsigned int inflight;
	unsigned int run;
	unsigned int done;
};

/* Offers all that is in flight, then again what comes back. */
static void vpin_bench_drive(struct vpin_bench_remote *remote)
{
	struct vpin_bench_rig *rig = remote->rig;
	unsigned int offered = 0, spins = 0, chain;
	u16 mask = rig->shape.num - 1, used = 0;

	for (; offered < remote->inflight; offered++) {
		vpin_bench_rig_write_chain(rig, offered);
		WRITE_ONCE(rig->avail->ring[offered & mask],
			   __cpu_to_virtio16(true, offered * rig->shape.stride));
	}
	/* Chains before the index; pairs with the device's acquire. */
	smp_store_release(&rig->avail->idx, __cpu_to_virtio16(true, offered));

	while (used < BENCH_REMOTE && !kthread_should_stop()) {
		__virtio16 wire;
		u16 idx;

		/* The index before entries; pairs with the device's release. */
		wire = smp_load_acquire(&rig->used->idx);
		idx = __virtio16_to_cpu(true, wire);
		if (idx == used) {
			cpu_relax();
			if (!(++spins % 65536))
				cond_resched();
			continue;
		}
		for (; used != idx; used++) {
			u32 head = __virtio32_to_cpu(true,
				READ_ONCE(rig->used->ring[used & mask].id));

			chain = head / rig->shape.stride;
			if (offered == BENCH_REMOTE ||
			    chain >= rig->shape.nr_chains)
				continue;
			vpin_bench_rig_write_chain(rig, chain);
			WRITE_ONCE(rig->avail->ring[offered++ & mask],
				   __cpu_to_virtio16(true, head));
		}
		/* As above. */
		smp_store_release(&rig->avail->idx,
				  __cpu_to_virtio16(true, offered));
	}
}

static int vpin_bench_driver(void *data)
{
	struct vpin_bench_remote *remote = data;
	unsigned int spins = 0;

	while (!kthread_should_stop()) {
		/* Pairs with the release in vpin_bench_remote_prepare(). */
		if (smp_load_acquire(&remote->run) == remote->done) {
			cpu_relax();
			if (!(++spins % 1024))
				cond_resched();
			continue;
		}
		vpin_bench_drive(remote);
		/* The ring is no longer ours; pairs with the acquire of done. */
		smp_store_release(&remote->done, remote->done + 1);
	}
	return 0;
}

/* The driver has begun, and its first chains are there. */
static void vpin_bench_remote_prepare(struct vpin_bench *bench,
				      unsigned int who)
{
	struct vpin_bench_remote *remote = bench->priv;
	unsigned int spins = 0;

	/* The driver has let go of the ring; pairs with its release. */
	while (smp_load_acquire(&remote->done) != remote->run) {
		cpu_relax();
		if (!(++spins % 65536))
			cond_resched();
	}
	vpin_bench_rig_start(remote->rig, vpin_bench_contestants[who]);
	/* The ring is reset; pairs with the driver's acquire. */
	smp_store_release(&remote->run, remote->run + 1);
	while (!READ_ONCE(remote->rig->avail->idx))
		cpu_relax();
}

static u64 vpin_bench_remote_run(struct vpin_bench *bench, unsigned int who,
				 unsigned int n)
{
	struct vpin_bench_remote *remote = bench->priv;

	return vpin_bench_contestants[who]->request(remote->rig, BENCH_REMOTE,
						    remote->inflight, false);
}

static int vpin_bench_remote_measure(struct seq_file *m,
				     struct vpin_bench_remote *remote)
{
	struct vpin_bench bench = {
		.unit = "ns",
		.per = BENCH_REMOTE,
		.slice_us = 200,
		.priv = remote,
		.nr = BENCH_CONTESTANTS,
		.prepare = vpin_bench_remote_prepare,
		.run = vpin_bench_remote_run,
	};
	unsigned int who;

	snprintf(bench.name, sizeof(bench.name),
		 "kernel/request/other-cpu/3/inflight=%u", remote->inflight);
	for (who = 0; who < bench.nr; who++) {
		bench.who[who] = vpin_bench_contestants[who]->who;
		bench.expect[who] = BENCH_REMOTE / remote->inflight *
			vpin_bench_rig_sum(remote->rig, remote->inflight,
					   vpin_bench_contestants[who]);
	}
	return vpin_bench_measure(&bench, m);
}

static int vpin_bench_remote_both(struct seq_file *m,
				  struct vpin_bench_remote *remote)
{
	int cpu, ret = 0;

	migrate_disable();
	cpu = cpumask_any_but(cpu_online_mask, smp_processor_id());
	remote->task = kthread_create(vpin_bench_driver, remote, "vpin-bench");
	if (IS_ERR(remote->task)) {
		ret = PTR_ERR(remote->task);
		goto out;
	}
	kthread_bind(remote->task, cpu);
	wake_up_process(remote->task);
	for (remote->inflight = 1;
	     remote->inflight <= BENCH_BATCH_MAX && !ret;
	     remote->inflight *= BENCH_BATCH_MAX)
		ret = vpin_bench_remote_measure(m, remote);
	kthread_stop(remote->task);
out:
	migrate_enable();
	return ret;
}

/* Writes nothing where there is only one CPU. */
int vpin_bench_remote(struct seq_file *m)
{
	static const struct vpin_bench_shape shape = {
		.num = 256,
		.nr_chains = BENCH_BATCH_MAX,
		.len = 3,
		.stride = 3,
		.regions = 4,
		.request = true,
	};
	struct vpin_bench_remote remote = {};
	int ret;

	if (num_online_cpus() < 2)
		return 0;
	remote.rig = vpin_bench_rig_create(&shape);
	if (IS_ERR(remote.rig))
		return PTR_ERR(remote.rig);
	ret = vpin_bench_remote_both(m, &remote);
	vpin_bench_rig_destroy(remote.rig);
	return ret;
}
