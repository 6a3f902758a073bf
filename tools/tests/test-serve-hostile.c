// SPDX-License-Identifier: GPL-2.0-only
/*
 * `vhost-pin serve` and front-ends that mean harm, or are broken: each harms itself
 * alone, is told or hung up on, and the log says why.  Another disk of the same
 * server works before, meanwhile and after, the next front-end of the same disk is
 * served at once, and nothing is left.
 */
#include <linux/falloc.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "serverig.h"
#include "silent.h"

#define BIT(nr)	(1ULL << (nr))
#define TIB	(1ULL << 40)

FIXTURE(hostile) {
	struct serverig rig;
	struct udisk disk;		/* of the hostile one */
	struct udisk other;		/* of the same server */
	int files;			/* open in the server with both connected */
};

FIXTURE_SETUP(hostile)
{
	ASSERT_EQ(0, serverig_open(&self->rig, ""));
	ASSERT_EQ(0, udisk_open(&self->other, self->rig.socket[1], 2));
	ASSERT_EQ(0, udisk_works(&self->other, 1));
	ASSERT_EQ(0, udisk_init(&self->disk, 2));
	ASSERT_EQ(0, front_connect(&self->disk.front, self->rig.socket[0]));
	/* The server has accepted it. */
	ASSERT_EQ(0, front_greet(&self->disk.front));
	self->files = serve_files(&self->rig.serve);
}

/* The next one is served at once, and finds no descriptor more than before. */
static int next(FIXTURE_DATA(hostile) *self)
{
	struct udisk *disk = &self->disk;
	int ret;

	udisk_close(disk);
	ret = udisk_init(disk, 2) ?: udisk_connect(disk, self->rig.socket[0]);
	if (ret)
		return ret;
	if (serve_files(&self->rig.serve) != self->files) {
		fprintf(stderr, "# %d open files, not %d\n", serve_files(&self->rig.serve),
			self->files);
		return -EMFILE;
	}
	return udisk_start(disk) ?: udisk_works(disk, 33);
}

FIXTURE_TEARDOWN(hostile)
{
	EXPECT_EQ(0, udisk_works(&self->other, 2));
	EXPECT_EQ(0, next(self));
	udisk_close(&self->disk);
	udisk_close(&self->other);
	EXPECT_EQ(0, serverig_close(&self->rig));
}

/* Each request with a payload that is shorter or longer than it should be. */
TEST_F(hostile, sizes)
{
	static const uint32_t lengths[] = { 0, 1, 4, 7, 9, 15, 17, 39, 41, 300, 1032 };
	static const uint8_t payload[1032];
	struct front *front = &self->disk.front;
	uint32_t request;
	unsigned int i;

	for (request = 0; request < 50; request++) {
		for (i = 0; i < ARRAY_SIZE(lengths); i++) {
			struct front_reply reply;

			ASSERT_EQ(0, front_send(front, request, VHOST_USER_NEED_REPLY, payload,
						lengths[i], NULL, 0));
			/* One reply and no more, a refusal or an answer. */
			ASSERT_EQ(0, front_receive(front, &reply, FRONT_TIMEOUT_MS))
				TH_LOG("request %u of %u bytes", request, lengths[i]);
			EXPECT_EQ(request, reply.header.request);
			if (reply.fd >= 0)
				close(reply.fd);
		}
	}
	EXPECT_TRUE(serve_said(&self->rig.serve, "was refused: it has"));
}

/* Too many lines are not said, but counted. */
TEST_F(hostile, the_log_is_bounded)
{
	struct front *front = &self->disk.front;
	unsigned int i;

	for (i = 0; i < 1000; i++)
		ASSERT_EQ(EOPNOTSUPP, front_ask(front, 49, "", 0, -1));
	EXPECT_GT(60, serve_count(&self->rig.serve, "request 49"));
	sleep(2);
	EXPECT_EQ(EOPNOTSUPP, front_ask(front, 48, "", 0, -1));
	EXPECT_TRUE(serve_said(&self->rig.serve, "lines were withheld"));
	EXPECT_TRUE(serve_said(&self->rig.serve, "request 48 was refused: it is not known"));
}

TEST_F(hostile, unknown_without_a_reply)
{
	ASSERT_EQ(0, front_tell(&self->disk.front, 49, "", 0, -1));
	EXPECT_TRUE(front_is_closed(&self->disk.front));
	EXPECT_TRUE(serve_said(&self->rig.serve, "a.img: request 49 was refused"));
}

/* What cannot be told by a reply is told by the end of the connection. */
TEST_F(hostile, refused_without_a_reply)
{
	ASSERT_EQ(0, front_tell_state(&self->disk.front, VHOST_USER_SET_VRING_NUM, 0, 3));
	EXPECT_TRUE(front_is_closed(&self->disk.front));
	EXPECT_TRUE(serve_said(&self->rig.serve, "a.img: SET_VRING_NUM was refused: queue 0: a ring of 3"));
}

