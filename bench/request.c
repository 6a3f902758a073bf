// SPDX-License-Identifier: GPL-2.0-only
/*
 * A whole request of three descriptors, on a CPU that has everything in its
 * caches: taken, walked, translated, pushed, published: ns a request.
 *
 * The chains and the driver's entries are there; the driver's index moves a
 * batch at a time, one store on the clock.  Barriers are fence instructions in
 * UML, of acquire and release too: who has one for each request pays more for
 * that than on a host, in batches above all.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include "bench.h"
#include "rig.h"

#define BENCH_REQUESTS	256	/* of one run: all chains, more than once */

struct vpin_bench_request {
	struct vpin_bench_rig *rig;
	unsigned int batch;
};

static u64 vpin_bench_request_run(struct vpin_bench *bench, unsigned int who,
				  unsigned int n)
{
	struct vpin_bench_request *request = bench->priv;

	vpin_bench_rig_start(request->rig, vpin_bench_contestants[who]);
	return vpin_bench_contestants[who]->request(request->rig,
						    n * BENCH_REQUESTS,
						    request->batch, true);
}

int vpin_bench_request(struct seq_file *m)
{
	static const struct vpin_bench_shape shape = {
		.num = 256,
		.nr_chains = 64,
		.len = 3,
		.stride = 3,
		.regions = 4,
		.request = true,
	};
	struct vpin_bench_request request = {};
	struct vpin_bench bench = {
		.unit = "ns",
		.per = BENCH_REQUESTS,
		.slice_us = 200,
		.priv = &request,
		.nr = BENCH_CONTESTANTS,
		.run = vpin_bench_request_run,
	};
	unsigned int who;
	int ret = 0;

	request.rig = vpin_bench_rig_create(&shape);
	if (IS_ERR(request.rig))
		return PTR_ERR(request.rig);
	for (who = 0; who < bench.nr; who++) {
		bench.who[who] = vpin_bench_contestants[who]->who;
		bench.expect[who] = BENCH_REQUESTS / shape.nr_chains *
			vpin_bench_rig_sum(request.rig, shape.nr_chains,
					   vpin_bench_contestants[who]);
	}
	for (request.batch = 1; request.batch <= BENCH_BATCH_MAX && !ret;
	     request.batch *= BENCH_BATCH_MAX) {
		snprintf(bench.name, sizeof(bench.name),
			 "kernel/request/hot/3/batch=%u", request.batch);
		ret = vpin_bench_measure(&bench, m);
	}
	vpin_bench_rig_destroy(request.rig);
	return ret;
}
