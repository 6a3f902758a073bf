// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of `vhost-pin serve`: how it starts, by whom, where it listens; how it
 * ends, in whichever way; and disks that do not answer, which keep neither it nor
 * other disks.
 */
#include <grp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "backend.h"
#include "disk.h"
#include "serverig.h"

#define DM		"serve"
#define DRAIN_MS	500
#define REQUESTS	32
#define KILLS		20

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

FIXTURE(life) {
	struct serverig rig;
	struct udisk disk;
};

FIXTURE_SETUP(life)
{
	ASSERT_EQ(0, serverig_init(&self->rig, ""));
	ASSERT_EQ(0, udisk_init(&self->disk, 2));
}

FIXTURE_TEARDOWN(life)
{
	udisk_close(&self->disk);
	if (self->rig.serve.pid)
		EXPECT_EQ(0, serverig_close(&self->rig));
}

/* Is over at once, with status 0, and has left nothing. */
TEST_F(life, ends_by_a_signal)
{
	static const int signals[] = { SIGTERM, SIGINT };
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, serverig_run(&self->rig, NULL));
		ASSERT_EQ(0, udisk_connect(&self->disk, self->rig.socket[0]));
		ASSERT_EQ(0, udisk_start(&self->disk));
		EXPECT_EQ(0, udisk_works(&self->disk, i));
		/* This one it does not mind. */
		kill(self->rig.serve.pid, SIGHUP);
		EXPECT_EQ(0, udisk_works(&self->disk, i));
		EXPECT_EQ(0, serve_end(&self->rig.serve, signals[i]));
		EXPECT_TRUE(front_is_closed(&self->disk.front));
		EXPECT_EQ(self->rig.pins, host_pins());
		EXPECT_NE(0, access(self->rig.socket[0], F_OK));
		EXPECT_NE(0, access(self->rig.socket[1], F_OK));
		EXPECT_NE(0, access(self->rig.control, F_OK));
		udisk_hang_up(&self->disk);
	}
}

/* What was taken is done and told before anybody sees that it is gone. */
TEST_F(life, ends_drained)
{
	static const int signals[] = { SIGTERM, SIGKILL };
	struct vring_used_elem elem;
	char arg[128];
	unsigned int i;
	int slow;

	slow = nullb_create("serve", 16, "irqmode=2,completion_nsec=300000000");
	ASSERT_LE(0, slow);
	close(slow);
	snprintf(arg, sizeof(arg), "/dev/vpin-serve,socket=%s", self->rig.socket[0]);
	for (i = 0; i < 2; i++) {
		const char *const args[] = { "--disk", arg, NULL };

		ASSERT_EQ(0, serve_start(&self->rig.serve, args, NULL));
		vq_reset(&self->disk.vqs[0]);
		ASSERT_EQ(0, udisk_connect(&self->disk, self->rig.socket[0]));
		ASSERT_EQ(0, front_setup(&self->disk.front, &self->disk.vqs[0], 0));
		ASSERT_EQ(0, front_enable(&self->disk.front, 0, true));
		ASSERT_EQ(0, blk_add(&self->disk.vqs[0], &self->disk.request, VIRTIO_BLK_T_OUT, 0,
				     self->disk.data, 4096));
		vq_publish(&self->disk.vqs[0]);
		usleep(100000);
		EXPECT_FALSE(vq_take(&self->disk.vqs[0], &elem));
		kill(self->rig.serve.pid, signals[i]);
		EXPECT_TRUE(front_is_closed(&self->disk.front));
		EXPECT_TRUE(vq_take(&self->disk.vqs[0], &elem));
		EXPECT_EQ(0, *self->disk.request.status);
		serve_end(&self->rig.serve, 0);
		udisk_hang_up(&self->disk);
	}
	unlink(self->rig.socket[0]);
	nullb_remove("serve");
}

/* A path that a server left that was killed is taken over. */
TEST_F(life, stale_socket)
{
	ASSERT_EQ(0, serverig_run(&self->rig, NULL));
	serve_end(&self->rig.serve, SIGKILL);
	ASSERT_EQ(0, access(self->rig.socket[0], F_OK));
	ASSERT_EQ(0, serverig_run(&self->rig, NULL));
	ASSERT_EQ(0, udisk_connect(&self->disk, self->rig.socket[0]));
}

