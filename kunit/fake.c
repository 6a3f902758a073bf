// SPDX-License-Identifier: GPL-2.0-only
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/slab.h>
#include "fake.h"

/* @node is in the queue's free list or in the fake's held one. */
struct vpin_fake_req {
	struct vpin_req req;
	struct list_head node;
	bool inflight;
};

struct vpin_fake_queue {
	struct list_head free;
	struct vpin_fake_req reqs[];
};

static struct vpin_fake *vpin_fake_of(struct vpin_vq *vq)
{
	return vq->dev->priv;
}

static int vpin_fake_attach(struct vpin_dev *dev, const struct vpin_attach *args,
			    struct file *backend)
{
	dev->priv = container_of(args, struct vpin_fake, rig.args);
	dev->offered = FAKE_FEATURES;
	return 0;
}

static void vpin_fake_detach(struct vpin_dev *dev)
{
}

static void vpin_fake_reset(struct vpin_dev *dev)
{
	struct vpin_fake *fake = dev->priv;

	fake->nr_resets++;
}

static int vpin_fake_vq_start(struct vpin_vq *vq)
{
	struct vpin_fake *fake = vpin_fake_of(vq);
	struct vpin_fake_queue *queue;
	unsigned int i;

	if (vq->index >= fake->fail_start)
		return -ENOMEM;
	queue = kzalloc(struct_size(queue, reqs, vq->num), GFP_KERNEL);
	if (!queue)
		return -ENOMEM;
	INIT_LIST_HEAD(&queue->free);
	for (i = 0; i < vq->num; i++)
		list_add_tail(&queue->reqs[i].node, &queue->free);
	vq->priv = queue;
	fake->nr_started++;
	return 0;
}

static void vpin_fake_vq_stop(struct vpin_vq *vq)
{
	struct vpin_fake *fake = vpin_fake_of(vq);
	struct vpin_fake_queue *queue = vq->priv;
	unsigned int i;

	for (i = 0; i < vq->num; i++)
		fake->nr_faults += queue->reqs[i].inflight;
	kfree(queue);
	vq->priv = NULL;
	fake->nr_stopped++;
}

/* Queues count at the same time. */
static void vpin_fake_count(struct vpin_fake *fake, unsigned int *nr, bool more)
{
	spin_lock(&fake->lock);
	*nr += more;
	spin_unlock(&fake->lock);
}

/* Takes one chain.  Return: vpin_vq_take()'s. */
static int vpin_fake_take(struct vpin_vq *vq, struct vpin_fake_queue *queue)
{
	struct vpin_fake *fake = vpin_fake_of(vq);
	struct vpin_fake_req *req;
	u16 head;
	int ret;

	ret = vpin_vq_take(vq, &head);
	vpin_fake_count(fake, &fake->nr_bad, ret < 0);
	if (ret <= 0)
		return ret;

	vpin_fake_count(fake, &fake->nr_taken, true);
	if (fake->at_once) {
		if (fake->writes)
			fake->writes(fake, vq);
		vpin_vq_return(vq, head, 1);
		vpin_fake_count(fake, &fake->nr_ended, true);
		return 1;
	}
	req = list_first_entry(&queue->free, struct vpin_fake_req, node);
	list_del(&req->node);
	vpin_fake_count(fake, &fake->nr_faults, req->inflight);
	req->inflight = true;
	vpin_vq_begin(vq, &req->req, head);
	req->req.len = vq->chain.writable;
	if (!READ_ONCE(fake->hold)) {
		vpin_vq_complete(&req->req);
		return 1;
	}
	spin_lock(&fake->lock);
	list_add_tail(&req->node, &fake->held);
	fake->nr_held++;
	spin_unlock(&fake->lock);
	return 1;
}

static unsigned int vpin_fake_vq_run(struct vpin_vq *vq, unsigned int budget)
{
	struct vpin_fake_queue *queue = vq->priv;
	struct vpin_fake *fake = vpin_fake_of(vq);
	unsigned int nr = 0;

	while (nr < budget && !list_empty(&queue->free) &&
	       vpin_fake_take(vq, queue))
		nr++;
	fake->most_taken = max(fake->most_taken, nr);
	return nr;
}