/* Headers of which nothing can be made: what follows has no beginning. */
TEST_F(hostile, headers)
{
	static const struct {
		struct vhost_user_header header;
		const char *said;
	} bad[] = {
		{ { 1, 0, 0 }, "version 0" },
		{ { 1, 2, 0 }, "version 2" },
		{ { 1, 3, 0 }, "version 3" },
		{ { 1, VHOST_USER_VERSION | VHOST_USER_REPLY, 0 }, "did not ask for" },
		{ { 1, VHOST_USER_VERSION, 1033 }, "of 1033 bytes: the largest has 1032" },
		{ { 5, VHOST_USER_VERSION, 0xffffffff }, "of 4294967295 bytes" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		ASSERT_EQ(0, front_send_raw(&self->disk.front, &bad[i].header,
					    sizeof(bad[i].header), NULL, 0));
		EXPECT_TRUE(front_is_closed(&self->disk.front));
		EXPECT_TRUE(serve_said(&self->rig.serve, bad[i].said)) TH_LOG("%u", i);
		front_close(&self->disk.front);
		ASSERT_EQ(0, front_connect(&self->disk.front, self->rig.socket[0]));
	}
}

/* A message in pieces of one byte is a message. */
TEST_F(hostile, byte_by_byte)
{
	const struct vhost_user_header header = {
		.request = VHOST_USER_SET_VRING_NUM,
		.flags = VHOST_USER_VERSION | VHOST_USER_NEED_REPLY,
		.size = sizeof(struct vhost_user_vring_state),
	};
	const struct vhost_user_vring_state state = { .index = 1, .num = 128 };
	struct front *front = &self->disk.front;
	struct front_reply reply;
	unsigned int i;

	for (i = 0; i < sizeof(header); i++) {
		ASSERT_EQ(0, front_send_raw(front, (const char *)&header + i, 1, NULL, 0));
		usleep(1000);
	}
	for (i = 0; i < sizeof(state); i++) {
		usleep(1000);
		ASSERT_EQ(0, front_send_raw(front, (const char *)&state + i, 1, NULL, 0));
	}
	ASSERT_EQ(0, front_receive(front, &reply, FRONT_TIMEOUT_MS));
	EXPECT_EQ(0, reply.payload.u64);
}

/* Two in one piece are two. */
TEST_F(hostile, two_at_once)
{
	struct vhost_user_header both[2] = {
		{ VHOST_USER_GET_FEATURES, VHOST_USER_VERSION, 0 },
		{ VHOST_USER_GET_QUEUE_NUM, VHOST_USER_VERSION, 0 },
	};
	struct front_reply reply;

	ASSERT_EQ(0, front_send_raw(&self->disk.front, both, sizeof(both), NULL, 0));
	ASSERT_EQ(0, front_receive(&self->disk.front, &reply, FRONT_TIMEOUT_MS));
	EXPECT_EQ(VHOST_USER_GET_FEATURES, reply.header.request);
	ASSERT_EQ(0, front_receive(&self->disk.front, &reply, FRONT_TIMEOUT_MS));
	EXPECT_EQ(VHOST_USER_GET_QUEUE_NUM, reply.header.request);
	EXPECT_EQ(64, reply.payload.u64);
}

/* Half a message, with a descriptor, and silence; and its end. */
TEST_F(hostile, half_a_message)
{
	const struct vhost_user_header header = {
		.request = VHOST_USER_SET_VRING_KICK,
		.flags = VHOST_USER_VERSION,
		.size = sizeof(uint64_t),
	};
	static const size_t lengths[] = { 1, 11, 12, 19 };
	char message[20] = { 0 };
	unsigned int i;

	memcpy(message, &header, sizeof(header));
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		ASSERT_EQ(0, front_send_raw(&self->disk.front, message, lengths[i],
					    &self->disk.vqs[0].kick, 1));
		EXPECT_EQ(0, udisk_works(&self->other, 50 + i));
		front_close(&self->disk.front);
		EXPECT_TRUE(serve_said(&self->rig.serve, "in the middle of a message"));
		ASSERT_EQ(0, front_connect(&self->disk.front, self->rig.socket[0]));
		ASSERT_EQ(0, front_greet(&self->disk.front));
		EXPECT_EQ(self->files, serve_files(&self->rig.serve));
	}
}

/* Connects and says nothing; another one is refused meanwhile, with a line. */
TEST_F(hostile, two_front_ends)
{
	struct front second;
	unsigned int i;

	for (i = 0; i < 5; i++) {
		ASSERT_EQ(0, front_connect(&second, self->rig.socket[0]));
		EXPECT_TRUE(front_is_closed(&second));
		front_close(&second);
	}
	EXPECT_TRUE(serve_said(&self->rig.serve, "a.img: another front-end was refused"));
	EXPECT_EQ(0, udisk_works(&self->other, 4));
	/* The first has not noticed. */
	EXPECT_EQ(0, front_add_memory(&self->disk.front, &self->disk.guest));
	EXPECT_EQ(0, udisk_start(&self->disk));
	EXPECT_EQ(0, udisk_works(&self->disk, 5));
}