/* One where someone listens is not, nor what is no socket. */
TEST_F(life, live_socket)
{
	const char *args[] = { "serve", "--disk", NULL, NULL };
	char arg[160], output[512], who[64];
	int fd;

	ASSERT_EQ(0, serverig_run(&self->rig, NULL));
	snprintf(arg, sizeof(arg), "%s,share,ro,socket=%s", "/dev/ram3", self->rig.socket[0]);
	args[2] = arg;
	snprintf(who, sizeof(who), "process %d (vhost-pin) listens there", self->rig.serve.pid);
	EXPECT_EQ(1, serve_command(args, output, sizeof(output)));
	EXPECT_NE(NULL, strstr(output, who)) TH_LOG("%s", output);

	snprintf(arg, sizeof(arg), "/dev/ram3,share,ro,socket=%s", self->rig.image[1]);
	EXPECT_EQ(1, serve_command(args, output, sizeof(output)));
	EXPECT_NE(NULL, strstr(output, "is no socket")) TH_LOG("%s", output);
	fd = open(self->rig.image[1], O_RDONLY);
	EXPECT_LE(0, fd);
	close(fd);

	/* The disk itself is another's, too. */
	snprintf(arg, sizeof(arg), "%s,socket=%s.2", self->rig.image[0], self->rig.socket[0]);
	EXPECT_EQ(1, serve_command(args, output, sizeof(output)));
	EXPECT_NE(NULL, strstr(output, "is in use")) TH_LOG("%s", output);
	ASSERT_EQ(0, udisk_connect(&self->disk, self->rig.socket[0]));
}

/* One whose second disk cannot be had leaves nothing of the first. */
TEST_F(life, does_not_start)
{
	const char *const args[] = {
		"--disk", self->rig.arg[0], "--disk", "/no/where,socket=/no/where.sock", NULL,
	};

	EXPECT_EQ(-ECHILD, serve_start(&self->rig.serve, args, NULL));
	EXPECT_TRUE(serve_said(&self->rig.serve, "there is no /no/where"));
	EXPECT_NE(0, access(self->rig.socket[0], F_OK));
	EXPECT_EQ(1, WEXITSTATUS(serve_end(&self->rig.serve, 0)));
}

/* Whose path somebody else has taken leaves it alone at the end. */
TEST_F(life, path_of_another)
{
	int fd;

	ASSERT_EQ(0, serverig_run(&self->rig, NULL));
	ASSERT_EQ(0, unlink(self->rig.socket[0]));
	fd = open(self->rig.socket[0], O_CREAT | O_RDWR, 0600);
	ASSERT_LE(0, fd);
	close(fd);
	EXPECT_EQ(0, serve_end(&self->rig.serve, SIGTERM));
	EXPECT_EQ(0, unlink(self->rig.socket[0]));
}

/* Sockets that a supervisor made, one known by its path and one by its name. */
static const struct serverig *inherited;

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 5))
		_exit(1);
	return fd;
}

