// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors that change while they are walked (H10): a field goes to and fro
 * between two values on another CPU, all the time.  Either value makes a good
 * chain; who fetches the field twice gets one of each, sooner or later, and what
 * comes of the walk does not fit together.
 */
#include <linux/kthread.h>
#include "fixture.h"

#define SIZE	8U
#define TURNS	300000

/* Behind the table is memory, too: whoever reads there finds this length. */
#define DECOY	77U

/**
 * struct flip - a field that does not rest
 * @name: for people
 * @index: of the descriptor
 * @a: the descriptor at one time
 * @b: and at another
 */
struct flip {
	const char *name;
	u32 index;
	struct vpin_desc a;
	struct vpin_desc b;
};

static const struct flip flips[] = {
	{ "h10_len", 1, { GUEST_BUF + 0x1000, 512, D_WRITE, 0 },
	  { GUEST_BUF + 0x1000, 1024, D_WRITE, 0 } },
	{ "h10_addr", 1, { GUEST_BUF + 0x1000, 512, D_WRITE, 0 },
	  { GUEST_BUF + 0x2000, 512, D_WRITE, 0 } },
	{ "h10_flags", 1, { GUEST_BUF + 0x1000, 512, D_WRITE, 0 },
	  { GUEST_BUF + 0x1000, 512, 0, 0 } },
	{ "h10_next", 0, { GUEST_BUF, 16, D_NEXT, 1 },
	  { GUEST_BUF, 16, D_NEXT, SIZE + 1 } },
};
KUNIT_ARRAY_PARAM_DESC(flip, flips, name);

struct flipper {
	struct vring_desc *wire;
	struct flip flip;
	u64 turns;
};

static void flip_to(struct vring_desc *wire, const struct vpin_desc *desc)
{
	WRITE_ONCE(wire->addr, __cpu_to_virtio64(true, desc->addr));
	WRITE_ONCE(wire->len, __cpu_to_virtio32(true, desc->len));
	WRITE_ONCE(wire->flags, __cpu_to_virtio16(true, desc->flags));
	WRITE_ONCE(wire->next, __cpu_to_virtio16(true, desc->next));
}

static int flip_all_the_time(void *arg)
{
	struct flipper *f = arg;

	while (!kthread_should_stop()) {
		flip_to(f->wire, &f->flip.a);
		flip_to(f->wire, &f->flip.b);
		WRITE_ONCE(f->turns, f->turns + 1);
		if (!(f->turns % 1024))
			cond_resched();
	}
	return 0;
}

/* Whether all that the walk says of its second buffer is of one fetch. */
static bool fits_together(struct vpin_guest *guest, const struct vpin_chain *chain)
{
	const struct vpin_chain_buf *buf = &chain->bufs[1];

	if (chain->nr != 2 || buf->len == DECOY)
		return false;
	if (buf->addr && buf->addr != vpin_guest_ptr(guest, buf->gpa))
		return false;
	if (buf->writable)
		return chain->nr_readable == 1 && chain->readable == 16 &&
		       chain->writable == buf->len;
	return chain->nr_readable == 2 && !chain->writable &&
	       chain->readable == 16 + buf->len;
}

static void one_fetch_decides(struct kunit *test)
{
	const struct flip *flip = test->param_value;
	struct flipper f = { .flip = *flip };
	struct vpin_guest *guest = test->priv;
	struct vpin_chain_buf bufs[SIZE];
	struct vpin_chain chain = { .bufs = bufs, .max = SIZE };
	static struct vpin_hint hint;
	struct vpin_desc_table table;
	struct task_struct *task;
	u32 i, wrong = 0, refused = 0;

	vpin_guest_table(guest, &table, SIZE);
	for (i = SIZE; i < 2 * SIZE; i++)
		vpin_guest_desc(guest, GUEST_TABLE, i,
				&DESC(GUEST_BUF, DECOY, D_WRITE, 0));
	vpin_guest_desc(guest, GUEST_TABLE, 0, &DESC(GUEST_BUF, 16, D_NEXT, 1));
	vpin_guest_desc(guest, GUEST_TABLE, 1,
			&DESC(GUEST_BUF + 0x1000, 512, D_WRITE, 0));
	f.wire = (struct vring_desc *)vpin_guest_ptr(guest, GUEST_TABLE) + flip->index;
	task = kthread_run(flip_all_the_time, &f, "flip");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));
	for (i = 0; i < TURNS; i++) {
		int ret = vpin_chain_walk(&chain, &table, &hint, 0, true);

		if (ret)
			refused++;
		else
			wrong += !fits_together(guest, &chain);
		if (!(i % 1024))
			cond_resched();
	}
	kthread_stop(task);
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	kunit_info(test, "%u of %u refused, %llu flips\n", refused, TURNS, f.turns);
	vpin_desc_table_fini(&table);
}

static struct kunit_case vpin_desc_flip_cases[] = {
	KUNIT_CASE_PARAM(one_fetch_decides, flip_gen_params),
	{}
};

static struct kunit_suite vpin_desc_flip_suite = {
	.name = "vpin_desc_flip",
	.init = vpin_guest_init,
	.exit = vpin_guest_exit,
	.test_cases = vpin_desc_flip_cases,
};
kunit_test_suite(vpin_desc_flip_suite);
