// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM whose memory never comes: a page of it has to be faulted in, and whoever
 * knows what is in it does not say.  That is its own affair: it can be killed, and
 * nobody else waits.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "stuck.h"
#include "vmm.h"

#define PATH	"/tmp/stuck"
#define FAR	(1ULL << 40)
#define SIZE	(64UL * GUEST_PAGE)
#define RW	(PROT_READ | PROT_WRITE)

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

enum where { RING, DATA };

/* Of a guest whose memory gets a page that never comes, and is accessed. */
static void vmm_stuck(int backend, enum where where, bool closes)
{
	FIXTURE_DATA(vmm) mine = { .backend = backend }, *self = &mine;
	int fd = open(PATH, O_RDWR);
	uint8_t *extra;

	if (fd < 0)
		_exit(1);
	if (dev_run(&mine.dev, backend, &two_queues))
		_exit(2);
	mine.vq = &mine.dev.vqs[0];
	blk_init(&mine.request, &mine.dev.guest);
	mine.data = guest_alloc(&mine.dev.guest, MIB, GUEST_PAGE);
	if (READ())
		_exit(3);
	if (where == RING) {
		/* The first page of memory has a ring. */
		if (mmap(mine.dev.guest.memory, GUEST_PAGE, RW, MAP_PRIVATE | MAP_FIXED, fd,
			 0) == MAP_FAILED)
			_exit(4);
		usleep(300000);
	} else {
		const struct vq_buf bufs[] = {
			{ guest_iova(&mine.dev.guest, mine.request.header), 16, false },
			{ FAR, GUEST_PAGE, true },
			{ guest_iova(&mine.dev.guest, mine.request.status), 1, true },
		};

		extra = mmap(NULL, SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (MAP(FAR, SIZE, extra, VHOST_ACCESS_RW))
			_exit(5);
		if (mmap(extra, SIZE, RW, MAP_PRIVATE | MAP_FIXED, fd, 0) == MAP_FAILED)
			_exit(6);
		mine.request.header->type = htole32(VIRTIO_BLK_T_IN);
		mine.request.header->sector = 0;
		if (vq_add(mine.vq, bufs, 3) < 0)
			_exit(7);
		vq_publish(mine.vq);
		vq_kick(mine.vq);
		usleep(300000);
	}
	if (closes) {
		close(mine.dev.fd);
		_exit(0);
	}
	pause();
}

static void ends(struct __test_metadata *_metadata, FIXTURE_DATA(vmm) *self,
		 enum where where, bool closes)
{
	long pins = host_pins();
	unsigned int turn;
	double start;
	int status;
	pid_t child, got = 0;

	ASSERT_LE(0, stuck_open(PATH));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		vmm_stuck(self->backend, where, closes);
	usleep(2000000 * host_patience());
	start = seconds();
	if (!closes)
		kill(child, SIGKILL);
	while (!got && seconds() - start < 8 * host_patience()) {
		usleep(10000);
		got = waitpid(child, &status, WNOHANG);
	}
	EXPECT_EQ(child, got) {
		TH_LOG("it is still there after %.0f s", seconds() - start);
	}
	stuck_end(PATH);
	if (!got)
		waitpid(child, &status, 0);
	EXPECT_EQ(!closes, WIFSIGNALED(status));
	for (turn = 0; turn < 500 && (host_workers() > 2 || host_pins() != pins); turn++)
		usleep(10000);
	EXPECT_EQ(pins, host_pins());
}

TEST_F_TIMEOUT(vmm, V40_killed_while_a_page_of_data_is_stuck, 120)
{
	ends(_metadata, self, DATA, false);
}

TEST_F_TIMEOUT(vmm, V40_killed_while_a_page_of_a_ring_is_stuck, 120)
{
	ends(_metadata, self, RING, false);
}

TEST_F_TIMEOUT(vmm, V40_closed_while_a_page_of_a_ring_is_stuck, 120)
{
	ends(_metadata, self, RING, true);
}

TEST_HARNESS_MAIN