/* More connections than the server may have open files. */
TEST_F(hostile, many_front_ends)
{
	struct front fronts[300];
	unsigned int i;

	for (i = 0; i < 300; i++) {
		if (front_connect(&fronts[i], self->rig.socket[0]))
			fronts[i].socket = -1;
	}
	EXPECT_EQ(0, udisk_works(&self->other, 6));
	for (i = 0; i < 300; i++)
		front_close(&fronts[i]);
	EXPECT_EQ(0, udisk_works(&self->other, 7));
}

/* Asks and does not read: it is not waited for. */
TEST_F(hostile, does_not_read)
{
	struct front *front = &self->disk.front;
	unsigned int i;
	int ret = 0;

	for (i = 0; i < 100000 && !ret; i++)
		ret = front_tell(front, VHOST_USER_GET_FEATURES, "", 0, -1);
	EXPECT_NE(0, ret);
	EXPECT_TRUE(serve_said(&self->rig.serve, "does not read"));
}

/* A refusal says what would be right. */
TEST_F(hostile, sizes_are_said)
{
	static const uint8_t payload[300];
	struct front *front = &self->disk.front;
	const int fds[2] = { self->disk.guest.memfd, self->disk.guest.memfd };
	struct front_reply reply;

	EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_LOG_FD, payload, 16, -1));
	EXPECT_TRUE(serve_said(&self->rig.serve, "it has 16 bytes, and should have 0 to 8\n"));
	EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_VRING_NUM, payload, 16, -1));
	EXPECT_TRUE(serve_said(&self->rig.serve, "it has 16 bytes, and should have 8\n"));
	ASSERT_EQ(0, front_send(front, VHOST_USER_SET_VRING_KICK, VHOST_USER_NEED_REPLY, payload,
				8, fds, 2));
	ASSERT_EQ(0, front_receive(front, &reply, FRONT_TIMEOUT_MS));
	EXPECT_EQ(EINVAL, reply.payload.u64);
	EXPECT_TRUE(serve_said(&self->rig.serve, "it has 2 descriptors, and should have 0 to 1\n"));
}

/* What there is too much of is not of the wrong kind. */
TEST_F(hostile, more_memory_than_the_host_has)
{
	const struct vhost_user_slot slot = {
		.region = { .gpa = TIB, .size = TIB, .uaddr = 1ULL << 44 },
	};
	int fd = memfd_create("memory", MFD_CLOEXEC);

	ASSERT_EQ(0, ftruncate(fd, TIB));
	EXPECT_EQ(ENOMEM, front_ask(&self->disk.front, VHOST_USER_ADD_MEM_REG, &slot,
				    sizeof(slot), fd));
	EXPECT_TRUE(serve_said(&self->rig.serve, "are more than the host's memory"));
	close(fd);
}

/* Descriptors where there should be none, none where there should be, and many. */
TEST_F(hostile, descriptors)
{
	struct front *front = &self->disk.front;
	const struct vhost_user_slot slot = { .region = front_region(&self->disk.guest) };
	struct front_reply reply;
	const int fds[2] = { self->disk.guest.memfd, self->disk.guest.memfd };
	uint32_t request;

	for (request = 1; request < 45; request++) {
		static const uint8_t sizes[45] = {
			[2] = 8, [6] = 16, [8] = 8, [9] = 40, [10] = 8, [11] = 8, [12] = 8,
			[13] = 8, [14] = 8, [16] = 8, [18] = 8, [24] = 12, [25] = 12, [31] = 24,
			[32] = 24, [37] = 40, [38] = 40,
		};
		static const uint8_t payload[64];

		/* Two are never right. */
		ASSERT_EQ(0, front_send(front, request, VHOST_USER_NEED_REPLY, payload,
					request == 5 ? 8 : sizes[request], fds, 2));
		ASSERT_EQ(0, front_receive(front, &reply, FRONT_TIMEOUT_MS));
		EXPECT_EQ(sizeof(uint64_t), reply.header.size) TH_LOG("%u", request);
		EXPECT_NE(0, reply.payload.u64) TH_LOG("request %u", request);
		EXPECT_EQ(self->files, serve_files(&self->rig.serve)) TH_LOG("%u", request);
	}
	for (request = 12; request <= 14; request++)
		EXPECT_EQ(EINVAL, front_ask_u64(front, request, 0, -1));
	EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_BACKEND_REQ_FD, "", 0, -1));
	EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot, sizeof(slot), -1));
}

TEST_F(hostile, too_many_descriptors)
{
	struct front *front = &self->disk.front;
	int fds[253], i;

	for (i = 0; i < 253; i++)
		fds[i] = self->disk.guest.memfd;
	/* As many as a message can have: it cannot be ours any more. */
	ASSERT_EQ(0, front_send(front, VHOST_USER_SET_OWNER, VHOST_USER_NEED_REPLY, "", 0, fds, 253));
	EXPECT_TRUE(front_is_closed(front));
	EXPECT_TRUE(serve_said(&self->rig.serve, "more than 32 descriptors"));
}

