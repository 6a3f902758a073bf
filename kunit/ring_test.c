// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device's side of the ring, against areas that the test writes itself as a
 * driver does.
 */
#include <vpin/ring.h>
#include "compat.h"

#define NUM	8

/* The areas, and beyond those that are used a word that no one may touch. */
struct ring_memory {
	struct vring_desc desc[NUM];
	__le16 avail[2 + NUM + 1];
	__le16 avail_guard;
	struct {
		__le16 flags;
		__le16 idx;
		struct {
			__le32 id;
			__le32 len;
		} ring[NUM];
		__le16 avail_event;
	} __packed used __aligned(4);
	__le16 used_guard;
};

#define GUARD	cpu_to_le16(0xa5a5)

/* The driver's fields by their names. */
#define avail_flags	avail[0]
#define avail_idx	avail[1]
#define avail_ring(i)	avail[2 + (i)]
#define used_event	avail[2 + NUM]

struct ring_test {
	struct vpin_ring ring;
	struct ring_memory mem;
};

/* A ring of NUM whose next entry is @base, and a driver that agrees. */
static struct ring_test *setup(struct kunit *test, u16 base, bool event_idx)
{
	struct ring_test *t = test->priv;

	memset(t, 0, sizeof(*t));
	t->mem.avail_guard = GUARD;
	t->mem.used_guard = GUARD;
	t->mem.avail_idx = cpu_to_le16(base);
	t->mem.used.idx = cpu_to_le16(base);
	vpin_ring_init(&t->ring, NUM, base, event_idx);
	vpin_ring_set_memory(&t->ring, t->mem.desc, (void *)t->mem.avail,
			     (void *)&t->mem.used);
	return t;
}

/* The driver offers one more chain. */
static void offer(struct ring_test *t, u16 head)
{
	u16 idx = le16_to_cpu(t->mem.avail_idx);

	t->mem.avail_ring(idx % NUM) = cpu_to_le16(head);
	t->mem.avail_idx = cpu_to_le16(idx + 1);
}

static void take_one(struct kunit *test, struct ring_test *t, u16 want)
{
	u16 head = 0xffff;

	KUNIT_EXPECT_EQ(test, vpin_ring_take(&t->ring, &head), 1);
	KUNIT_EXPECT_EQ(test, head, want);
}

static void take_none(struct kunit *test, struct ring_test *t, int want)
{
	u16 head;

	KUNIT_EXPECT_EQ(test, vpin_ring_take(&t->ring, &head), want);
}

/* VIRTIO 1.2, 2.7: 6 + 2 * num bytes and 6 + 8 * num. */
static void areas_have_the_sizes_of_virtio(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, vpin_ring_avail_size(8), 22ULL);
	KUNIT_EXPECT_EQ(test, vpin_ring_used_size(8), 70ULL);
	KUNIT_EXPECT_EQ(test, vpin_ring_avail_size(1), 8ULL);
	KUNIT_EXPECT_EQ(test, vpin_ring_used_size(1), 14ULL);
	KUNIT_EXPECT_EQ(test, vpin_ring_avail_size(32768), 6 + 65536ULL);
	KUNIT_EXPECT_EQ(test, vpin_ring_used_size(32768), 6 + 262144ULL);
}

/* 3 offered: taken in order, then none. */
static void take_in_order(struct kunit *test)
{
	struct ring_test *t = setup(test, 0, false);

	take_none(test, t, 0);
	offer(t, 5);
	offer(t, 2);
	offer(t, 7);
	take_one(test, t, 5);
	take_one(test, t, 2);
	take_one(test, t, 7);
	take_none(test, t, 0);
	offer(t, 1);
	take_one(test, t, 1);
	take_none(test, t, 0);
}

/* Used elements are seen at publish and not before; index, id and length. */
static void push_then_publish(struct kunit *test)
{
	struct ring_test *t = setup(test, 0, false);

	KUNIT_EXPECT_FALSE(test, vpin_ring_publish(&t->ring));
	vpin_ring_push(&t->ring, 5, 513);
	vpin_ring_push(&t->ring, 2, 0xfffffffe);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(t->mem.used.idx), 0);
	KUNIT_EXPECT_TRUE(test, vpin_ring_publish(&t->ring));
	KUNIT_EXPECT_EQ(test, le16_to_cpu(t->mem.used.idx), 2);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(t->mem.used.ring[0].id), 5U);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(t->mem.used.ring[0].len), 513U);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(t->mem.used.ring[1].id), 2U);
	KUNIT_EXPECT_EQ(test, le32_to_cpu(t->mem.used.ring[1].len), 0xfffffffeU);
	/* Nothing new: no signal, nothing written. */
	KUNIT_EXPECT_FALSE(test, vpin_ring_publish(&t->ring));
}