static bool vpin_fake_vq_end(struct vpin_vq *vq, struct vpin_req *vreq)
{
	struct vpin_fake_req *req = container_of(vreq, struct vpin_fake_req, req);
	struct vpin_fake_queue *queue = vq->priv;
	struct vpin_fake *fake = vpin_fake_of(vq);

	vpin_fake_count(fake, &fake->nr_faults, !req->inflight);
	if (fake->writes)
		fake->writes(fake, vq);
	req->inflight = false;
	list_add_tail(&req->node, &queue->free);
	vpin_fake_count(fake, &fake->nr_ended, true);
	if (READ_ONCE(fake->endless))
		vpin_driver_offer(&fake->rig.drivers[vq->index], 0);
	return true;
}

/* What a turn does after it has given back what ended. */
static bool vpin_fake_vq_resume(struct vpin_vq *vq)
{
	const struct vpin_fake *fake = vpin_fake_of(vq);

	if (fake->resume_ms)
		msleep(fake->resume_ms);
	return false;
}

static const struct vpin_dev_type vpin_fake_type = {
	.id = 42,
	.name = "fake",
	.attach = vpin_fake_attach,
	.detach = vpin_fake_detach,
	.reset = vpin_fake_reset,
	.vq_start = vpin_fake_vq_start,
	.vq_stop = vpin_fake_vq_stop,
	.vq_resume = vpin_fake_vq_resume,
	.vq_run = vpin_fake_vq_run,
	.vq_end = vpin_fake_vq_end,
};

/* Waits until @nr requests are in flight.  Return: whether they are. */
bool vpin_fake_held(struct vpin_fake *fake, unsigned int nr)
{
	return WAIT_UNTIL(READ_ONCE(fake->nr_held) == nr);
}

/* Starts both queues, and has @nr times head 0 of queue 0 in flight. */
void vpin_fake_run_held(struct vpin_fake *fake, u16 num, u16 nr)
{
	fake->hold = true;
	vpin_rig_run(&fake->rig, num, 0);
	vpin_rig_chain(&fake->rig, 0, 0, 1);
	vpin_rig_offer(&fake->rig, 0, 0, nr);
	KUNIT_ASSERT_TRUE(fake->rig.test, vpin_fake_held(fake, nr));
}

/* Ends up to @max of the requests that are held.  Return: how many. */
unsigned int vpin_fake_release(struct vpin_fake *fake, unsigned int max)
{
	struct vpin_fake_req *req;
	unsigned int nr;

	for (nr = 0; nr < max; nr++) {
		spin_lock(&fake->lock);
		req = list_first_entry_or_null(&fake->held,
					       struct vpin_fake_req, node);
		if (req) {
			list_del(&req->node);
			fake->nr_held--;
		}
		spin_unlock(&fake->lock);
		if (!req)
			break;
		vpin_vq_complete(&req->req);
	}
	return nr;
}

/* A fake that no device is of yet; NULL without memory. */
struct vpin_fake *vpin_fake_alloc(struct kunit *test)
{
	struct vpin_fake *fake;

	fake = kunit_kzalloc(test, sizeof(*fake), GFP_KERNEL);
	if (!fake)
		return NULL;
	fake->fail_start = U16_MAX;
	spin_lock_init(&fake->lock);
	INIT_LIST_HEAD(&fake->held);
	return fake;
}

int vpin_fake_init(struct kunit *test)
{
	struct vpin_fake *fake = vpin_fake_alloc(test);

	if (!fake)
		return -ENOMEM;
	test->priv = fake;
	fake->backend = vpin_test_file(PAGE_SIZE);
	if (IS_ERR(fake->backend))
		return PTR_ERR(fake->backend);
	return vpin_rig_init(&fake->rig, test, &vpin_fake_type, fake->backend);
}

void vpin_fake_exit(struct kunit *test)
{
	struct vpin_fake *fake = test->priv;

	if (!fake)
		return;
	WRITE_ONCE(fake->endless, false);
	WRITE_ONCE(fake->hold, false);
	vpin_fake_release(fake, UINT_MAX);
	vpin_rig_exit(&fake->rig);
	if (!IS_ERR(fake->backend))
		fput(fake->backend);
	KUNIT_EXPECT_EQ(test, fake->nr_started, fake->nr_stopped);
	KUNIT_EXPECT_EQ(test, fake->nr_taken, fake->nr_ended);
	KUNIT_EXPECT_EQ(test, fake->nr_faults, 0U);
}