static void inherit(void)
{
	int first = listen_at(inherited->socket[0]), second = listen_at(inherited->socket[1]);
	char pid[16];

	dup2(first, 60);
	dup2(second, 61);
	dup2(60, 3);
	dup2(61, 4);
	closefrom(5);
	snprintf(pid, sizeof(pid), "%d", getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	setenv("LISTEN_FDNAMES", "unknown:disk-b", 1);
}

TEST_F(life, inherited_sockets)
{
	char by_name[160];
	const char *const args[] = { "--disk", self->rig.arg[0], "--disk", by_name, NULL };
	const char *const one[] = { "--disk", self->rig.arg[0], NULL };
	struct udisk other;

	inherited = &self->rig;
	snprintf(by_name, sizeof(by_name), "%s,socket=disk-b", self->rig.image[1]);
	ASSERT_EQ(0, serve_start(&self->rig.serve, args, inherit));
	ASSERT_EQ(0, udisk_connect(&self->disk, self->rig.socket[0]));
	ASSERT_EQ(0, udisk_start(&self->disk));
	ASSERT_EQ(0, udisk_open(&other, self->rig.socket[1], 2));
	EXPECT_EQ(0, udisk_works(&self->disk, 1));
	EXPECT_EQ(0, udisk_works(&other, 1));
	udisk_close(&other);
	/* They are not its own to remove. */
	EXPECT_EQ(0, serve_end(&self->rig.serve, SIGTERM));
	EXPECT_EQ(0, unlink(self->rig.socket[0]));
	EXPECT_EQ(0, unlink(self->rig.socket[1]));
	/* One that belongs to nothing is a mistake. */
	EXPECT_EQ(-ECHILD, serve_start(&self->rig.serve, one, inherit));
	EXPECT_TRUE(serve_said(&self->rig.serve, "belongs to no disk"));
	EXPECT_TRUE(serve_said(&self->rig.serve, "daemon-reload"));
	unlink(self->rig.socket[0]);
	unlink(self->rig.socket[1]);
	serve_end(&self->rig.serve, 0);
}

#define FILES	400

static void have_few_files(void)
{
	const struct rlimit limit = { .rlim_cur = FILES, .rlim_max = FILES };

	if (setrlimit(RLIMIT_NOFILE, &limit))
		_exit(1);
}

/* As many as may have files come to the control socket, and say nothing. */
TEST_F(life, many_at_the_control_socket)
{
	const char *const args[] = { "resize", "--control", self->rig.control,
				     self->rig.socket[0], NULL };
	struct front silent[FILES];
	char output[256];
	int i, tries = 0, num = 0, before;

	ASSERT_EQ(0, serverig_run(&self->rig, have_few_files));
	before = serve_files(&self->rig.serve);
	/* Until one is not let in. */
	while (before + num < FILES - 2 && tries < 50) {
		ASSERT_EQ(0, front_connect(&silent[num], self->rig.control));
		num++;
		for (tries = 0; tries < 50 && serve_files(&self->rig.serve) < before + num; tries++)
			usleep(1000);
	}
	ASSERT_EQ(0, udisk_connect(&self->disk, self->rig.socket[0]));
	ASSERT_EQ(0, udisk_start(&self->disk));
	EXPECT_EQ(0, udisk_works(&self->disk, 1));
	for (i = 0; i < num; i++)
		front_close(&silent[i]);
	EXPECT_EQ(0, serve_command(args, output, sizeof(output))) TH_LOG("%s", output);
}

static int full;

static void have_full_stderr(void)
{
	dup2(full, STDERR_FILENO);
}

/* Nobody reads what it says: that keeps no disk, and is counted until somebody does. */
TEST_F(life, nobody_reads_stderr)
{
	char page[4096] = "", *said = calloc(1, 1 << 20);
	struct front *front = &self->disk.front;
	struct front_reply reply;
	int ends[2], i;
	ssize_t got;

	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	while (write(ends[1], page, sizeof(page)) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
	full = ends[1];
	ASSERT_EQ(0, serverig_run(&self->rig, have_full_stderr));
	ASSERT_EQ(0, udisk_connect(&self->disk, self->rig.socket[0]));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, front_send(front, 49, VHOST_USER_NEED_REPLY, "", 0, NULL, 0));
		EXPECT_EQ(0, front_receive(front, &reply, 3000));
		EXPECT_EQ(EOPNOTSUPP, reply.payload.u64);
	}
	EXPECT_EQ(0, udisk_start(&self->disk));
	EXPECT_EQ(0, udisk_works(&self->disk, 1));
	/* Somebody reads. */
	while (read(ends[0], page, sizeof(page)) > 0)
		;
	EXPECT_EQ(EOPNOTSUPP, front_ask(front, 48, "", 0, -1));
	got = read(ends[0], said, (1 << 20) - 1);
	EXPECT_LT(0, got);
	EXPECT_NE(NULL, strstr(said, "2 lines were withheld, then: request 48")) TH_LOG("%s", said);
	close(ends[0]);
	close(ends[1]);
	free(said);
}

/* The control socket says which file is served, whatever its path has become. */
TEST_F(life, lists_what_was_opened)
{
	char link[64], answer[512] = "";
	struct front front;

	snprintf(link, sizeof(link), "%s/link", self->rig.dir);
	snprintf(self->rig.arg[0], sizeof(self->rig.arg[0]), "%s,socket=%s", link,
		 self->rig.socket[0]);
	ASSERT_EQ(0, symlink(self->rig.image[0], link));
	ASSERT_EQ(0, serverig_run(&self->rig, NULL));
	unlink(link);
	ASSERT_EQ(0, symlink("/nowhere", link));
	ASSERT_EQ(0, front_connect(&front, self->rig.control));
	ASSERT_EQ(0, front_send_raw(&front, "list\n", 5, NULL, 0));
	EXPECT_LT(0, recv(front.socket, answer, sizeof(answer) - 1, MSG_WAITALL));
	EXPECT_NE(NULL, strstr(answer, self->rig.image[0])) TH_LOG("%s", answer);
	front_close(&front);
	unlink(link);
}

/* Nobody special, who may open node and image, with a limit of locked memory. */
static void become_nobody(void)
{
	const struct rlimit limit = { .rlim_cur = 4 << 20, .rlim_max = 20 << 20 };

	if (setrlimit(RLIMIT_MEMLOCK, &limit) || setgroups(0, NULL) || setgid(65534) ||
	    setuid(65534))
		_exit(1);
}