/* Descriptors in later pieces of a message count, too. */
TEST_F(hostile, descriptors_in_pieces)
{
	const struct vhost_user_header header = {
		.request = VHOST_USER_SET_MEM_TABLE,
		.flags = VHOST_USER_VERSION | VHOST_USER_NEED_REPLY,
		.size = 1032,
	};
	struct front *front = &self->disk.front;
	int fds[20], i;

	for (i = 0; i < 20; i++)
		fds[i] = self->disk.guest.memfd;
	ASSERT_EQ(0, front_send_raw(front, &header, sizeof(header), fds, 20));
	usleep(10000);
	ASSERT_EQ(0, front_send_raw(front, "", 1, fds, 20));
	EXPECT_TRUE(front_is_closed(front));
}

/* Memory that is none. */
TEST_F(hostile, memory_of_the_wrong_kind)
{
	struct front *front = &self->disk.front;
	struct vhost_user_slot slot = { .region = front_region(&self->disk.guest) };
	const size_t size = sizeof(slot);
	int ends[2], fd;
	char path[64];

	ASSERT_EQ(0, pipe(ends));
	EXPECT_EQ(ENODEV, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot, size, ends[0]));
	close(ends[0]);
	close(ends[1]);
	fd = eventfd(0, 0);
	EXPECT_EQ(ENODEV, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot, size, fd));
	close(fd);
	fd = open("/tmp", O_RDONLY | O_DIRECTORY);
	EXPECT_EQ(ENODEV, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot, size, fd));
	close(fd);
	fd = open("/dev/null", O_RDWR);
	EXPECT_EQ(ENODEV, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot, size, fd));
	close(fd);
	/* One that may only be read. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->disk.guest.memfd);
	fd = open(path, O_RDONLY);
	EXPECT_EQ(EACCES, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot, size, fd));
	close(fd);
	fd = open(path, O_PATH);
	EXPECT_EQ(EBADF, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot, size, fd));
	EXPECT_TRUE(serve_said(&self->rig.serve, "the descriptor is not open"));
	close(fd);
	/* The module's own device: it has no memory. */
	fd = open("/dev/vhost-pin", O_RDWR);
	EXPECT_LT(0, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot, size, fd));
	close(fd);
	/* One on a disk: its pages are written back, and cannot be pinned for long. */
	fd = open("/tmp/ext4/memory", O_RDWR | O_CREAT, 0600);
	if (fd >= 0) {
		ASSERT_EQ(0, ftruncate(fd, UDISK_MEMORY));
		EXPECT_EQ(ENODEV, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot, size, fd));
		EXPECT_TRUE(serve_said(&self->rig.serve, "memory must be a memfd, or"));
		close(fd);
		unlink("/tmp/ext4/memory");
	}
	/* After all that it is taken, and the device starts: there is no hole. */
	EXPECT_EQ(0, front_add_memory(front, &self->disk.guest));
	EXPECT_EQ(0, udisk_start(&self->disk));
	EXPECT_EQ(0, udisk_works(&self->disk, 1));
}

/* As front_ask(), by one who does not wait long. */
static int ask_briefly(const struct front *front, uint32_t request, const void *payload,
		   uint32_t size, int fd)
{
	struct front_reply reply;
	int ret = front_send(front, request, VHOST_USER_NEED_REPLY, payload, size, &fd, 1) ?:
		  front_receive(front, &reply, 3000);

	return ret ?: (int)reply.payload.u64;
}

/* A new session of the other disk, with memory that has to be mapped. */
static int other_begins_anew(FIXTURE_DATA(hostile) *self)
{
	int ret;

	udisk_close(&self->other);
	ret = udisk_init(&self->other, 2) ?: front_connect(&self->other.front, self->rig.socket[1]) ?:
	      front_greet(&self->other.front);
	if (ret)
		return ret;
	return ask_briefly(&self->other.front, VHOST_USER_ADD_MEM_REG,
		       &(struct vhost_user_slot){ .region = front_region(&self->other.guest) },
		       sizeof(struct vhost_user_slot), self->other.guest.memfd) ?:
	       udisk_start(&self->other) ?: udisk_works(&self->other, 9);
}

/*
 * A file whose file system does not answer: who asks it what it is waits, and who maps
 * it waits with the memory of the whole process locked.
 */
