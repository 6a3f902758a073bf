// SPDX-License-Identifier: GPL-2.0-only
/*
 * `vhost-pin serve` and a front-end that sends whatever comes to its mind, valid and
 * invalid, with random descriptors, on memory and rings that it spoils, while the
 * other disk of the same server works.  VPIN_SEED and VPIN_SECONDS may say how.
 */
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "serverig.h"

#define SECONDS	8
#define KINDS	9

FIXTURE(random) {
	struct serverig rig;
	struct udisk disk, other;
	int kinds[KINDS];
	unsigned int sent, refused, hung_up, taken;
};

FIXTURE_SETUP(random)
{
	int ends[2];

	ASSERT_EQ(0, serverig_open(&self->rig, ""));
	ASSERT_EQ(0, udisk_open(&self->other, self->rig.socket[1], 2));
	ASSERT_EQ(0, udisk_init(&self->disk, 4));
	self->kinds[0] = self->disk.guest.memfd;
	self->kinds[1] = self->disk.vqs[0].kick;
	self->kinds[2] = self->disk.vqs[1].call;
	self->kinds[3] = open("/dev/null", O_RDWR);
	self->kinds[4] = open("/tmp", O_RDONLY | O_DIRECTORY);
	ASSERT_EQ(0, pipe(ends));
	self->kinds[5] = ends[0];
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	self->kinds[6] = ends[0];
	self->kinds[7] = memfd_create("empty", 0);
	self->kinds[8] = open("/dev/vhost-pin", O_RDWR);
}

FIXTURE_TEARDOWN(random)
{
	udisk_close(&self->disk);
	udisk_close(&self->other);
	EXPECT_EQ(0, serverig_close(&self->rig));
}

static unsigned int below(unsigned int bound)
{
	return random() % bound;
}

static bool one_in(unsigned int n)
{
	return !below(n);
}

static uint64_t any(void)
{
	static const uint64_t likely[] = { 0, 1, 2, 3, 64, 128, 256, 0x1000, 0x10000, -1ULL };

	return one_in(4) ? (uint64_t)random() << below(34) : likely[below(10)];
}

static struct vhost_user_region any_region(const struct guest *guest)
{
	struct vhost_user_region region = front_region(guest);

	if (one_in(3)) {
		region.gpa += any() & ~0xfffULL;
		region.size = any();
		region.offset = any();
	}
	return region;
}

/* A payload for the request that may well be taken, or anything: its size. */
static uint32_t any_payload(struct udisk *disk, uint32_t request, union vhost_user_payload *payload)
{
	const struct vq *vq = &disk->vqs[below(disk->queues)];
	unsigned int i;

	if (one_in(8)) {
		for (i = 0; i < sizeof(*payload); i++)
			((uint8_t *)payload)[i] = random();
		return below(sizeof(*payload));
	}
	switch (request) {
	case VHOST_USER_SET_FEATURES:
		payload->u64 = one_in(4) ? any() : disk->front.features;
		return 8;
	case VHOST_USER_SET_VRING_NUM:
		payload->state.index = one_in(8) ? any() : vq->index;
		payload->state.num = one_in(4) ? any() : vq->size;
		return 8;
	case VHOST_USER_SET_VRING_BASE:
	case VHOST_USER_GET_VRING_BASE:
	case VHOST_USER_SET_VRING_ENABLE:
		payload->state.index = one_in(8) ? any() : vq->index;
		payload->state.num = one_in(8) ? any() : below(2);
		return 8;
	case VHOST_USER_SET_VRING_ADDR:
		payload->addr = (struct vhost_user_vring_addr){
			.index = vq->index,
			.desc = (uintptr_t)vq->desc + (one_in(6) ? any() : 0),
			.used = (uintptr_t)vq->used + (one_in(6) ? any() : 0),
			.avail = (uintptr_t)vq->avail + (one_in(6) ? any() : 0),
		};
		return sizeof(payload->addr);
	case VHOST_USER_SET_MEM_TABLE:
		payload->table.num = one_in(8) ? any() : below(4);
		for (i = 0; i < 4; i++)
			payload->table.regions[i] = any_region(&disk->guest);
		return 8 + 32 * (payload->table.num < 33 ? payload->table.num : 0);
	case VHOST_USER_ADD_MEM_REG:
	case VHOST_USER_REM_MEM_REG:
		payload->slot.region = any_region(&disk->guest);
		return sizeof(payload->slot);
	case VHOST_USER_SET_LOG_BASE:
		payload->log.size = any();
		payload->log.offset = one_in(4) ? any() : 0;
		return sizeof(payload->log);
	case VHOST_USER_GET_CONFIG:
		payload->config.offset = one_in(4) ? any() : 0;
		payload->config.size = one_in(4) ? any() : 60;
		return 12 + 60;
	case VHOST_USER_SET_VRING_KICK:
	case VHOST_USER_SET_VRING_CALL:
	case VHOST_USER_SET_VRING_ERR:
		payload->u64 = vq->index | (one_in(8) ? VHOST_USER_VRING_NOFD : 0);
		return 8;
	case VHOST_USER_SET_PROTOCOL_FEATURES:
		payload->u64 = one_in(2) ? 0x8200 : any();
		return 8;
	case VHOST_USER_GET_INFLIGHT_FD:
	case VHOST_USER_SET_INFLIGHT_FD:
		return sizeof(payload->inflight);
	default:
		return 0;
	}
}