TEST_F(life, without_privileges)
{
	struct udisk other;
	struct guest more;

	ASSERT_EQ(0, chmod(self->rig.dir, 0777));
	ASSERT_EQ(0, chmod("/dev/vhost-pin", 0666));
	ASSERT_EQ(0, serverig_run(&self->rig, become_nobody));
	ASSERT_EQ(0, udisk_connect(&self->disk, self->rig.socket[0]));
	ASSERT_EQ(0, udisk_start(&self->disk));
	ASSERT_EQ(0, udisk_open(&other, self->rig.socket[1], 2));
	EXPECT_EQ(0, udisk_works(&self->disk, 1));
	EXPECT_EQ(0, udisk_works(&other, 2));
	/* 16 of 20 MiB are taken: what is too much is named, and changes nothing. */
	ASSERT_EQ(0, guest_init(&more, 6 << 20, 1ULL << 33));
	EXPECT_EQ(ENOMEM, front_add_memory(&self->disk.front, &more));
	EXPECT_TRUE(serve_said(&self->rig.serve,
			       "the limit of locked memory (ulimit -l, RLIMIT_MEMLOCK) is 20 MiB, 2 MiB too low: 16 MiB are pinned"));
	EXPECT_EQ(0, udisk_works(&self->disk, 3));
	udisk_close(&other);
	/* What another gave back may be had. */
	EXPECT_EQ(0, front_get_u64(&self->disk.front, VHOST_USER_GET_FEATURES,
				   &self->disk.front.features));
	while (host_charged_to(self->rig.serve.pid) != UDISK_MEMORY / 1024)
		usleep(1000);
	EXPECT_EQ(0, front_add_memory(&self->disk.front, &more));
	guest_free(&more);
	chmod("/dev/vhost-pin", 0600);
}

/* With `holes` what cannot be pinned is done without. */
TEST_F(life, holes)
{
	struct vhost_user_slot slot = { 0 };
	char arg[200];
	const char *const args[] = { "--disk", arg, NULL };
	int fd = open("/tmp/ext4/memory", O_RDWR | O_CREAT, 0600);

	if (fd < 0)
		SKIP(return, "no /tmp/ext4");
	snprintf(arg, sizeof(arg), "%s,holes", self->rig.arg[0]);
	ASSERT_EQ(0, serve_start(&self->rig.serve, args, NULL));
	ASSERT_EQ(0, ftruncate(fd, 1 << 20));
	ASSERT_EQ(0, udisk_connect(&self->disk, self->rig.socket[0]));
	slot.region = (struct vhost_user_region){ .gpa = 1ULL << 34, .size = 1 << 20, .uaddr = 1ULL << 34 };
	EXPECT_EQ(0, front_ask(&self->disk.front, VHOST_USER_ADD_MEM_REG, &slot, sizeof(slot), fd));
	ASSERT_EQ(0, udisk_start(&self->disk));
	EXPECT_EQ(0, udisk_works(&self->disk, 1));
	close(fd);
	unlink("/tmp/ext4/memory");
}

#define TIB	(1ULL << 40)

/* Nor is what cannot be pinned without a bound: address space is the others', too. */
TEST_F(life, holes_of_all_address_space)
{
	struct vhost_user_slot slot = { .region = { .size = TIB, .uaddr = 1ULL << 56 } };
	struct front *front = &self->disk.front;
	int fd = memfd_create("memory", MFD_CLOEXEC);
	struct vhost_user_region two[2];
	const int fds[2] = { fd, fd };
	unsigned int i;

	strcat(self->rig.arg[0], ",holes");
	ASSERT_EQ(0, serverig_run(&self->rig, NULL));
	ASSERT_EQ(0, ftruncate(fd, 64 * TIB));
	ASSERT_EQ(0, front_connect(front, self->rig.socket[0]));
	ASSERT_EQ(0, front_greet(front));
	for (i = 0; i < 17; i++) {
		slot.region.gpa = i * TIB;
		EXPECT_EQ(i < 16 ? 0 : ENOMEM, front_ask(front, VHOST_USER_ADD_MEM_REG, &slot,
							 sizeof(slot), fd)) TH_LOG("%u", i);
	}
	EXPECT_TRUE(serve_said(&self->rig.serve, "are more than 16777216"));
	for (i = 0; i < 2; i++)
		two[i] = (struct vhost_user_region){ .gpa = i * 32 * TIB, .size = 9 * TIB };
	EXPECT_EQ(ENOMEM, front_set_memory(front, two, fds, 2));
	two[1].size = 7 * TIB;
	EXPECT_EQ(0, front_set_memory(front, two, fds, 2));
	close(fd);
}

/* Requests of their own places, each of which ends once. */
struct batch {
	struct udisk *disk;
	struct blk_request requests[REQUESTS];
	uint8_t *data;
	unsigned int left;
	bool twice;
};

static void batch_init(struct batch *batch, struct udisk *disk)
{
	unsigned int i;

	batch->disk = disk;
	batch->data = guest_alloc(&disk->guest, REQUESTS * 4096, 4096);
	for (i = 0; i < REQUESTS; i++)
		blk_init(&batch->requests[i], &disk->guest);
}

static int batch_start(struct batch *batch, uint32_t seed)
{
	unsigned int i;
	int ret = 0;

	pattern_fill(batch->data, REQUESTS * 4096, 0, seed);
	for (i = 0; !ret && i < REQUESTS; i++)
		ret = blk_add(&batch->disk->vqs[0], &batch->requests[i], VIRTIO_BLK_T_OUT, i * 8,
			      batch->data + i * 4096, 4096);
	batch->left = REQUESTS;
	vq_publish(&batch->disk->vqs[0]);
	return ret;
}

