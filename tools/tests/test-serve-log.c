// SPDX-License-Identifier: GPL-2.0-only
/*
 * `vhost-pin serve` and what changes under a guest that runs: the log of what the
 * device writes, which live migration needs, and the size of the disk.
 */
#include <sys/mman.h>
#include <sys/socket.h>

#include "disk.h"
#include "serverig.h"

#include <linux/virtio_blk.h>

/* Each bit is a page of guest addresses, from address 0 on: not a multiple of 8. */
#define LOG_SIZE	((UDISK_IOVA + UDISK_MEMORY) / GUEST_PAGE / 8 - 3)
#define FIRST		(UDISK_IOVA / GUEST_PAGE)
#define PAGES		(UDISK_MEMORY / GUEST_PAGE)

struct bitmap {
	int fd;
	uint8_t *bits;
	off_t offset;			/* of it into its file */
};

static int bitmap_init(struct bitmap *bitmap, off_t offset)
{
	bitmap->offset = offset;
	bitmap->fd = memfd_create("bitmap", MFD_CLOEXEC);
	if (ftruncate(bitmap->fd, offset + LOG_SIZE))
		return -errno;
	bitmap->bits = mmap(NULL, offset + LOG_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			    bitmap->fd, 0);
	return bitmap->bits == MAP_FAILED ? -errno : 0;
}

static void bitmap_fini(struct bitmap *bitmap)
{
	munmap(bitmap->bits, bitmap->offset + LOG_SIZE);
	close(bitmap->fd);
}

/* Page @page of the guest's memory, not of its addresses. */
static bool bitmap_has(const struct bitmap *bitmap, unsigned int page)
{
	const unsigned int bit = FIRST + page;

	return bitmap->bits[bitmap->offset + bit / 8] & 1 << bit % 8;
}

static unsigned int bitmap_count(const struct bitmap *bitmap)
{
	unsigned int count = 0;
	size_t i;

	for (i = 0; i < bitmap->offset + LOG_SIZE; i++)
		count += __builtin_popcount(bitmap->bits[i]);
	return count;
}

FIXTURE(log) {
	struct serverig rig;
	struct udisk disk;
	struct bitmap log, next;
	uint8_t *before;		/* the guest's memory */
};

FIXTURE_SETUP(log)
{
	ASSERT_EQ(0, serverig_open(&self->rig, ""));
	ASSERT_EQ(0, udisk_init(&self->disk, 2));
	ASSERT_EQ(0, udisk_connect(&self->disk, self->rig.socket[0]));
	ASSERT_EQ(0, bitmap_init(&self->log, 0));
	ASSERT_EQ(0, bitmap_init(&self->next, GUEST_PAGE));
	self->before = malloc(UDISK_MEMORY);
}

FIXTURE_TEARDOWN(log)
{
	udisk_close(&self->disk);
	bitmap_fini(&self->log);
	bitmap_fini(&self->next);
	free(self->before);
	EXPECT_EQ(0, serverig_close(&self->rig));
}

/* The reply is what was asked, as rust-vmm's front-ends want it. */
static int set_log(const struct front *front, const struct bitmap *bitmap)
{
	const struct vhost_user_log log = { .size = LOG_SIZE, .offset = bitmap->offset };
	struct front_reply reply;
	int ret;

	ret = front_send(front, VHOST_USER_SET_LOG_BASE, VHOST_USER_NEED_REPLY, &log,
			 sizeof(log), &bitmap->fd, 1) ?:
	      front_receive(front, &reply, FRONT_TIMEOUT_MS);
	if (!ret && reply.header.size != sizeof(log))
		return reply.payload.u64 ? (int)reply.payload.u64 : -EPROTO;
	return ret ?: memcmp(&reply.payload, &log, sizeof(log)) ? -EPROTO : 0;
}

static int set_features(const struct front *front, bool log)
{
	return front_ask_u64(front, VHOST_USER_SET_FEATURES,
			     log ? front->features : front->features & ~FRONT_NOT_TAKEN, -1);
}

