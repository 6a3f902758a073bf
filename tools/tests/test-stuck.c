// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM whose memory comes late, or never: a page of it has to be faulted in, and
 * whoever knows what is in it does not say.  That is its own affair: it can be
 * killed, its device goes on where it can, and nobody else waits.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "stuck.h"
#include "vmm.h"

#define PATH	"/tmp/stuck"
#define FAR	(1ULL << 40)
#define FARTHER	(1ULL << 41)
#define PAGES	64UL
#define SIZE	(PAGES * GUEST_PAGE)
#define RW	(PROT_READ | PROT_WRITE)

/* One worker for both queues. */
static const struct dev_options options = { .queues = QUEUES, .queue_size = 64, .workers = 1 };

/* Of a guest, in a process of its own: what is not as it should be ends that. */
#define MUST(what) \
	do { \
		if (!(what)) \
			_exit(__LINE__ % 200 + 1); \
	} while (0)

struct vmm {
	FIXTURE_DATA(vmm) rig;
	uint8_t *extra;		/* at FAR: what is in the file */
};

/* Maps the file, from a page on, in place of @memory; how it is read shall not matter. */
static void put_file(uint8_t *memory, size_t size, unsigned long page, bool ahead)
{
	int fd = open(PATH, O_RDWR);

	MUST(fd >= 0);
	MUST(mmap(memory, size, RW, MAP_PRIVATE | MAP_FIXED, fd, page * GUEST_PAGE) !=
	     MAP_FAILED);
	MUST(ahead || !madvise(memory, size, MADV_RANDOM));
	close(fd);
}

static void vmm_run(struct vmm *vmm, int backend)
{
	FIXTURE_DATA(vmm) *self = &vmm->rig;

	self->backend = backend;
	MUST(!dev_run(&self->dev, backend, &options));
	self->vq = &self->dev.vqs[0];
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, MIB, GUEST_PAGE);
}

/* Memory of the guest's that is in the file, from a page on. */
static uint8_t *vmm_put(struct vmm *vmm, uint64_t iova, unsigned long page, bool ahead)
{
	FIXTURE_DATA(vmm) *self = &vmm->rig;
	uint8_t *memory = mmap(NULL, SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(memory != MAP_FAILED);
	MUST(!MAP(iova, SIZE, memory, VHOST_ACCESS_RW));
	put_file(memory, SIZE, page, ahead);
	return memory;
}

/* Memory of the guest's that comes late. */
static void vmm_put_far(struct vmm *vmm, bool ahead)
{
	vmm->extra = vmm_put(vmm, FAR, 0, ahead);
}

/* Starts a request whose data is there, @offset bytes from FAR on. */
static void vmm_ask(struct vmm *vmm, uint32_t type, size_t offset, uint32_t length)
{
	FIXTURE_DATA(vmm) *self = &vmm->rig;

	MUST(!blk_add_at(self->vq, &self->request, type, 0, FAR + offset, length));
	vq_publish(self->vq);
}

/* The status of the request, when it is over. */
static int vmm_status(struct vmm *vmm)
{
	struct vring_used_elem elem;

	MUST(!vq_wait(vmm->rig.vq, &elem, VQ_TIMEOUT_MS));
	return *vmm->rig.request.status;
}

static void stuck_data(struct vmm *vmm, bool ahead)
{
	vmm_put_far(vmm, ahead);
	vmm_ask(vmm, VIRTIO_BLK_T_IN, 0, GUEST_PAGE);
	usleep(300000);
}

/* The first page of memory has a ring. */
static void stuck_ring(struct vmm *vmm, bool ahead)
{
	put_file(vmm->rig.dev.guest.memory, GUEST_PAGE, 0, ahead);
	usleep(300000);
}

/* The page is read ahead when it is faulted in, or not; @closes: nobody is killed. */
static void ends(struct __test_metadata *_metadata, FIXTURE_DATA(vmm) *self,
		 void (*stick)(struct vmm *vmm, bool ahead), bool ahead, bool closes)
{
	struct vmm vmm = {};
	long pins = host_pins();
	unsigned int turn;
	double start;
	int status;
	pid_t child, got = 0;

	ASSERT_LE(0, stuck_open(PATH));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		vmm_run(&vmm, self->backend);
		stick(&vmm, ahead);
		if (closes)
			_exit(close(vmm.rig.dev.fd));
		pause();
	}
	usleep(2000000 * host_patience());
	start = host_seconds();
	if (!closes)
		kill(child, SIGKILL);
	while (!got && host_seconds() - start < 8 * host_patience()) {
		usleep(10000);
		got = waitpid(child, &status, WNOHANG);
	}
	EXPECT_EQ(child, got) {
		TH_LOG("it is still there after %.0f s", host_seconds() - start);
	}
	stuck_end(PATH);
	if (!got)
		waitpid(child, &status, 0);
	EXPECT_EQ(!closes, WIFSIGNALED(status));
	for (turn = 0; turn < 500 && (host_workers() > 1 || host_pins() != pins); turn++)
		usleep(10000);
	EXPECT_EQ(pins, host_pins());
}