/* Takes what ended: it must be one of those that are under way. */
static void batch_take(struct batch *batch)
{
	struct vq *vq = &batch->disk->vqs[0];
	struct vring_used_elem elem;

	while (vq->next_used != le16toh(vq->used->idx)) {
		const struct vring_used_elem *used = &vq->used->ring[vq->next_used % vq->size];
		uint32_t id = le32toh(used->id);

		if (id >= vq->size || !vq->chain_length[id])
			batch->twice = true;
		vq_take(vq, &elem);
		batch->left--;
	}
}

static bool batch_is_done(struct batch *batch, int timeout_ms)
{
	long end = now_ms() + timeout_ms;
	unsigned int i;

	while (batch->left && now_ms() < end) {
		batch_take(batch);
		usleep(100);
	}
	for (i = 0; !batch->left && i < REQUESTS; i++) {
		if (*batch->requests[i].status)
			return false;
	}
	return !batch->left && !batch->twice;
}

static bool disk_is(const char *path, uint32_t seed)
{
	static uint8_t data[REQUESTS * 4096] __attribute__((aligned(4096)));
	int fd = open(path, O_RDONLY | O_DIRECT);
	bool is = pread(fd, data, sizeof(data), 0) == sizeof(data) &&
		  pattern_is(data, sizeof(data), 0, seed);

	close(fd);
	return is;
}

/* A disk that takes its time: 32 requests are 16 ms. */
#define SLOW_PATH	"/dev/vpin-serve"

static int slow_create(struct serverig *rig)
{
	int fd = nullb_create("serve", 16,
			      "irqmode=2,completion_nsec=2000000,hw_queue_depth=4");

	if (fd < 0)
		return fd;
	close(fd);
	snprintf(rig->arg[0], sizeof(rig->arg[0]), SLOW_PATH ",socket=%s", rig->socket[0]);
	return 0;
}

/* After a server or a front-end was ended: the next finds each request, and ends it. */
static int come_back(FIXTURE_DATA(life) *self, struct batch *batch, int seed)
{
	int ret = udisk_connect(&self->disk, self->rig.socket[0]) ?: udisk_start(&self->disk);

	if (ret)
		return ret;
	if (!batch_is_done(batch, VQ_TIMEOUT_MS))
		return batch->twice ? -EEXIST : -ETIMEDOUT;
	return seed < 0 || disk_is(SLOW_PATH, seed) ? 0 : -EILSEQ;
}

/* Waits a random while of the time that they take. */
static unsigned int some_time(struct batch *batch)
{
	usleep(rand() % 17000);
	batch_take(batch);
	return batch->left > 0;
}

/*
 * Killed at any moment: when that is over nothing changes any more, and who comes
 * back finds each request done once, or does it.
 */
TEST_F(life, killed_under_load)
{
	struct udisk *disk = &self->disk;
	struct batch batch = { 0 };
	unsigned int in_time = 0;
	int i;

	ASSERT_EQ(0, slow_create(&self->rig));
	batch_init(&batch, disk);
	for (i = 0; i < KILLS; i++) {
		uint16_t used;

		ASSERT_EQ(0, serverig_run(&self->rig, NULL));
		ASSERT_EQ(0, come_back(self, &batch, i - 1)) TH_LOG("kill %d", i);
		ASSERT_EQ(0, batch_start(&batch, i));
		in_time += some_time(&batch);
		serve_end(&self->rig.serve, SIGKILL);
		used = le16toh(disk->vqs[0].used->idx);
		EXPECT_EQ(self->rig.pins, host_pins());
		EXPECT_TRUE(front_is_closed(&disk->front));
		usleep(5000);
		EXPECT_EQ(used, le16toh(disk->vqs[0].used->idx));
		udisk_hang_up(disk);
	}
	TH_LOG("%u of %u kills came while requests were under way", in_time, KILLS);
	EXPECT_LT(KILLS / 2, in_time);
	ASSERT_EQ(0, serverig_run(&self->rig, NULL));
	EXPECT_EQ(0, come_back(self, &batch, KILLS - 1));
	EXPECT_EQ(0, serverig_close(&self->rig));
	self->rig.serve.pid = 0;
	nullb_remove("serve");
}

/*
 * Killed while it pins what a request needs: memory that cannot be had any more is
 * no error, for who comes back has it.
 */