/* As QEMU does it for a migration, on queues that run. */
static int turn_on(struct udisk *disk, const struct bitmap *bitmap)
{
	return set_log(&disk->front, bitmap) ?: set_features(&disk->front, true) ?:
	       front_addr(&disk->front, &disk->vqs[0], 1) ?:
	       front_addr(&disk->front, &disk->vqs[1], 1);
}

static int turn_off(struct udisk *disk)
{
	return set_features(&disk->front, false) ?:
	       front_addr(&disk->front, &disk->vqs[0], 0) ?:
	       front_addr(&disk->front, &disk->vqs[1], 0);
}

/* Reads something else than is there, into 16 pages at each of three places. */
static int reads(FIXTURE_DATA(log) *self, uint32_t seed)
{
	struct udisk *disk = &self->disk;
	unsigned int i;
	int ret;

	ret = udisk_write(disk, 0, 0, 65536, seed);
	memset(disk->data, 0, UDISK_DATA);
	memcpy(self->before, disk->guest.memory, UDISK_MEMORY);
	for (i = 0; !ret && i < 3; i++)
		ret = blk_do(&disk->vqs[i & 1], &disk->request, VIRTIO_BLK_T_IN, 0,
			     disk->data + i * 0x40000, 65536, NULL);
	return ret;
}

/* Each page that the device changed is marked; so many are not. */
static unsigned int missing(FIXTURE_DATA(log) *self, const struct bitmap *bitmap,
			    unsigned int *changed)
{
	const struct udisk *disk = &self->disk;
	const unsigned int data = (disk->data - disk->guest.memory) / GUEST_PAGE;
	unsigned int page, missing = 0;

	*changed = 0;
	for (page = data; page < data + UDISK_DATA / GUEST_PAGE; page++) {
		if (!memcmp(self->before + page * GUEST_PAGE,
			    disk->guest.memory + page * GUEST_PAGE, GUEST_PAGE))
			continue;
		(*changed)++;
		missing += !bitmap_has(bitmap, page);
	}
	return missing;
}

TEST_F(log, what_the_device_writes)
{
	struct udisk *disk = &self->disk;
	unsigned int changed, base, used;

	ASSERT_EQ(0, udisk_start(disk));
	ASSERT_EQ(0, reads(self, 1));
	ASSERT_EQ(0, turn_on(disk, &self->log));
	/* The used rings, to which it may have told what it did to turn it on. */
	EXPECT_GE(2, bitmap_count(&self->log));
	ASSERT_EQ(0, reads(self, 2));
	EXPECT_EQ(0, missing(self, &self->log, &changed));
	EXPECT_EQ(48, changed);
	/* Data, both used rings, the status; and not much else. */
	used = ((uint8_t *)disk->vqs[0].used - disk->guest.memory) / GUEST_PAGE;
	EXPECT_TRUE(bitmap_has(&self->log, used));
	used = ((uint8_t *)disk->vqs[1].used - disk->guest.memory) / GUEST_PAGE;
	EXPECT_TRUE(bitmap_has(&self->log, used));
	EXPECT_TRUE(bitmap_has(&self->log, (disk->request.status - disk->guest.memory) / GUEST_PAGE));
	EXPECT_GT(48 + 10, bitmap_count(&self->log));

	/* Another one in its place: nothing more goes into the first. */
	memset(self->log.bits, 0, LOG_SIZE);
	ASSERT_EQ(0, set_log(&disk->front, &self->next));
	ASSERT_EQ(0, reads(self, 3));
	EXPECT_EQ(0, missing(self, &self->next, &changed));
	EXPECT_EQ(48, changed);
	EXPECT_EQ(0, bitmap_count(&self->log));

	/* It is needed until the queue has stopped. */
	memset(self->next.bits, 0, GUEST_PAGE + LOG_SIZE);
	ASSERT_EQ(0, blk_add(&disk->vqs[0], &disk->request, VIRTIO_BLK_T_IN, 0, disk->data, 512));
	vq_publish(&disk->vqs[0]);
	ASSERT_EQ(0, front_enable(&disk->front, 0, false));
	ASSERT_EQ(0, front_get_base(&disk->front, 0, &base));
	if (base != disk->vqs[0].next_used)
		EXPECT_LT(0, bitmap_count(&self->next));
}