TEST_F_TIMEOUT(vmm, V40_killed_while_a_page_of_data_is_stuck, 120)
{
	ends(_metadata, self, stuck_data, true, false);
	ends(_metadata, self, stuck_data, false, false);
}

TEST_F_TIMEOUT(vmm, V40_closed_while_a_page_of_data_is_stuck, 120)
{
	ends(_metadata, self, stuck_data, true, true);
	ends(_metadata, self, stuck_data, false, true);
}

TEST_F_TIMEOUT(vmm, V40_killed_while_a_page_of_a_ring_is_stuck, 120)
{
	ends(_metadata, self, stuck_ring, true, false);
	ends(_metadata, self, stuck_ring, false, false);
}

TEST_F_TIMEOUT(vmm, V40_closed_while_a_page_of_a_ring_is_stuck, 120)
{
	ends(_metadata, self, stuck_ring, true, true);
	ends(_metadata, self, stuck_ring, false, true);
}

/* Instead of an errno: there is no answer. */
#define NEVER	-1

/* Both processes': there was an answer. */
static volatile bool *was_answered;

/* How long what must not hang may do so, in seconds. */
#define HANGS	60

/* Runs a VMM that asks for a page; when it has, @error is the answer. */
static void answered(struct __test_metadata *_metadata, FIXTURE_DATA(vmm) *self, int error,
		     void (*run)(struct vmm *vmm))
{
	struct vmm vmm = {};
	unsigned int turn;
	int status;
	pid_t child;

	was_answered = mmap(NULL, GUEST_PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, was_answered);
	ASSERT_LE(0, stuck_open(PATH));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		alarm(HANGS);
		vmm_run(&vmm, self->backend);
		run(&vmm);
		_exit(0);
	}
	for (turn = 0; turn < 6000 && !stuck_asked(); turn++)
		usleep(10000);
	EXPECT_NE(0, stuck_asked());
	usleep(500000);
	if (error != NEVER)
		stuck_answer(error);
	*was_answered = true;
	waitpid(child, &status, 0);
	EXPECT_EQ(0, status) {
		TH_LOG("it ended with %#x", status);
	}
	stuck_end(PATH);
}

/* While it waits for a page, its other queue goes on, and so does what is asked of it. */
static void others_go_on(struct vmm *vmm)
{
	FIXTURE_DATA(vmm) *self = &vmm->rig;
	double start = host_seconds();
	unsigned int i;

	stuck_data(vmm, true);
	self->vq = &self->dev.vqs[1];
	blk_init(&self->request, &self->dev.guest);
	for (i = 0; i < 20; i++)
		MUST(!READ());
	/* The chain that waits is not taken. */
	MUST(vdpa_get_vring_base(self->dev.fd, 0) == 0);
	MUST(vdpa_get_vring_base(self->dev.fd, 1) == 20);
	MUST(!vdpa_suspend(self->dev.fd));
	MUST(!vdpa_resume(self->dev.fd));
	MUST(!READ());
	MUST(!dev_stop(&self->dev));
	MUST(!dev_start(&self->dev));
	MUST(!READ());
	MUST(host_seconds() - start < 3 * host_patience());
}

TEST_F_TIMEOUT(vmm, V40_others_go_on_while_a_page_is_stuck, 120)
{
	answered(_metadata, self, NEVER, others_go_on);
}

