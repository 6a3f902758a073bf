// SPDX-License-Identifier: GPL-2.0-only
/*
 * A call of the owner's that a signal comes in between, his timer's or the
 * freezer's (T13): it is done all the same, and the signal is handled.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "backend.h"
#include "guest.h"
#include "harness.h"
#include "host.h"
#include "stuck.h"
#include "vdpa.h"

#define PATH	"/tmp/stuck"
#define SIZE	(16UL * GUEST_PAGE)

static volatile sig_atomic_t signals, started;
static int device = -1;

/* Between the call and when it is made again: nothing has changed. */
static void come_between(int number)
{
	(void)number;
	signals++;
	if (device >= 0)
		started = vdpa_set_status(device, STATUS_RUNNING);
}

struct call {
	int (*fn)(const struct call *call);
	int fd;
	void *memory;
	pid_t id;
	int ret;
};

static void *run(void *arg)
{
	struct call *call = arg;

	__atomic_store_n(&call->id, gettid(), __ATOMIC_RELEASE);
	call->ret = call->fn(call);
	return NULL;
}

/* Whether the thread sleeps, and no signal wakes it but the one that kills. */
static bool sleeps(struct call *call)
{
	pid_t id = __atomic_load_n(&call->id, __ATOMIC_ACQUIRE);
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", id);
	file = id ? fopen(path, "r") : NULL;
	if (!file)
		return false;
	if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(file);
	return state == 'D';
}

FIXTURE(signal) {
	struct call call;
	int backend;
	pid_t holder;
};

FIXTURE_SETUP(signal)
{
	const struct sigaction action = { .sa_handler = come_between };

	ASSERT_EQ(0, sigaction(SIGUSR1, &action, NULL));
	ASSERT_LE(0, stuck_open(PATH));
	self->backend = backend_memfd(1 << 20);
	ASSERT_LE(0, self->backend);
	self->call.fd = vpin_open();
	ASSERT_LE(0, self->call.fd);
	ASSERT_EQ(0, vpin_attach_default(self->call.fd, self->backend, 0));
	self->call.memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->call.memory);
}

FIXTURE_TEARDOWN(signal)
{
	close(self->call.fd);
	close(self->backend);
	stuck_end(PATH);
	EXPECT_EQ(0, host_workers());
	EXPECT_EQ(0, host_charged());
}

/* Another process has the device busy: the argument of its call does not come. */
static void keep_busy(struct __test_metadata *_metadata, FIXTURE_DATA(signal) *self)
{
	self->holder = fork();
	ASSERT_LE(0, self->holder);
	if (!self->holder) {
		int file = open(PATH, O_RDWR);

		vdpa_ioctl(self->call.fd, VHOST_VDPA_SET_CONFIG,
			   mmap(NULL, GUEST_PAGE, PROT_READ, MAP_PRIVATE, file, 0));
		_exit(0);
	}
	while (!stuck_asked())
		usleep(1000);
}

/* The call is made, a signal comes while it waits, then the device is free. */
static void signalled(struct __test_metadata *_metadata, FIXTURE_DATA(signal) *self,
		      int (*fn)(const struct call *call))
{
	struct call *call = &self->call;
	pthread_t thread;

	keep_busy(_metadata, self);
	call->fn = fn;
	ASSERT_EQ(0, pthread_create(&thread, NULL, run, call));
	while (!sleeps(call))
		usleep(1000);
	ASSERT_EQ(0, pthread_kill(thread, SIGUSR1));
	stuck_answer(0);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_EQ(self->holder, waitpid(self->holder, NULL, 0));
	EXPECT_EQ(0, call->ret);
	EXPECT_EQ(1, signals);
}

static int set_owner(const struct call *call)
{
	return vdpa_set_owner(call->fd);
}

/* fork() and its like make no thread while a signal waits. */
TEST_F(signal, T13_an_owner_is_bound)
{
	signalled(_metadata, self, set_owner);
	EXPECT_EQ(1, host_workers());
}

static int map(const struct call *call)
{
	return vdpa_map(call->fd, MSG_V2, 0, SIZE, call->memory, VHOST_ACCESS_RW);
}

/* Nor does an address space let itself be followed for the first time. */
TEST_F(signal, T13_memory_is_mapped)
{
	ASSERT_EQ(0, vdpa_set_owner(self->call.fd));
	ASSERT_EQ(0, vdpa_set_status(self->call.fd, STATUS_FEATURES));
	device = self->call.fd;
	started = 1;
	signalled(_metadata, self, map);
	EXPECT_EQ(0, started) TH_LOG("it does not start: what is mapped again is a hole");
	EXPECT_EQ((long)(SIZE / 1024), host_charged());
	EXPECT_EQ(0, vdpa_unmap(self->call.fd, MSG_V2, 0, SIZE));
}

TEST_HARNESS_MAIN