TEST_F(log, turned_off)
{
	struct udisk *disk = &self->disk;
	unsigned int changed;

	ASSERT_EQ(0, udisk_start(disk));
	ASSERT_EQ(0, turn_on(disk, &self->log));
	ASSERT_EQ(0, reads(self, 1));
	/* A migration that is cancelled. */
	ASSERT_EQ(0, turn_off(disk));
	memset(self->log.bits, 0, LOG_SIZE);
	ASSERT_EQ(0, reads(self, 2));
	EXPECT_EQ(0, bitmap_count(&self->log));
	/* And begun again. */
	ASSERT_EQ(0, turn_on(disk, &self->next));
	ASSERT_EQ(0, reads(self, 3));
	EXPECT_EQ(0, missing(self, &self->next, &changed));
	EXPECT_EQ(0, bitmap_count(&self->log));
}

/* Off and on again by the features alone: the bitmap is the one that was sent. */
TEST_F(log, on_again)
{
	struct udisk *disk = &self->disk;
	unsigned int changed;

	ASSERT_EQ(0, udisk_start(disk));
	ASSERT_EQ(0, turn_on(disk, &self->log));
	ASSERT_EQ(0, turn_off(disk));
	memset(self->log.bits, 0, LOG_SIZE);
	ASSERT_EQ(0, set_features(&disk->front, true));
	ASSERT_EQ(0, reads(self, 1));
	EXPECT_EQ(0, missing(self, &self->log, &changed));
	EXPECT_LT(0U, changed);
}

/* A guest that is reset while it is migrated: features come before the log. */
TEST_F(log, features_first)
{
	struct udisk *disk = &self->disk;
	unsigned int changed;

	ASSERT_EQ(0, set_features(&disk->front, true));
	ASSERT_EQ(0, udisk_start(disk));
	ASSERT_EQ(0, set_log(&disk->front, &self->log));
	ASSERT_EQ(0, reads(self, 1));
	EXPECT_EQ(0, missing(self, &self->log, &changed));
	EXPECT_EQ(48, changed);
	/* Through a stop and a start. */
	ASSERT_EQ(0, front_enable(&disk->front, 0, false));
	ASSERT_EQ(0, front_enable(&disk->front, 1, false));
	memset(self->log.bits, 0, LOG_SIZE);
	ASSERT_EQ(0, udisk_start(disk));
	ASSERT_EQ(0, reads(self, 2));
	EXPECT_EQ(0, missing(self, &self->log, &changed));
	EXPECT_EQ(48, changed);
}

/* A log that is none is refused, and the one before stays. */
TEST_F(log, refused)
{
	struct udisk *disk = &self->disk;
	const struct vhost_user_log log = { .size = LOG_SIZE };
	int fd = memfd_create("short", MFD_CLOEXEC);
	unsigned int changed;

	ASSERT_EQ(0, udisk_start(disk));
	ASSERT_EQ(0, turn_on(disk, &self->log));
	/* Its file has no page for it. */
	EXPECT_EQ(EINVAL, front_ask(&disk->front, VHOST_USER_SET_LOG_BASE, &log, sizeof(log), fd));
	EXPECT_TRUE(serve_said(&self->rig.serve, "ends beyond its file of 0"));
	ASSERT_EQ(0, reads(self, 1));
	EXPECT_EQ(0, missing(self, &self->log, &changed));
	EXPECT_EQ(48, changed);
	/* And one that is cut later keeps nobody. */
	ASSERT_EQ(0, ftruncate(self->log.fd, 0));
	EXPECT_EQ(0, udisk_works(disk, 3));
	ASSERT_EQ(0, ftruncate(self->log.fd, LOG_SIZE));
	close(fd);
}