/*
 * 140000 chains, twice around 65536, in groups of up to NUM: each index lands in
 * its slot, and nothing is written beside the areas.
 */
static void indices_wrap_at_65536(struct kunit *test)
{
	struct ring_test *t = setup(test, 65530, true);
	u32 done = 0, group = 1, wrong = 0;

	while (done < 140000) {
		u32 i;

		for (i = 0; i < group; i++)
			offer(t, (done + i) % NUM);
		for (i = 0; i < group; i++) {
			u16 head, used = 65530 + done + i;

			wrong += vpin_ring_take(&t->ring, &head) != 1;
			wrong += head != (done + i) % NUM;
			vpin_ring_push(&t->ring, head, done + i);
			wrong += le32_to_cpu(t->mem.used.ring[used % NUM].len) !=
				 done + i;
		}
		vpin_ring_publish(&t->ring);
		done += group;
		wrong += le16_to_cpu(t->mem.used.idx) != (u16)(65530 + done);
		group = group % NUM + 1;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	take_none(test, t, 0);
}

/* Entries are copied some at a time: each once, in order, around the wrap. */
static void many_entries_in_order(struct kunit *test)
{
	const u16 num = 4 * VPIN_RING_STAGE, base = 65535 - num / 2;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vpin_ring ring;
	u16 i, head, end = base;

	desc = kunit_kcalloc(test, num, sizeof(*desc), GFP_KERNEL);
	avail = kunit_kzalloc(test, vpin_ring_avail_size(num), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, desc);
	KUNIT_ASSERT_NOT_NULL(test, avail);
	vpin_ring_init(&ring, num, base, false);
	vpin_ring_set_memory(&ring, desc, avail, NULL);
	for (i = 0; i < num; i++)
		avail->ring[end++ % num] =
			__cpu_to_virtio16(true, (i * 5 + 3) % num);

	avail->idx = __cpu_to_virtio16(true, base + VPIN_RING_STAGE + 1);
	for (i = 0; i < num; i++) {
		/* The rest is offered while the first of them are at hand. */
		if (i == VPIN_RING_STAGE / 2)
			avail->idx = __cpu_to_virtio16(true, end);
		KUNIT_ASSERT_EQ(test, vpin_ring_take(&ring, &head), 1);
		KUNIT_EXPECT_EQ(test, head, (i * 5 + 3) % num);
	}
	KUNIT_EXPECT_EQ(test, vpin_ring_take(&ring, &head), 0);
	KUNIT_EXPECT_EQ(test, ring.last_avail, end);
}

/* A ring of one entry, which is a power of two as well. */
static void ring_of_one_entry(struct kunit *test)
{
	__le16 avail[4] = {};
	struct {
		__le16 flags;
		__le16 idx;
		__le32 id;
		__le32 len;
		__le16 event;
	} used = {};
	struct vring_desc desc = {};
	struct vpin_ring ring;
	u16 head;
	int i;

	vpin_ring_init(&ring, 1, 0, false);
	vpin_ring_set_memory(&ring, &desc, (void *)avail, (void *)&used);
	for (i = 1; i <= 3; i++) {
		avail[1] = cpu_to_le16(i);
		KUNIT_EXPECT_EQ(test, vpin_ring_take(&ring, &head), 1);
		KUNIT_EXPECT_EQ(test, head, 0);
		KUNIT_EXPECT_EQ(test, vpin_ring_take(&ring, &head), 0);
		vpin_ring_push(&ring, 0, i);
		vpin_ring_publish(&ring);
		KUNIT_EXPECT_EQ(test, le16_to_cpu(used.idx), i);
		KUNIT_EXPECT_EQ(test, le32_to_cpu(used.len), (u32)i);
	}
	avail[1] = cpu_to_le16(5);
	KUNIT_EXPECT_EQ(test, vpin_ring_take(&ring, &head), -EINVAL);
}

/* Without the event index one flag of the driver's decides. */
static void signals_by_flag(struct kunit *test)
{
	struct ring_test *t = setup(test, 0, false);

	vpin_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_TRUE(test, vpin_ring_publish(&t->ring));
	t->mem.avail_flags = cpu_to_le16(VRING_AVAIL_F_NO_INTERRUPT);
	vpin_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_FALSE(test, vpin_ring_publish(&t->ring));
	/* Other bits mean nothing, nor does used_event. */
	t->mem.avail_flags = cpu_to_le16(0xfffe);
	t->mem.used_event = cpu_to_le16(1000);
	vpin_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_TRUE(test, vpin_ring_publish(&t->ring));
}

/* With the event index the flag means nothing (VIRTIO 1.2, 2.7.7.2). */
static void signals_by_event_ignore_the_flag(struct kunit *test)
{
	struct ring_test *t = setup(test, 0, true);

	t->mem.avail_flags = cpu_to_le16(VRING_AVAIL_F_NO_INTERRUPT);
	t->mem.used_event = cpu_to_le16(0);
	vpin_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_TRUE(test, vpin_ring_publish(&t->ring));
	t->mem.used_event = cpu_to_le16(1);
	vpin_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_TRUE(test, vpin_ring_publish(&t->ring));
}

/**
 * struct event_case - one publish
 * @old: used->idx before
 * @nr: elements that are published
 * @event: the driver's used_event
 * @want: it is told, since index @event is among those that were published
 */
struct event_case {
	u16 old;
	u16 nr;
	u16 event;
	bool want;
};

static const struct event_case event_cases[] = {
	/* Indices 10, 11 and 12 are published. */
	{ 10, 3, 9, false },
	{ 10, 3, 10, true },
	{ 10, 3, 11, true },
	{ 10, 3, 12, true },
	{ 10, 3, 13, false },
	{ 10, 3, 10 + 32768, false },
	/* One at a time. */
	{ 10, 1, 9, false },
	{ 10, 1, 10, true },
	{ 10, 1, 11, false },
	/* A full ring. */
	{ 10, 8, 9, false },
	{ 10, 8, 10, true },
	{ 10, 8, 17, true },
	{ 10, 8, 18, false },
	/* Around the wrap: 65534, 65535, 0 and 1. */
	{ 65534, 4, 65533, false },
	{ 65534, 4, 65534, true },
	{ 65534, 4, 65535, true },
	{ 65534, 4, 0, true },
	{ 65534, 4, 1, true },
	{ 65534, 4, 2, false },
	{ 65535, 1, 65535, true },
	{ 65535, 1, 0, false },
	{ 0, 1, 65535, false },
	{ 0, 1, 0, true },
};

static void event_case_name(const struct event_case *c, char *name)
{
	snprintf(name, KUNIT_PARAM_DESC_SIZE, "%u+%u, event %u", c->old, c->nr,
		 c->event);
}
KUNIT_ARRAY_PARAM(event, event_cases, event_case_name);

static void signals_by_event(struct kunit *test)
{
	const struct event_case *c = test->param_value;
	struct ring_test *t = setup(test, c->old - 1, true);
	u16 i;

	/* The first publish signals always: what came before is not known. */
	t->mem.used_event = cpu_to_le16(c->old + 100);
	vpin_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_TRUE(test, vpin_ring_publish(&t->ring));

	t->mem.used_event = cpu_to_le16(c->event);
	for (i = 0; i < c->nr; i++)
		vpin_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_EQ(test, vpin_ring_publish(&t->ring), c->want);
}

/* Published in two steps, 10 to 12 and 13 to 15: event 13 is in the second. */
static void signals_count_from_the_last_publish(struct kunit *test)
{
	struct ring_test *t = setup(test, 9, true);
	int i;

	vpin_ring_push(&t->ring, 0, 0);
	vpin_ring_publish(&t->ring);
	t->mem.used_event = cpu_to_le16(13);
	for (i = 0; i < 3; i++)
		vpin_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_FALSE(test, vpin_ring_publish(&t->ring));
	for (i = 0; i < 3; i++)
		vpin_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_TRUE(test, vpin_ring_publish(&t->ring));
	/* The driver did not move it: told once is enough. */
	vpin_ring_push(&t->ring, 0, 0);
	KUNIT_EXPECT_FALSE(test, vpin_ring_publish(&t->ring));
}

/* Without the event index kicks are switched by a flag of ours. */
static void kicks_by_flag(struct kunit *test)
{
	struct ring_test *t = setup(test, 0, false);

	vpin_ring_disable_kick(&t->ring);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(t->mem.used.flags),
			VRING_USED_F_NO_NOTIFY);
	KUNIT_EXPECT_EQ(test, vpin_ring_enable_kick(&t->ring), 0);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(t->mem.used.flags), 0);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(t->mem.used.avail_event), 0);
}