/* The kind that the request wants, or any; how many. */
static unsigned int any_fds(FIXTURE_DATA(random) *self, uint32_t request, uint32_t num_regions,
			    int *fds)
{
	unsigned int num = 0, kind = 0, i;

	if (request == VHOST_USER_SET_MEM_TABLE)
		num = num_regions < 32 ? num_regions : 0;
	else if (request == VHOST_USER_ADD_MEM_REG || request == VHOST_USER_SET_LOG_BASE ||
		 request == VHOST_USER_SET_BACKEND_REQ_FD || (request >= 12 && request <= 14))
		num = 1;
	if (request >= 12 && request <= 14)
		kind = 1;
	else if (request == VHOST_USER_SET_BACKEND_REQ_FD)
		kind = 6;
	if (one_in(10))
		num = below(40);
	for (i = 0; i < num; i++)
		fds[i] = self->kinds[one_in(6) ? below(KINDS) : kind];
	return num;
}

/* What a guest does that means no good. */
static void spoil(struct udisk *disk)
{
	struct vq *vq = &disk->vqs[below(disk->queues)];
	unsigned int i;

	switch (below(6)) {
	case 0:
		for (i = 0; i < 4; i++)
			vq_add_head(vq, any());
		vq_publish(vq);
		break;
	case 1:
		vq->avail->idx = any();
		break;
	case 2:
		vq->used->idx = any();
		break;
	case 3:
		for (i = 0; i < 32; i++)
			((uint32_t *)vq->desc)[below(vq->size * 4)] = any();
		break;
	case 4:
		if (ftruncate(disk->guest.memfd, 0) ||
		    ftruncate(disk->guest.memfd, disk->guest.size))
			abort();
		break;
	default:
		vq_reset(vq);
	}
	vq_kick(vq);
}

static void read_replies(FIXTURE_DATA(random) *self, int timeout_ms)
{
	struct front_reply reply;

	while (!front_receive(&self->disk.front, &reply, timeout_ms)) {
		if (reply.fd >= 0)
			close(reply.fd);
		if (reply.header.size == 8 && reply.payload.u64 && reply.payload.u64 < 200)
			self->refused++;
		else
			self->taken++;
		timeout_ms = 0;
	}
}

/* From nothing, or from where all is set up. */
static int begin(FIXTURE_DATA(random) *self)
{
	struct udisk *disk = &self->disk;
	unsigned int i;
	int ret;

	front_close(&disk->front);
	ret = front_connect(&disk->front, self->rig.socket[0]);
	if (ret || one_in(3))
		return ret;
	for (i = 0; i < disk->queues; i++)
		vq_reset(&disk->vqs[i]);
	ret = front_greet(&disk->front) ?: front_add_memory(&disk->front, &disk->guest);
	return ret ?: one_in(2) ? udisk_start(disk) : 0;
}

static int step(FIXTURE_DATA(random) *self)
{
	union vhost_user_payload payload = { 0 };
	struct front *front = &self->disk.front;
	const uint32_t request = one_in(20) ? any() : below(44);
	const uint32_t flags = one_in(10) ? 0 : VHOST_USER_NEED_REPLY;
	uint32_t size = any_payload(&self->disk, request, &payload);
	unsigned int num;
	int fds[40], ret;

	num = any_fds(self, request, payload.table.num, fds);
	ret = front_send(front, request, flags, &payload, size, fds, num);
	if (!ret && one_in(50))
		ret = front_send_raw(front, &payload, below(sizeof(payload)), fds, num);
	self->sent++;
	if (one_in(4))
		spoil(&self->disk);
	if (!ret)
		read_replies(self, flags ? 20 : 0);
	if (!ret && !one_in(100))
		return 0;
	self->hung_up++;
	return begin(self);
}

static unsigned int from_env(const char *name, unsigned int otherwise)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 0) : otherwise;
}

TEST_F_TIMEOUT(random, front_end, 600)
{
	const unsigned int seed = from_env("VPIN_SEED", time(NULL) ^ getpid());
	const time_t end = time(NULL) + from_env("VPIN_SECONDS", SECONDS);
	unsigned int round = 0;
	int files;

	TH_LOG("VPIN_SEED=%u", seed);
	srandom(seed);
	files = serve_files(&self->rig.serve);
	ASSERT_EQ(0, begin(self));
	while (time(NULL) < end) {
		unsigned int i;

		for (i = 0; i < 100; i++) {
			int ret = step(self);

			/* Who is hung up on in his greeting tries again. */
			while (ret == -ECONNRESET || ret == -EPIPE)
				ret = begin(self);
			ASSERT_LE(0, ret) TH_LOG("%s", strerror(-ret));
		}
		ASSERT_EQ(0, udisk_works(&self->other, round++));
	}
	TH_LOG("%u messages, %u taken, %u refused, %u sessions, %u rounds of the other disk",
	       self->sent, self->taken, self->refused, self->hung_up, round);
	EXPECT_LT(50, self->taken);
	EXPECT_LT(50, self->refused);
	/* Its next life is as good as any, and nothing was left open. */
	udisk_close(&self->disk);
	ASSERT_EQ(0, udisk_open(&self->disk, self->rig.socket[0], 4));
	EXPECT_EQ(0, udisk_works(&self->disk, 1));
	/* Its connection and four calls. */
	EXPECT_EQ(files + 5, serve_files(&self->rig.serve));
}

TEST_HARNESS_MAIN