/* Features that come with a log that is none change nothing: queues wait for ENABLE. */
TEST_F(log, refused_with_features)
{
	struct front *front = &self->disk.front;
	const struct vhost_user_log log = { .size = LOG_SIZE };
	const uint64_t features = front->features & ~(1ULL << VHOST_USER_F_PROTOCOL_FEATURES);
	int fd = memfd_create("short", MFD_CLOEXEC);

	ASSERT_EQ(0, ftruncate(fd, LOG_SIZE));
	ASSERT_EQ(0, front_tell(front, VHOST_USER_SET_LOG_BASE, &log, sizeof(log), fd));
	ASSERT_EQ(0, front_receive(front, &(struct front_reply){ 0 }, FRONT_TIMEOUT_MS));
	ASSERT_EQ(0, ftruncate(fd, 0));
	EXPECT_EQ(EFAULT, front_ask_u64(front, VHOST_USER_SET_FEATURES, features, -1));
	ASSERT_EQ(0, front_setup(front, &self->disk.vqs[0], 0));
	EXPECT_EQ(0, front_ask_state(front, VHOST_USER_SET_VRING_BASE, 0, 0));
	close(fd);
}

/* The next session begins without. */
TEST_F(log, ends_with_its_session)
{
	struct udisk *disk = &self->disk;

	ASSERT_EQ(0, udisk_start(disk));
	ASSERT_EQ(0, turn_on(disk, &self->log));
	udisk_hang_up(disk);
	ASSERT_EQ(0, udisk_connect(disk, self->rig.socket[0]));
	memset(self->log.bits, 0, LOG_SIZE);
	ASSERT_EQ(0, udisk_start(disk));
	ASSERT_EQ(0, reads(self, 1));
	EXPECT_EQ(0, bitmap_count(&self->log));
}

FIXTURE(size) {
	struct serverig rig;
	struct udisk disk;
};

FIXTURE_SETUP(size)
{
	ASSERT_EQ(0, serverig_open(&self->rig, ""));
	ASSERT_EQ(0, udisk_open(&self->disk, self->rig.socket[0], 2));
}

FIXTURE_TEARDOWN(size)
{
	udisk_close(&self->disk);
	EXPECT_EQ(0, serverig_close(&self->rig));
}

/* `vhost-pin resize` of what is served at @socket. */
static int resize(struct serverig *rig, const char *socket, char *output, size_t size)
{
	const char *const args[] = { "resize", "--control", rig->control, socket, NULL };

	return serve_command(args, output, size);
}

static uint64_t capacity(const struct udisk *disk)
{
	uint64_t sectors = 0;

	front_get_config(&disk->front, 0, sizeof(sectors), 0, &sectors);
	return le64toh(sectors);
}

TEST_F(size, grows_and_shrinks)
{
	static const unsigned int sizes[] = { 32 << 20, 24 << 20, 24 << 20, 8 << 20 };
	struct udisk *disk = &self->disk;
	char output[256], want[32];
	unsigned int i;

	ASSERT_EQ(0, front_open_channel(&disk->front));
	for (i = 0; i < 4; i++) {
		const uint64_t last = sizes[i] / SECTOR - 8;

		ASSERT_EQ(0, truncate(self->rig.image[0], sizes[i]));
		ASSERT_EQ(0, resize(&self->rig, self->rig.socket[0], output, sizeof(output)))
			TH_LOG("%s", output);
		snprintf(want, sizeof(want), "%u\n", sizes[i]);
		EXPECT_STREQ(want, output);
		/* The front-end is told, if there is something to tell, and asks. */
		EXPECT_EQ(i == 2 ? -ETIMEDOUT : VHOST_USER_BACKEND_CONFIG_CHANGE_MSG,
			  front_channel_wait(&disk->front, i == 2 ? 200 : 5000));
		EXPECT_EQ(sizes[i] / SECTOR, capacity(disk));
		EXPECT_EQ(0, udisk_write(disk, 0, last, 4096, i));
		EXPECT_TRUE(udisk_reads(disk, 1, last, 4096, i));
		EXPECT_EQ(VIRTIO_BLK_S_IOERR, udisk_write(disk, 0, last + 8, 4096, i));
	}
	/* The other disk has nothing to tell. */
	EXPECT_EQ(-ETIMEDOUT, front_channel_wait(&disk->front, 100));
}