/* With it by the index of the entry that is waited for; the flag stays 0. */
static void kicks_by_event(struct kunit *test)
{
	struct ring_test *t = setup(test, 65535, true);

	offer(t, 0);
	offer(t, 1);
	take_one(test, t, 0);
	take_one(test, t, 1);
	vpin_ring_disable_kick(&t->ring);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(t->mem.used.flags), 0);
	KUNIT_EXPECT_EQ(test, vpin_ring_enable_kick(&t->ring), 0);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(t->mem.used.avail_event), 1);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(t->mem.used.flags), 0);
}

/*
 * The race: all is taken, then a chain is offered while we ask to be kicked.
 * The driver may have looked before we asked, so we have to look after.
 */
static void enable_kick_sees_what_came_meanwhile(struct kunit *test)
{
	struct ring_test *t = setup(test, 0, true);

	offer(t, 4);
	take_one(test, t, 4);
	take_none(test, t, 0);
	offer(t, 6);
	KUNIT_EXPECT_EQ(test, vpin_ring_enable_kick(&t->ring), 1);
	take_one(test, t, 6);
	KUNIT_EXPECT_EQ(test, vpin_ring_enable_kick(&t->ring), 0);
}

/* Other memory, the same ring: indices go on, and the wish is written anew. */
static void set_memory_while_in_use(struct kunit *test)
{
	struct ring_test *t = setup(test, 0, false);
	struct ring_memory *new;

	new = kunit_kzalloc(test, sizeof(*new), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, new);
	offer(t, 4);
	take_one(test, t, 4);
	vpin_ring_disable_kick(&t->ring);
	*new = t->mem;
	vpin_ring_set_memory(&t->ring, new->desc, (void *)new->avail,
			     (void *)&new->used);
	new->used.flags = 0;
	vpin_ring_disable_kick(&t->ring);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(new->used.flags),
			VRING_USED_F_NO_NOTIFY);
	vpin_ring_push(&t->ring, 4, 1);
	vpin_ring_publish(&t->ring);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(new->used.idx), 1);
	KUNIT_EXPECT_EQ(test, le16_to_cpu(t->mem.used.idx), 0);
}