/* The same beside a ring: who makes a call does not wait for that either. */
static void others_go_on_beside_a_ring(struct vmm *vmm)
{
	FIXTURE_DATA(vmm) *self = &vmm->rig;
	double start = host_seconds();
	uint8_t *memory = mmap(NULL, SIZE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned int i;

	stuck_ring(vmm, false);
	self->vq = &self->dev.vqs[1];
	blk_init(&self->request, &self->dev.guest);
	for (i = 0; i < 3; i++) {
		MUST(!READ());
		MUST(!MAP(FAR, SIZE, memory, VHOST_ACCESS_RW));
		MUST(!UNMAP(FAR, SIZE));
		MUST(!vdpa_suspend(self->dev.fd));
		MUST(!vdpa_resume(self->dev.fd));
		MUST(!vdpa_set_vring_enable(self->dev.fd, 0, 0));
		MUST(!vdpa_set_vring_enable(self->dev.fd, 0, 1));
	}
	MUST(!READ());
	MUST(host_seconds() - start < 3 * host_patience());
}

TEST_F_TIMEOUT(vmm, V40_others_go_on_while_a_ring_is_stuck, 120)
{
	answered(_metadata, self, NEVER, others_go_on_beside_a_ring);
}

/* What was waited for before a reset leaves room for what blocks, and for pages. */
static void begins_again(struct vmm *vmm)
{
	FIXTURE_DATA(vmm) *self = &vmm->rig;
	double start = host_seconds();
	unsigned int i;

	vmm_put_far(vmm, false);
	vmm_put(vmm, FARTHER, STUCK_COMES, false);
	for (i = 0; i < 20; i++) {
		vmm_ask(vmm, VIRTIO_BLK_T_OUT, i * GUEST_PAGE, GUEST_PAGE);
		usleep(50000);
		MUST(!dev_stop(&self->dev));
		MUST(!dev_start(&self->dev));
	}
	MUST(!blk_do(self->vq, &self->request, VIRTIO_BLK_T_FLUSH, 0, NULL, 0, NULL));
	MUST(!blk_do_at(self->vq, &self->request, VIRTIO_BLK_T_OUT, 0, FARTHER, 512, NULL));
	MUST(host_seconds() - start < 10 * host_patience());
}

TEST_F_TIMEOUT(vmm, V40_a_guest_that_begins_again_while_a_page_is_stuck, 120)
{
	answered(_metadata, self, NEVER, begins_again);
}

/* Memory that is taken away is not waited for: what is asked for next comes. */
static void memory_is_unmapped(struct vmm *vmm)
{
	FIXTURE_DATA(vmm) *self = &vmm->rig;
	unsigned int i;

	for (i = 0; i < 3; i++) {
		uint64_t iova = FARTHER + i * SIZE;

		vmm_put_far(vmm, false);
		vmm_put(vmm, iova, STUCK_COMES + i * PAGES, false);
		vmm_ask(vmm, VIRTIO_BLK_T_OUT, i * GUEST_PAGE, GUEST_PAGE);
		usleep(100000);
		MUST(!UNMAP(FAR, SIZE));
		MUST(vmm_status(vmm) == VIRTIO_BLK_S_IOERR);
		MUST(!blk_do_at(self->vq, &self->request, VIRTIO_BLK_T_OUT, 0, iova, 512, NULL));
		MUST(!READ());
	}
}

TEST_F_TIMEOUT(vmm, V40_memory_is_unmapped_while_a_page_is_stuck, 120)
{
	answered(_metadata, self, NEVER, memory_is_unmapped);
}

/* What is written to the disk is what came; what is read is beside it. */
static void data_is_right(struct vmm *vmm)
{
	FIXTURE_DATA(vmm) *self = &vmm->rig;
	uint8_t *page;

	vmm_put_far(vmm, false);
	vmm_ask(vmm, VIRTIO_BLK_T_OUT, 3 * GUEST_PAGE + 512, 2 * GUEST_PAGE);
	MUST(vmm_status(vmm) == VIRTIO_BLK_S_OK);
	MUST(!blk_do(self->vq, &self->request, VIRTIO_BLK_T_IN, 0, self->data,
		     2 * GUEST_PAGE, NULL));
	MUST(all_bytes_are(self->data, GUEST_PAGE - 512, stuck_byte(3)));
	MUST(all_bytes_are(self->data + GUEST_PAGE - 512, GUEST_PAGE, stuck_byte(4)));
	MUST(all_bytes_are(self->data + 2 * GUEST_PAGE - 512, 512, stuck_byte(5)));

	vmm_ask(vmm, VIRTIO_BLK_T_IN, 9 * GUEST_PAGE + 1024, 512);
	MUST(vmm_status(vmm) == VIRTIO_BLK_S_OK);
	page = vmm->extra + 9 * GUEST_PAGE;
	MUST(all_bytes_are(page, 1024, stuck_byte(9)));
	MUST(all_bytes_are(page + 1024, 512, stuck_byte(3)));
	MUST(all_bytes_are(page + 1536, GUEST_PAGE - 1536, stuck_byte(9)));
}

TEST_F_TIMEOUT(vmm, V40_a_page_that_comes_at_last, 120)
{
	answered(_metadata, self, 0, data_is_right);
}

/*
 * A request none of which is there: header, table, data, status.  A page of zeros has
 * a header.
 */
static const struct vring_desc table[] = {
	{ .addr = FAR, .len = 16, .flags = VRING_DESC_F_NEXT, .next = 1 },
	{ .addr = FAR + 2 * GUEST_PAGE, .len = 512,
	  .flags = VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, .next = 2 },
	{ .addr = FAR + 3 * GUEST_PAGE + 5, .len = 1, .flags = VRING_DESC_F_WRITE },
};

static void all_of_it_comes(struct vmm *vmm)
{
	FIXTURE_DATA(vmm) *self = &vmm->rig;
	struct vring_used_elem elem;
	uint8_t *page;

	memset(self->data, 77, 512);
	MUST(!blk_do(self->vq, &self->request, VIRTIO_BLK_T_OUT, 0, self->data, 512, NULL));
	vmm_put_far(vmm, false);
	self->vq->desc[0] = (struct vring_desc){ .addr = FAR + GUEST_PAGE, .len = sizeof(table),
						 .flags = VRING_DESC_F_INDIRECT };
	vq_add_head(self->vq, 0);
	vq_publish(self->vq);
	MUST(!vq_wait(self->vq, &elem, VQ_TIMEOUT_MS));
	MUST(elem.id == 0 && elem.len == 513);
	page = vmm->extra + 2 * GUEST_PAGE;
	MUST(all_bytes_are(page, 512, 77));
	MUST(all_bytes_are(page + 512, GUEST_PAGE - 512, stuck_byte(2)));
	page += GUEST_PAGE;
	MUST(all_bytes_are(page, 5, stuck_byte(3)));
	MUST(page[5] == VIRTIO_BLK_S_OK);
	MUST(all_bytes_are(page + 6, GUEST_PAGE - 6, stuck_byte(3)));
	/* Once. */
	MUST(self->vq->used->idx == 2);
}

TEST_F_TIMEOUT(vmm, V40_a_request_all_of_which_comes_at_last, 120)
{
	stuck_set(1, table, sizeof(table));
	answered(_metadata, self, 0, all_of_it_comes);
}

static void refused(struct vmm *vmm)
{
	FIXTURE_DATA(vmm) *self = &vmm->rig;
	unsigned int i;

	vmm_put_far(vmm, false);
	for (i = 0; i < 3; i++) {
		vmm_ask(vmm, VIRTIO_BLK_T_OUT, i * GUEST_PAGE, GUEST_PAGE);
		MUST(vmm_status(vmm) == VIRTIO_BLK_S_IOERR);
		MUST(!READ());
	}
}

TEST_F_TIMEOUT(vmm, V40_a_page_that_cannot_be_read, 120)
{
	answered(_metadata, self, EIO, refused);
}

/* All of the page is zero when it comes, as a ring is before its first request. */
static void ring_comes(struct vmm *vmm)
{
	FIXTURE_DATA(vmm) *self = &vmm->rig;

	stuck_ring(vmm, false);
	/* The device has asked: not we. */
	while (!*was_answered)
		usleep(10000);
	MUST(!READ());
}

TEST_F_TIMEOUT(vmm, V40_a_ring_that_comes_at_last, 120)
{
	answered(_metadata, self, 0, ring_comes);
}

TEST_HARNESS_MAIN