TEST_F(hostile, memory_that_does_not_answer)
{
	struct front *front = &self->disk.front;
	struct vhost_user_table table = { .num = 1 };
	const struct vhost_user_slot slot = {
		.region = { .gpa = 1ULL << 32, .size = SILENT_SIZE, .uaddr = 1ULL << 44 },
	};
	const struct vhost_user_log log = { .size = 4096 };
	const size_t one = offsetof(struct vhost_user_table, regions) + sizeof(slot.region);
	char path[64];
	unsigned int turn;

	table.regions[0] = slot.region;
	snprintf(path, sizeof(path), "%s/silent", self->rig.dir);
	for (turn = 0; turn < 2; turn++) {
		int fd = silent_open(path, !turn);
		char *map;

		ASSERT_LE(0, fd);
		map = mmap(NULL, SILENT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (map != MAP_FAILED)
			*map = 1;
		silent_begin(fd);
		EXPECT_EQ(ENODEV, ask_briefly(front, VHOST_USER_ADD_MEM_REG, &slot, sizeof(slot), fd));
		EXPECT_EQ(ENODEV, ask_briefly(front, VHOST_USER_SET_MEM_TABLE, &table, one, fd));
		EXPECT_EQ(ENODEV, ask_briefly(front, VHOST_USER_SET_LOG_BASE, &log, sizeof(log), fd));
		EXPECT_EQ(0, other_begins_anew(self));
		silent_end(path);
		if (map != MAP_FAILED)
			munmap(map, SILENT_SIZE);
		close(fd);
	}
	EXPECT_TRUE(serve_said(&self->rig.serve, "memory must be a memfd, or"));
}

/* Regions that make no sense. */
TEST_F(hostile, regions)
{
	const struct vhost_user_region good = front_region(&self->disk.guest);
	const struct {
		uint64_t gpa, size, uaddr, offset;
		int error;
	} bad[] = {
		{ good.gpa, 0, good.uaddr, 0, EINVAL },
		{ good.gpa, good.size + 1, good.uaddr, 0, EINVAL },
		{ good.gpa, good.size, good.uaddr, 1, EINVAL },
		{ good.gpa, 4096, good.uaddr, good.size, EINVAL },
		{ good.gpa, 1ULL << 62, good.uaddr, 0, EINVAL },
		{ -4096ULL, 8192, good.uaddr, 0, EINVAL },
		{ good.gpa, 8192, -4096ULL, 0, EINVAL },
		{ good.gpa, 8192, good.uaddr, -4096ULL, EINVAL },
		{ good.gpa, UINT64_MAX, good.uaddr, 0, EINVAL },
	};
	struct front *front = &self->disk.front;
	struct vhost_user_region two[2] = { good, good };
	const int fds[2] = { self->disk.guest.memfd, self->disk.guest.memfd };
	unsigned int i;
	long pins;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		const struct vhost_user_slot slot = {
			.region = { bad[i].gpa, bad[i].size, bad[i].uaddr, bad[i].offset },
		};

		EXPECT_EQ(bad[i].error, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot,
						  sizeof(slot), fds[0])) TH_LOG("%u", i);
		EXPECT_EQ(bad[i].error, front_set_memory(front, &slot.region, fds, 1))
			TH_LOG("%u", i);
	}
	EXPECT_EQ(EEXIST, front_set_memory(front, two, fds, 2));
	ASSERT_EQ(0, front_add_memory(front, &self->disk.guest));
	pins = host_pins();
	EXPECT_EQ(EEXIST, front_add_memory(front, &self->disk.guest));
	/* A table that is refused has changed nothing. */
	two[0].gpa += good.size;
	two[1].size = 0;
	EXPECT_EQ(EINVAL, front_set_memory(front, two, fds, 2));
	EXPECT_EQ(pins, host_pins());
	EXPECT_EQ(0, udisk_start(&self->disk));
	EXPECT_EQ(0, udisk_works(&self->disk, 3));
	/* More descriptors than regions, and fewer. */
	{
		struct vhost_user_table table = { .num = 1, .regions = { good } };
		struct front_reply reply;

		ASSERT_EQ(0, front_send(front, VHOST_USER_SET_MEM_TABLE, VHOST_USER_NEED_REPLY,
					&table, 40, fds, 2));
		ASSERT_EQ(0, front_receive(front, &reply, FRONT_TIMEOUT_MS));
		EXPECT_EQ(EINVAL, reply.payload.u64);
		table.num = 33;
		EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_MEM_TABLE, &table, 40, fds[0]));
		table.num = 2;
		EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_MEM_TABLE, &table, 72, fds[0]));
		table.num = 0xffffffff;
		EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_MEM_TABLE, &table, 40, fds[0]));
	}
	EXPECT_EQ(0, udisk_works(&self->disk, 4));
}