/* Entries that were known but not taken are those of the new memory. */
static void set_memory_before_all_is_taken(struct kunit *test)
{
	struct ring_test *t = setup(test, 0, false);
	struct ring_memory *new;

	new = kunit_kzalloc(test, sizeof(*new), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, new);
	offer(t, 4);
	offer(t, 5);
	take_one(test, t, 4);
	*new = t->mem;
	new->avail_ring(1) = cpu_to_le16(6);
	vpin_ring_set_memory(&t->ring, new->desc, (void *)new->avail,
			     (void *)&new->used);
	take_one(test, t, 6);
}

/* H03: a ring of 8 has no entry 8. */
static void h03_avail_entry_out_of_range(struct kunit *test)
{
	struct ring_test *t = setup(test, 0, false);

	offer(t, NUM - 1);
	offer(t, NUM);
	take_one(test, t, NUM - 1);
	take_none(test, t, -EINVAL);

	t = setup(test, 0, false);
	offer(t, 65535);
	take_none(test, t, -EINVAL);
}

/* H03: any used_event is answered, none of them by a read or a write outside. */
static void h03_used_event_out_of_range(struct kunit *test)
{
	struct ring_test *t = setup(test, 0, true);
	u32 event, signals = 0;

	vpin_ring_push(&t->ring, 0, 0);
	vpin_ring_publish(&t->ring);
	for (event = 0; event < 65536; event++) {
		t->mem.used_event = cpu_to_le16(event + 4321);
		vpin_ring_push(&t->ring, 0, 0);
		signals += vpin_ring_publish(&t->ring);
	}
	/* Always 4320 off the one that is published. */
	KUNIT_EXPECT_EQ(test, signals, 0U);
}