TEST_F(life, killed_while_it_pins)
{
	const uint32_t length = 4 << 20;
	struct udisk *disk = &self->disk;
	struct vring_used_elem elem;
	unsigned int left = 0;
	uint8_t *data;
	int i, fd;

	data = guest_alloc(&disk->guest, length, GUEST_PAGE);
	fd = open(self->rig.image[0], O_RDONLY);
	ASSERT_LE(0, fd);
	for (i = 0; i < KILLS; i++) {
		uint8_t read[GUEST_PAGE];

		ASSERT_EQ(0, serverig_run(&self->rig, NULL));
		ASSERT_EQ(0, udisk_connect(disk, self->rig.socket[0]) ?: udisk_start(disk));
		pattern_fill(data, length, 0, i);
		ASSERT_EQ(0, blk_add(&disk->vqs[0], &disk->request, VIRTIO_BLK_T_OUT, 0, data,
				     length));
		vq_publish(&disk->vqs[0]);
		usleep(rand() % 2000);
		left += disk->vqs[0].next_used == le16toh(disk->vqs[0].used->idx);
		serve_end(&self->rig.serve, SIGKILL);
		udisk_hang_up(disk);

		ASSERT_EQ(0, serverig_run(&self->rig, NULL));
		ASSERT_EQ(0, udisk_connect(disk, self->rig.socket[0]) ?: udisk_start(disk));
		ASSERT_EQ(0, vq_wait(&disk->vqs[0], &elem, VQ_TIMEOUT_MS)) TH_LOG("kill %d", i);
		ASSERT_EQ(0, *disk->request.status) TH_LOG("kill %d", i);
		ASSERT_EQ((ssize_t)sizeof(read), pread(fd, read, sizeof(read),
						       length - sizeof(read)));
		EXPECT_TRUE(pattern_is(read, sizeof(read), (length - sizeof(read)) / SECTOR, i));
		ASSERT_EQ(0, serve_end(&self->rig.serve, SIGTERM));
		udisk_hang_up(disk);
	}
	TH_LOG("%u of %u kills came while the request was under way", left, KILLS);
	EXPECT_LT(KILLS / 4, left);
	close(fd);
	self->rig.serve.pid = 0;
}

/* The front-end hangs up at any moment: the next one finds the same. */
TEST_F(life, hung_up_under_load)
{
	struct batch batch = { 0 };
	unsigned int in_time = 0;
	int i;

	ASSERT_EQ(0, slow_create(&self->rig));
	ASSERT_EQ(0, serverig_run(&self->rig, NULL));
	batch_init(&batch, &self->disk);
	for (i = 0; i < KILLS; i++) {
		ASSERT_EQ(0, come_back(self, &batch, i - 1)) TH_LOG("%d", i);
		ASSERT_EQ(0, batch_start(&batch, i));
		in_time += some_time(&batch);
		udisk_hang_up(&self->disk);
	}
	EXPECT_LT(KILLS / 2, in_time);
	EXPECT_EQ(0, come_back(self, &batch, KILLS - 1));
	EXPECT_EQ(0, serverig_close(&self->rig));
	self->rig.serve.pid = 0;
	nullb_remove("serve");
}

/* A disk that can be kept from answering, and another one. */
FIXTURE(hang) {
	struct serverig rig;
	struct udisk disk, other;
	char arg[160];
};

static int dm_command(const char *command)
{
	char line[128];

	snprintf(line, sizeof(line), "dmsetup %s " DM, command);
	return system(line);
}

static int dm_path(char *path, size_t size)
{
	FILE *info = popen("dmsetup info -c --noheadings -o minor " DM, "r");
	unsigned int minor;
	int got = info ? fscanf(info, "%u", &minor) : 0;

	if (info)
		pclose(info);
	snprintf(path, size, "/dev/dm-%u", minor);
	return got == 1 ? 0 : -EIO;
}

FIXTURE_SETUP(hang)
{
	const char *const args[] = {
		"--disk", self->arg, "--disk", self->rig.arg[1], "--control", self->rig.control,
		NULL,
	};
	char path[32];

	ASSERT_EQ(0, file_set("/sys/module/vhost_pin/parameters/drain_ms", "500"));
	ASSERT_EQ(0, system("dmsetup create " DM " --table '0 32768 linear /dev/ram2 0'"));
	ASSERT_EQ(0, dm_path(path, sizeof(path)));
	ASSERT_EQ(0, serverig_init(&self->rig, ""));
	snprintf(self->arg, sizeof(self->arg), "%s,socket=%s", path, self->rig.socket[0]);
	ASSERT_EQ(0, serve_start(&self->rig.serve, args, NULL));
	ASSERT_EQ(0, udisk_open(&self->disk, self->rig.socket[0], 1));
	ASSERT_EQ(0, udisk_works(&self->disk, 1));
	ASSERT_EQ(0, udisk_open(&self->other, self->rig.socket[1], 2));

	/* A write that does not end. */
	ASSERT_EQ(0, dm_command("suspend --noflush --nolockfs"));
	pattern_fill(self->disk.data, 4096, 0, 2);
	ASSERT_EQ(0, blk_add(&self->disk.vqs[0], &self->disk.request, VIRTIO_BLK_T_OUT, 0,
			     self->disk.data, 4096));
	vq_publish(&self->disk.vqs[0]);
	usleep(100000);
}