/* Rings where there is no memory, or none that a ring fits into. */
TEST_F(hostile, rings)
{
	struct udisk *disk = &self->disk;
	struct front *front = &disk->front;
	const uintptr_t start = (uintptr_t)disk->guest.memory;
	const uintptr_t end = start + disk->guest.size;
	const struct vhost_user_vring_addr good = {
		.desc = (uintptr_t)disk->vqs[0].desc,
		.used = (uintptr_t)disk->vqs[0].used,
		.avail = (uintptr_t)disk->vqs[0].avail,
	};
	struct vhost_user_vring_addr bad[10];
	unsigned int i;

	for (i = 0; i < 10; i++)
		bad[i] = good;
	bad[0].desc = 0;
	bad[1].used = 0;
	bad[2].avail = 0;
	bad[3].desc = end - 16;
	bad[4].used = end - 4;
	bad[5].avail = start - 2;
	bad[6].used = UINT64_MAX - 3;
	/* In memory, but odd: the module says no. */
	bad[7].desc += 8;
	bad[8].used += 2;
	bad[9].avail = good.desc;

	ASSERT_EQ(0, front_add_memory(front, &disk->guest));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, front_setup(front, &disk->vqs[0], 0));
		ASSERT_EQ(0, front_ask(front, VHOST_USER_SET_VRING_ADDR, &bad[i], sizeof(bad[i]), -1));
		EXPECT_EQ(i < 7 ? EFAULT : EINVAL, front_enable(front, 0, true)) TH_LOG("%u", i);
		EXPECT_EQ(0, front_enable(front, 0, false));
	}
	/* A queue that is none, everywhere. */
	for (i = 8; i <= 18; i++) {
		struct vhost_user_vring_addr addr = good;

		addr.index = 64;
		if (i == 9) {
			EXPECT_EQ(EINVAL, front_ask(front, i, &addr, sizeof(addr), -1));
		} else if (i >= 12 && i <= 14) {
			EXPECT_EQ(EINVAL, front_ask_u64(front, i, 64, disk->vqs[0].kick));
		} else if (i < 12 || i == 18) {
			EXPECT_EQ(EINVAL, front_ask_state(front, i, 64, 1));
		}
	}
	EXPECT_EQ(EINVAL, front_ask_state(front, VHOST_USER_SET_VRING_BASE, 0, 0x10000));
	EXPECT_EQ(EINVAL, front_ask_state(front, VHOST_USER_SET_VRING_ENABLE, 0, 2));
	for (i = 0; i < 2049; i = i ? i * 2 + 1 : 3)
		EXPECT_EQ(EINVAL, front_ask_state(front, VHOST_USER_SET_VRING_NUM, 0, i ? i : 0));
	EXPECT_EQ(EOPNOTSUPP, front_addr(front, &disk->vqs[0], 2));
	/* Kicks and calls of something else. */
	for (i = 12; i <= 14; i++)
		EXPECT_EQ(EINVAL, front_ask_u64(front, i, 0, disk->guest.memfd));
	ASSERT_EQ(0, udisk_start(disk));
	EXPECT_EQ(0, udisk_works(disk, 8));
}

/* A memory file that is cut below its rings: nobody here dies of it. */
TEST_F(hostile, memory_that_is_cut)
{
	struct udisk *disk = &self->disk;
	struct front *front = &disk->front;

	ASSERT_EQ(0, front_add_memory(front, &disk->guest));
	ASSERT_EQ(0, front_setup(front, &disk->vqs[0], 0));
	ASSERT_EQ(0, ftruncate(disk->guest.memfd, 0));
	EXPECT_EQ(EFAULT, front_enable(front, 0, true));
	EXPECT_TRUE(serve_said(&self->rig.serve, "its used ring cannot be read"));
	EXPECT_EQ(0, front_remove_memory(front, &disk->guest));
	EXPECT_EQ(EINVAL, front_add_memory(front, &disk->guest));
	EXPECT_EQ(0, udisk_works(&self->other, 3));
}

/* While requests are under way. */
TEST_F(hostile, memory_that_is_cut_while_it_runs)
{
	struct udisk *disk = &self->disk;
	struct front *front = &disk->front;
	unsigned int i;

	ASSERT_EQ(0, front_add_memory(front, &disk->guest));
	ASSERT_EQ(0, udisk_start(disk));
	for (i = 0; i < 30; i++)
		ASSERT_EQ(0, blk_add(&disk->vqs[0], &disk->request, VIRTIO_BLK_T_IN, 0,
				     disk->data, UDISK_DATA / 2));
	vq_publish(&disk->vqs[0]);
	ASSERT_EQ(0, ftruncate(disk->guest.memfd, 0));
	vq_kick(&disk->vqs[0]);
	vq_kick(&disk->vqs[1]);
	EXPECT_EQ(0, udisk_works(&self->other, 3));
	EXPECT_LE(0, front_enable(front, 0, false));
	EXPECT_LE(0, front_enable(front, 0, true));
	EXPECT_EQ(0, udisk_works(&self->other, 4));
}

/* Holes in it, too, and the same memory as another's. */
TEST_F(hostile, memory_with_holes)
{
	struct udisk *disk = &self->disk;

	ASSERT_EQ(0, front_add_memory(&disk->front, &disk->guest));
	ASSERT_EQ(0, udisk_start(disk));
	ASSERT_EQ(0, fallocate(disk->guest.memfd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
			       disk->guest.size));
	EXPECT_LE(0, front_enable(&disk->front, 0, false));
	EXPECT_LE(0, front_enable(&disk->front, 0, true));
	EXPECT_EQ(0, udisk_works(&self->other, 4));
}

/* Everything before it could make sense, in the worst order. */
TEST_F(hostile, out_of_order)
{
	struct udisk *disk = &self->disk;
	struct front *front = &disk->front;
	unsigned int base, i;

	front_close(front);
	ASSERT_EQ(0, front_connect(front, self->rig.socket[0]));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, front_enable(front, 0, true));
		EXPECT_EQ(0, front_get_base(front, 0, &base));
		EXPECT_EQ(0, base);
		EXPECT_EQ(0, front_ask_u64(front, VHOST_USER_SET_VRING_CALL, 0, disk->vqs[0].call));
		EXPECT_EQ(0, front_ask_u64(front, VHOST_USER_SET_VRING_KICK, 0, disk->vqs[0].kick));
		EXPECT_EQ(0, front_addr(front, &disk->vqs[0], 0));
		EXPECT_EQ(ENOENT, front_remove_memory(front, &disk->guest));
		EXPECT_EQ(0, front_ask(front, VHOST_USER_RESET_DEVICE, "", 0, -1));
	}
	EXPECT_EQ(0, front_ask_u64(front, VHOST_USER_SET_FEATURES, 0, -1));
	EXPECT_EQ(0, front_ask(front, VHOST_USER_SET_OWNER, "", 0, -1));
	/* Memory goes while its ring is served, and comes back. */
	ASSERT_EQ(0, front_greet(front));
	ASSERT_EQ(0, front_add_memory(front, &disk->guest));
	ASSERT_EQ(0, udisk_start(disk));
	ASSERT_EQ(0, front_remove_memory(front, &disk->guest));
	EXPECT_EQ(0, udisk_works(&self->other, 3));
	ASSERT_EQ(0, front_add_memory(front, &disk->guest));
	EXPECT_EQ(0, udisk_works(disk, 3));
}