TEST_F(size, refused)
{
	char output[256];

	EXPECT_EQ(1, resize(&self->rig, "/no/where", output, sizeof(output)));
	EXPECT_NE(NULL, strstr(output, "no disk is served at /no/where"));
	/* Not whole blocks: as it was. */
	ASSERT_EQ(0, truncate(self->rig.image[0], DISK_SIZE + 100));
	EXPECT_EQ(1, resize(&self->rig, self->rig.socket[0], output, sizeof(output)));
	EXPECT_NE(NULL, strstr(output, "size of")) TH_LOG("%s", output);
	EXPECT_EQ(DISK_SIZE / SECTOR, capacity(&self->disk));
	EXPECT_EQ(0, udisk_works(&self->disk, 1));
	/* A server that is not there. */
	strcat(self->rig.control, "2");
	EXPECT_EQ(1, resize(&self->rig, self->rig.socket[0], output, sizeof(output)));
	EXPECT_NE(NULL, strstr(output, "nobody can be reached"));
	self->rig.control[strlen(self->rig.control) - 1] = '\0';
}

/* Nobody is connected: the next one finds the new size. */
TEST_F(size, without_a_front_end)
{
	char output[256];

	udisk_hang_up(&self->disk);
	ASSERT_EQ(0, truncate(self->rig.image[0], 2 * DISK_SIZE));
	ASSERT_EQ(0, resize(&self->rig, self->rig.socket[0], output, sizeof(output)));
	ASSERT_EQ(0, udisk_connect(&self->disk, self->rig.socket[0]));
	EXPECT_EQ(2 * DISK_SIZE / SECTOR, capacity(&self->disk));
}

/* Requests that are none, and one who says nothing: others are answered. */
TEST_F(size, bad_requests)
{
	static const char *const bad[] = {
		"\n", "resize\n", "fly /tmp\n", "resize  /tmp\n", "RESIZE /tmp\n",
		"resize a\\012b\n", "a\r\n",
	};
	struct front silent, front;
	char output[256], answer[256], *huge;
	unsigned int i;

	ASSERT_EQ(0, front_connect(&silent, self->rig.control));
	ASSERT_EQ(0, front_send_raw(&silent, "resi", 4, NULL, 0));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ssize_t length;

		ASSERT_EQ(0, front_connect(&front, self->rig.control));
		ASSERT_EQ(0, front_send_raw(&front, bad[i], strlen(bad[i]), NULL, 0));
		length = recv(front.socket, answer, sizeof(answer) - 1, MSG_WAITALL);
		answer[length > 0 ? length : 0] = '\0';
		EXPECT_EQ(0, strncmp(answer, "error ", 6)) TH_LOG("%s", answer);
		/* One line, that no terminal obeys. */
		EXPECT_EQ(answer + strlen(answer) - 1, strpbrk(answer, "\r\n"));
		front_close(&front);
	}
	/* A line without an end. */
	huge = calloc(1, 1 << 20);
	memset(huge, 'x', 1 << 20);
	ASSERT_EQ(0, front_connect(&front, self->rig.control));
	front_send_raw(&front, huge, 1 << 20, NULL, 0);
	EXPECT_EQ(6, recv(front.socket, answer, 6, MSG_WAITALL));
	EXPECT_EQ(0, strncmp(answer, "error ", 6));
	front_close(&front);
	free(huge);
	EXPECT_EQ(0, resize(&self->rig, self->rig.socket[1], output, sizeof(output)));
	front_close(&silent);
}

TEST_HARNESS_MAIN