FIXTURE_TEARDOWN(hang)
{
	int tries = 250;

	dm_command("resume");
	udisk_close(&self->disk);
	udisk_close(&self->other);
	while (host_pins() != self->rig.pins && tries--)
		usleep(20000);
	EXPECT_EQ(0, serverig_close(&self->rig));
	EXPECT_EQ(0, dm_command("remove --retry"));
	EXPECT_EQ(0, file_set("/sys/module/vhost_pin/parameters/drain_ms", "5000"));
}

/* Its server waits in the kernel; the others do not. */
static int others_work(FIXTURE_DATA(hang) *self)
{
	struct udisk third;
	int ret;

	/* Old sessions, and new ones, and their ends. */
	ret = udisk_works(&self->other, 3);
	if (ret)
		return ret;
	udisk_close(&self->other);
	ret = udisk_open(&third, self->rig.socket[1], 2) ?: udisk_works(&third, 4);
	udisk_close(&third);
	return ret ?: udisk_open(&self->other, self->rig.socket[1], 2);
}

TEST_F(hang, stop)
{
	struct vring_used_elem elem;
	struct front_reply reply;
	const struct vhost_user_vring_state off = { 0 };

	ASSERT_EQ(0, front_send(&self->disk.front, VHOST_USER_SET_VRING_ENABLE,
				VHOST_USER_NEED_REPLY, &off, sizeof(off), NULL, 0));
	EXPECT_EQ(-ETIMEDOUT, front_receive(&self->disk.front, &reply, 300));
	EXPECT_EQ(0, others_work(self));
	/* It is not refused, it takes as long as the disk. */
	EXPECT_EQ(-ETIMEDOUT, front_receive(&self->disk.front, &reply, 0));
	ASSERT_EQ(0, dm_command("resume"));
	ASSERT_EQ(0, front_receive(&self->disk.front, &reply, FRONT_TIMEOUT_MS));
	EXPECT_EQ(0, reply.payload.u64);
	EXPECT_EQ(0, vq_wait(&self->disk.vqs[0], &elem, 0));
	EXPECT_EQ(0, *self->disk.request.status);
	ASSERT_EQ(0, front_enable(&self->disk.front, 0, true));
	EXPECT_TRUE(udisk_reads(&self->disk, 0, 0, 4096, 2));
}

/* A request at the control socket, which is answered within seconds, or not waited for. */
static int control(const char *path, const char *verb, const char *argument, int timeout_ms,
		   char *answer, size_t size)
{
	struct front front;
	char line[160];
	struct pollfd pollfd = { .events = POLLIN };
	int ret = front_connect(&front, path);

	if (ret)
		return ret;
	snprintf(line, sizeof(line), "%s%s%s\n", verb, *argument ? " " : "", argument);
	ret = front_send_raw(&front, line, strlen(line), NULL, 0);
	pollfd.fd = front.socket;
	if (!ret && poll(&pollfd, 1, timeout_ms) != 1)
		ret = -ETIMEDOUT;
	if (!ret) {
		ssize_t length = recv(front.socket, answer, size - 1, MSG_WAITALL);

		answer[length > 0 ? length : 0] = '\0';
	}
	front_close(&front);
	return ret;
}

/* As many as are answered at once ask for the size of a disk that does not answer. */
TEST_F(hang, resize)
{
	const struct vhost_user_vring_state off = { 0 };
	const char *path = self->rig.control;
	char answer[512] = "";
	unsigned int i;
	int ret = 0;

	/* It holds the device until it has stopped. */
	ASSERT_EQ(0, front_send(&self->disk.front, VHOST_USER_SET_VRING_ENABLE, 0, &off,
				sizeof(off), NULL, 0));
	usleep(100000);
	EXPECT_EQ(-ETIMEDOUT, control(path, "resize", self->rig.socket[0], 300, answer,
				      sizeof(answer)));
	for (i = 0; i < 127 && !ret; i++)
		ret = control(path, "resize", self->rig.socket[0], 5000, answer, sizeof(answer));
	EXPECT_EQ(0, ret);
	EXPECT_NE(NULL, strstr(answer, "is being resized already")) TH_LOG("%s", answer);
	EXPECT_EQ(0, control(path, "list", "", 5000, answer, sizeof(answer)));
	EXPECT_EQ(0, strncmp("ok\n", answer, 3)) TH_LOG("%s", answer);
	EXPECT_EQ(0, control(path, "resize", self->rig.socket[1], 5000, answer, sizeof(answer)));
	EXPECT_EQ(0, strncmp("ok 1", answer, 4)) TH_LOG("%s", answer);
	/* When it answers it can be resized. */
	ASSERT_EQ(0, dm_command("resume"));
	*answer = '\0';
	for (i = 0; i < 250 && strncmp("ok 1", answer, 4); i++) {
		EXPECT_EQ(0, control(path, "resize", self->rig.socket[0], 5000, answer,
				     sizeof(answer)));
		usleep(20000);
	}
	EXPECT_EQ(0, strncmp("ok 1", answer, 4)) TH_LOG("%s", answer);
}