/* Channels that could keep who sends there waiting, or are none. */
TEST_F(hostile, channels_of_the_wrong_kind)
{
	static const struct {
		int domain, type;
	} kinds[] = {
		{ AF_INET, SOCK_STREAM }, { AF_INET, SOCK_DGRAM }, { AF_UNIX, SOCK_DGRAM },
		{ AF_UNIX, SOCK_SEQPACKET },
	};
	struct front *front = &self->disk.front;
	unsigned int i;
	int ends[2];

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = socket(kinds[i].domain, kinds[i].type, 0);

		ASSERT_LE(0, fd);
		EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_BACKEND_REQ_FD, "", 0, fd))
			TH_LOG("%u", i);
		close(fd);
	}
	ASSERT_EQ(0, pipe(ends));
	EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_BACKEND_REQ_FD, "", 0, ends[1]));
	close(ends[0]);
	close(ends[1]);
	EXPECT_TRUE(serve_said(&self->rig.serve, "the channel is no UNIX stream socket"));
}

/* A channel that nobody listens on, or that is full. */
TEST_F(hostile, channels)
{
	static const char *const said[] = {
		"told of a change of the disk: Broken pipe",
		"told of a change of the disk: Resource temporarily unavailable",
	};
	struct udisk *disk = &self->disk;
	struct front *front = &disk->front;
	unsigned int i;
	int ends[2];

	ASSERT_EQ(0, front_add_memory(front, &disk->guest));
	ASSERT_EQ(0, udisk_start(disk));
	for (i = 0; i < 2; i++) {
		if (i == 0) {
			ASSERT_EQ(0, front_open_channel(front));
			close(front->channel);
			front->channel = -1;
		} else {
			const int small = 1;
			char fill[4096] = "";

			ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
			setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
			while (send(ends[1], fill, sizeof(fill), MSG_DONTWAIT) > 0)
				;
			ASSERT_EQ(0, front_ask(front, VHOST_USER_SET_BACKEND_REQ_FD, "", 0, ends[1]));
			close(ends[1]);
		}
		/* A broken ring is a change that has to be told. */
		vq_add_head(&disk->vqs[0], 999);
		vq_publish(&disk->vqs[0]);
		vq_kick(&disk->vqs[0]);
		EXPECT_TRUE(serve_said(&self->rig.serve, said[i]));
		ASSERT_EQ(0, front_ask(front, VHOST_USER_RESET_DEVICE, "", 0, -1));
		vq_reset(&disk->vqs[0]);
		vq_reset(&disk->vqs[1]);
		ASSERT_EQ(0, udisk_start(disk));
		EXPECT_EQ(0, udisk_works(disk, 3));
	}
	close(ends[0]);
}

/* An eventfd that holds as much as it can: who writes to it would wait for a reader. */
TEST_F(hostile, call_that_is_full)
{
	struct udisk *disk = &self->disk;
	struct front *front = &disk->front;
	int full = eventfd(0, EFD_CLOEXEC);

	ASSERT_EQ(0, eventfd_write(full, UINT64_MAX - 1));
	ASSERT_EQ(0, front_add_memory(front, &disk->guest));
	ASSERT_EQ(0, front_setup(front, &disk->vqs[0], 0));
	ASSERT_EQ(0, front_ask_u64(front, VHOST_USER_SET_VRING_CALL, 0, full));
	/* When it starts the call is signalled, and when there was none. */
	EXPECT_EQ(0, front_enable(front, 0, true));
	EXPECT_EQ(0, front_ask_u64(front, VHOST_USER_SET_VRING_CALL, VHOST_USER_VRING_NOFD, -1));
	EXPECT_EQ(0, front_ask_u64(front, VHOST_USER_SET_VRING_CALL, 0, full));
	EXPECT_EQ(0, udisk_works(&self->other, 3));
	close(full);
	EXPECT_EQ(0, front_ask(front, VHOST_USER_RESET_DEVICE, "", 0, -1));
	EXPECT_EQ(0, udisk_start(disk));
	EXPECT_EQ(0, udisk_works(disk, 3));
}