/* H12: size ahead is a full ring. */
static void h12_avail_ahead_by_size(struct kunit *test)
{
	struct ring_test *t = setup(test, 65532, false);
	int i;

	for (i = 0; i < NUM; i++)
		offer(t, i);
	KUNIT_EXPECT_EQ(test, vpin_ring_enable_kick(&t->ring), 1);
	for (i = 0; i < NUM; i++)
		take_one(test, t, i);
	take_none(test, t, 0);
}

struct avail_case {
	const char *name;
	u16 base;
	u16 idx;
};

/* H12: where avail->idx cannot be, seen from the next entry to take. */
static const struct avail_case avail_cases[] = {
	{ "h12_ahead_by_size_and_1", 100, 109 },
	{ "h12_ahead_by_much", 100, 20000 },
	{ "h12_backwards_by_1", 100, 99 },
	{ "h12_backwards_by_size", 100, 92 },
	{ "h12_half_way_around", 100, 100 + 32768 },
	{ "h12_ahead_by_size_and_1_around_the_wrap", 65532, 5 },
	{ "h12_backwards_around_the_wrap", 0, 65535 },
	{ "h12_backwards_to_0", 65535, 0xfffe },
};
KUNIT_ARRAY_PARAM_DESC(avail, avail_cases, name);

static void h12_avail_out_of_range(struct kunit *test)
{
	const struct avail_case *c = test->param_value;
	struct ring_test *t = setup(test, c->base, false);

	t->mem.avail_idx = cpu_to_le16(c->idx);
	take_none(test, t, -EINVAL);
	take_none(test, t, -EINVAL);
	KUNIT_EXPECT_EQ(test, vpin_ring_enable_kick(&t->ring), -EINVAL);
	/* The place where the ring broke is still known. */
	KUNIT_EXPECT_EQ(test, t->ring.last_avail, c->base);
	t->mem.avail_idx = cpu_to_le16(c->base);
	take_none(test, t, 0);
}

/* H12: entries known to be there are served before the index is looked at. */
static void h12_avail_moves_backwards_later(struct kunit *test)
{
	struct ring_test *t = setup(test, 10, false);

	offer(t, 1);
	offer(t, 2);
	take_one(test, t, 1);
	t->mem.avail_idx = cpu_to_le16(11);
	take_one(test, t, 2);
	take_none(test, t, -EINVAL);
}

static int ring_test_init(struct kunit *test)
{
	test->priv = kunit_kzalloc(test, sizeof(struct ring_test), GFP_KERNEL);
	return test->priv ? 0 : -ENOMEM;
}

/* No test has the ring write beyond its areas. */
static void ring_test_exit(struct kunit *test)
{
	struct ring_test *t = test->priv;

	if (!t || !t->ring.num)
		return;
	KUNIT_EXPECT_TRUE(test, t->mem.avail_guard == GUARD);
	KUNIT_EXPECT_TRUE(test, t->mem.used_guard == GUARD);
}

static struct kunit_case vpin_ring_cases[] = {
	KUNIT_CASE(areas_have_the_sizes_of_virtio),
	KUNIT_CASE(take_in_order),
	KUNIT_CASE(push_then_publish),
	KUNIT_CASE(indices_wrap_at_65536),
	KUNIT_CASE(many_entries_in_order),
	KUNIT_CASE(ring_of_one_entry),
	KUNIT_CASE(signals_by_flag),
	KUNIT_CASE(signals_by_event_ignore_the_flag),
	KUNIT_CASE_PARAM(signals_by_event, event_gen_params),
	KUNIT_CASE(signals_count_from_the_last_publish),
	KUNIT_CASE(kicks_by_flag),
	KUNIT_CASE(kicks_by_event),
	KUNIT_CASE(enable_kick_sees_what_came_meanwhile),
	KUNIT_CASE(set_memory_while_in_use),
	KUNIT_CASE(set_memory_before_all_is_taken),
	KUNIT_CASE(h03_avail_entry_out_of_range),
	KUNIT_CASE(h03_used_event_out_of_range),
	KUNIT_CASE(h12_avail_ahead_by_size),
	KUNIT_CASE_PARAM(h12_avail_out_of_range, avail_gen_params),
	KUNIT_CASE(h12_avail_moves_backwards_later),
	{}
};

static struct kunit_suite vpin_ring_suite = {
	.name = "vpin_ring",
	.init = ring_test_init,
	.exit = ring_test_exit,
	.test_cases = vpin_ring_cases,
};
kunit_test_suite(vpin_ring_suite);