/* The front-end is gone, and its last request is not: the next one waits for it. */
TEST_F(hang, hang_up)
{
	udisk_hang_up(&self->disk);
	usleep(100000);
	EXPECT_EQ(0, others_work(self));
	ASSERT_EQ(0, dm_command("resume"));
	ASSERT_EQ(0, udisk_connect(&self->disk, self->rig.socket[0]));
	ASSERT_EQ(0, udisk_start(&self->disk));
	EXPECT_EQ(0, *self->disk.request.status);
	EXPECT_TRUE(vq_take(&self->disk.vqs[0], &(struct vring_used_elem){ 0 }));
	EXPECT_TRUE(udisk_reads(&self->disk, 0, 0, 4096, 2));
}

/* Told to end, it does, within what a close waits; whatever its threads are at. */
TEST_F(hang, end)
{
	const struct vhost_user_vring_state off = { 0 };
	long start;

	ASSERT_EQ(0, front_send(&self->disk.front, VHOST_USER_SET_VRING_ENABLE,
				VHOST_USER_NEED_REPLY, &off, sizeof(off), NULL, 0));
	usleep(100000);
	EXPECT_EQ(0, others_work(self));
	start = now_ms();
	EXPECT_EQ(0, serve_end(&self->rig.serve, SIGTERM));
	EXPECT_GT(DRAIN_MS + 1000, now_ms() - start);
	EXPECT_NE(0, access(self->rig.socket[0], F_OK));
}

TEST_F(hang, killed)
{
	long start = now_ms();

	serve_end(&self->rig.serve, SIGKILL);
	EXPECT_GT(DRAIN_MS + 1000, now_ms() - start);
	unlink(self->rig.socket[0]);
	unlink(self->rig.socket[1]);
	unlink(self->rig.control);
}

/* Reads are answered at once, writes after seconds. */
#define SLOW_WRITES	"'0 32768 delay /dev/ram2 0 0 /dev/ram2 0 3000'"

/*
 * What a server that was killed had in flight is still to be done: no other one begins
 * to do it again for that guest before, whose the disk may be.
 */
TEST_F(hang, comes_back)
{
	const char *const args[] = { "--disk", self->arg, NULL };
	struct udisk *disk = &self->disk;
	struct vq *vq = &disk->vqs[0];
	struct vring_used_elem elem;
	struct udisk other;
	struct serve next;
	long start;

	ASSERT_EQ(0, dm_command("resume"));
	ASSERT_EQ(0, vq_wait(vq, &elem, VQ_TIMEOUT_MS));
	ASSERT_EQ(0, dm_command("suspend"));
	ASSERT_EQ(0, dm_command("reload --table " SLOW_WRITES));
	ASSERT_EQ(0, dm_command("resume"));
	ASSERT_EQ(0, blk_add(vq, &disk->request, VIRTIO_BLK_T_OUT, 0, disk->data, 4096));
	vq_publish(vq);
	usleep(100000);
	serve_end(&self->rig.serve, SIGKILL);
	unlink(self->rig.socket[1]);
	unlink(self->rig.control);
	udisk_hang_up(disk);

	strcat(self->arg, ",share");
	ASSERT_EQ(0, serve_start(&next, args, NULL));
	start = now_ms();
	EXPECT_EQ(0, udisk_connect(disk, self->rig.socket[0]));
	EXPECT_NE(0, udisk_start(disk));
	EXPECT_GT(DRAIN_MS + 1000, now_ms() - start);
	EXPECT_TRUE(serve_said(&next, "the disk does not answer what the last server had"));

	/* Another guest of that disk feels nothing of it. */
	ASSERT_EQ(0, udisk_init(&other, 1));
	start = now_ms();
	udisk_hang_up(disk);
	EXPECT_EQ(0, udisk_connect(&other, self->rig.socket[0]));
	EXPECT_EQ(0, udisk_start(&other));
	EXPECT_TRUE(udisk_reads(&other, 0, 4096 / SECTOR, 4096, 1));
	EXPECT_GT(1000, now_ms() - start);
	EXPECT_EQ(0, le16toh(vq->used->idx) - vq->next_used);
	udisk_close(&other);

	sleep(4);
	EXPECT_EQ(1, le16toh(vq->used->idx) - vq->next_used);
	EXPECT_EQ(0, udisk_connect(disk, self->rig.socket[0]));
	EXPECT_TRUE(vq_take(vq, &elem));
	EXPECT_EQ(0, udisk_start(disk));
	EXPECT_TRUE(udisk_reads(disk, 0, 0, 4096, 2));
	serve_end(&next, SIGTERM);
}

TEST_HARNESS_MAIN