/* Hangs up with messages that are not read yet: the next one is not a second one. */
TEST_F(hostile, leaves_messages_behind)
{
	struct front *front = &self->disk.front;
	unsigned int i;

	kill(self->rig.serve.pid, SIGSTOP);
	ASSERT_EQ(self->rig.serve.pid, waitpid(self->rig.serve.pid, NULL, WUNTRACED));
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, front_tell_state(front, VHOST_USER_SET_VRING_NUM, 0, 128));
	front_close(front);
	ASSERT_EQ(0, front_connect(front, self->rig.socket[0]));
	kill(self->rig.serve.pid, SIGCONT);
	EXPECT_EQ(0, front_greet(front));
	EXPECT_EQ(0, serve_count(&self->rig.serve, "another front-end"));
}

/* Memory up to the last address there is: nothing of it is left. */
TEST_F(hostile, memory_at_the_end)
{
	struct front *front = &self->disk.front;
	struct vhost_user_slot slot = { .region = front_region(&self->disk.guest) };
	unsigned int i;

	slot.region.gpa = UINT64_MAX;
	slot.region.size = 1;
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot, sizeof(slot),
				       self->disk.guest.memfd));
		front_close(front);
		ASSERT_EQ(0, front_connect(front, self->rig.socket[0]));
		ASSERT_EQ(0, front_greet(front));
	}
}

/* Logs that are none. */
TEST_F(hostile, logs)
{
	struct front *front = &self->disk.front;
	struct vhost_user_log log = { .size = 4096 };
	const size_t size = sizeof(log);
	int fd = memfd_create("log", MFD_CLOEXEC);

	ASSERT_EQ(0, ftruncate(fd, 4096));
	EXPECT_EQ(ENODEV, front_ask(front, VHOST_USER_SET_LOG_BASE, &log, size,
				    self->disk.vqs[0].kick));
	EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_LOG_BASE, &log, size, -1));
	log.size = 0;
	EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_LOG_BASE, &log, size, fd));
	log.size = 1ULL << 60;
	EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_LOG_BASE, &log, size, fd));
	log = (struct vhost_user_log){ .size = 8192, .offset = -4096ULL };
	EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_LOG_BASE, &log, size, fd));
	log = (struct vhost_user_log){ .size = 4097 };
	EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_LOG_BASE, &log, size, fd));
	log = (struct vhost_user_log){ .size = 4096, .offset = 1 };
	EXPECT_EQ(EINVAL, front_ask(front, VHOST_USER_SET_LOG_BASE, &log, size, fd));
	close(fd);
}

/* Address space is all disks': nobody takes it all, of a file or beyond its end. */
TEST_F(hostile, log_that_takes_all_address_space)
{
	struct front *front = &self->disk.front;
	struct vhost_user_log log = { .size = 64 * TIB };
	int fd = memfd_create("log", MFD_CLOEXEC), long_one = memfd_create("long", MFD_CLOEXEC);

	ASSERT_EQ(0, ftruncate(fd, 4096));
	ASSERT_EQ(0, ftruncate(long_one, 127 * TIB));
	for (; log.size > 1 << 20; log.size /= 2) {
		EXPECT_EQ(EINVAL, ask_briefly(front, VHOST_USER_SET_LOG_BASE, &log, sizeof(log),
					      fd)) TH_LOG("%llx", log.size);
		if (log.size < TIB)
			continue;
		EXPECT_EQ(EINVAL, ask_briefly(front, VHOST_USER_SET_LOG_BASE, &log, sizeof(log),
					      long_one)) TH_LOG("%llx", log.size);
	}
	EXPECT_EQ(0, other_begins_anew(self));
	close(fd);
	close(long_one);
}

/* Whether the server has a file of this name mapped. */
static bool has_mapped(const struct serve *serve, const char *name)
{
	char path[64], line[512];
	bool found = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", serve->pid);
	maps = fopen(path, "re");
	while (maps && fgets(line, sizeof(line), maps))
		found |= !!strstr(line, name);
	if (maps)
		fclose(maps);
	return found;
}

/* A log of huge pages, any part of one: nothing of it stays mapped. */
TEST_F(hostile, log_of_huge_pages)
{
	struct front *front = &self->disk.front;
	struct vhost_user_log log = { .size = 4096 };
	const size_t huge = 2 << 20;
	struct front_reply reply;
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	void *map;

	if (fd < 0 || ftruncate(fd, huge))
		SKIP(return, "no huge pages in this kernel");
	map = mmap(NULL, huge, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		SKIP(return, "no huge pages: /proc/sys/vm/nr_hugepages");
	for (; log.offset < 3 * 4096; log.offset += 4096) {
		ASSERT_EQ(0, front_send(front, VHOST_USER_SET_LOG_BASE, VHOST_USER_NEED_REPLY,
					&log, sizeof(log), &fd, 1));
		ASSERT_EQ(0, front_receive(front, &reply, FRONT_TIMEOUT_MS));
		EXPECT_EQ(sizeof(log), reply.header.size) TH_LOG("at %lu", log.offset);
		EXPECT_TRUE(has_mapped(&self->rig.serve, "memfd:huge"));
	}
	EXPECT_EQ(0, front_ask(front, VHOST_USER_SET_OWNER, "", 0, -1));
	EXPECT_FALSE(has_mapped(&self->rig.serve, "memfd:huge"));
	munmap(map, huge);
	close(fd);
}

TEST_HARNESS_MAIN
