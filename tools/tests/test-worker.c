// SPDX-License-Identifier: GPL-2.0-only
/*
 * The threads that serve the queues: their owner's.  T04: whoever starts the
 * device, they are in the cgroups, on the CPUs and as nice as the thread that
 * bound the owner, follow the process, freeze and die with it.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backend.h"
#include "blk.h"
#include "dev.h"
#include "disk.h"
#include "group.h"
#include "harness.h"
#include "host.h"
#include "load.h"

#define QUEUES	3
#define OURS	"vpin-test-worker"
#define OTHER	"vpin-test-other"

/* Which of a property of each worker is as it should be. */
static int count_workers(bool (*is)(pid_t worker, const void *arg),
			 const void *arg)
{
	int ids[QUEUES], workers = host_worker_ids(ids, QUEUES), good = 0, i;

	for (i = 0; i < workers && i < QUEUES; i++)
		good += is(ids[i], arg);
	return good;
}

static bool is_in(pid_t worker, const void *group)
{
	return group_is_of(group, worker);
}

static bool is_as_nice_as(pid_t worker, const void *nice)
{
	return getpriority(PRIO_PROCESS, worker) == *(const int *)nice;
}

static bool is_on(pid_t worker, const void *cpus)
{
	cpu_set_t set;

	return !sched_getaffinity(worker, sizeof(set), &set) &&
	       CPU_EQUAL(&set, (const cpu_set_t *)cpus);
}

static bool is_of_process(pid_t worker, const void *process)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", *(const pid_t *)process,
		 worker);
	return !access(path, F_OK);
}

FIXTURE(worker) {
	int backend;
	struct dev dev;
	struct blk_request request;
	uint8_t *data;
};

static int open_device(FIXTURE_DATA(worker) *self,
		       const struct dev_options *options)
{
	int ret;

	dev_close(&self->dev);
	ret = dev_open(&self->dev, self->backend, options);
	if (ret)
		return ret;
	blk_init(&self->request, &self->dev.guest);
	self->data = guest_alloc(&self->dev.guest, 4096, GUEST_PAGE);
	return 0;
}

/* Whether each queue serves. */
static bool all_serve(FIXTURE_DATA(worker) *self)
{
	unsigned int i;

	for (i = 0; i < QUEUES; i++) {
		if (blk_do(&self->dev.vqs[i], &self->request, VIRTIO_BLK_T_OUT,
			   0, self->data, 4096, NULL))
			return false;
	}
	return true;
}

FIXTURE_SETUP(worker)
{
	const struct dev_options options = { .queues = QUEUES };

	self->dev.fd = -1;
	self->backend = backend_memfd(1 << 20);
	ASSERT_LE(0, self->backend);
	ASSERT_EQ(0, group_make(OURS));
	ASSERT_EQ(0, group_make(OTHER));
	ASSERT_EQ(0, open_device(self, &options));
}

FIXTURE_TEARDOWN(worker)
{
	dev_close(&self->dev);
	close(self->backend);
	group_set("", "cgroup.procs", "0");
	EXPECT_EQ(0, group_remove(OURS));
	EXPECT_EQ(0, group_remove(OTHER));
	EXPECT_EQ(0, host_workers());
}

/* A queue that never ran costs no thread. */
TEST_F(worker, one_a_queue_that_ran)
{
	EXPECT_EQ(1, host_workers());
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(QUEUES, host_workers());
	EXPECT_TRUE(all_serve(self));
	/* They live as long as the device. */
	ASSERT_EQ(0, dev_stop(&self->dev));
	EXPECT_EQ(QUEUES, host_workers());
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(QUEUES, host_workers());
	EXPECT_TRUE(all_serve(self));
}

TEST_F(worker, fewer_than_queues)
{
	const struct dev_options one = { .queues = QUEUES, .workers = 1 };
	const struct dev_options two = { .queues = QUEUES, .workers = 2 };

	ASSERT_EQ(0, open_device(self, &one));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(1, host_workers());
	EXPECT_TRUE(all_serve(self));
	ASSERT_EQ(0, open_device(self, &two));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(2, host_workers());
	EXPECT_TRUE(all_serve(self));
}

TEST_F(worker, T04_of_the_owners_process)
{
	const pid_t process = getpid();

	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(QUEUES, count_workers(is_of_process, &process));
}

/* What a VM costs is on the account of its cgroup, wherever it is moved. */
TEST_F(worker, T04_follows_its_owner)
{
	const struct dev_options options = { .queues = QUEUES };

	ASSERT_EQ(0, group_enter(OURS, 0));
	ASSERT_EQ(0, open_device(self, &options));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_EQ(QUEUES, count_workers(is_in, OURS));
	ASSERT_EQ(0, group_enter(OTHER, 0));
	EXPECT_EQ(QUEUES, count_workers(is_in, OTHER));
	EXPECT_TRUE(all_serve(self));
}

/* As libvirt does it: each vCPU in a cgroup of its own, on CPUs of its own. */
struct vcpu {
	struct dev *dev;
	const char *group;
	int ret;
};

static void *vcpu(void *arg)
{
	struct vcpu *vcpu = arg;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(1, &one);
	vcpu->ret = group_enter_thread(vcpu->group);
	if (!vcpu->ret && sched_setaffinity(0, sizeof(one), &one))
		vcpu->ret = -errno;
	if (!vcpu->ret && setpriority(PRIO_PROCESS, 0, 7))
		vcpu->ret = -errno;
	if (!vcpu->ret)
		vcpu->ret = dev_start(vcpu->dev);
	return NULL;
}

TEST_F(worker, T04_not_as_the_vcpu_that_starts_it)
{
	const struct dev_options options = { .queues = QUEUES };
	struct vcpu starter = { .dev = &self->dev, .group = OURS "/vcpu" };
	cpu_set_t all;
	pthread_t thread;
	int nice = 0;

	ASSERT_EQ(0, group_make(OURS "/vcpu"));
	ASSERT_EQ(0, group_set(OURS "/vcpu", "cgroup.type", "threaded"));
	ASSERT_EQ(0, group_enter(OURS, 0));
	ASSERT_EQ(0, sched_getaffinity(0, sizeof(all), &all));
	ASSERT_LT(1, CPU_COUNT(&all)) TH_LOG("this takes two processors");
	ASSERT_EQ(0, open_device(self, &options));
	ASSERT_EQ(0, pthread_create(&thread, NULL, vcpu, &starter));
	pthread_join(thread, NULL);
	EXPECT_EQ(0, starter.ret);
	/* Each has run, and taken on what it had to, once it has served. */
	EXPECT_TRUE(all_serve(self));
	EXPECT_EQ(QUEUES, count_workers(is_in, OURS));
	EXPECT_EQ(QUEUES, count_workers(is_on, &all));
	EXPECT_EQ(QUEUES, count_workers(is_as_nice_as, &nice));
	dev_close(&self->dev);
	EXPECT_EQ(0, group_remove(OURS "/vcpu"));
}

TEST_F(worker, T04_as_nice_and_where_its_owner_is)
{
	const struct dev_options options = { .queues = QUEUES };
	cpu_set_t one;
	int nice = 7;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	ASSERT_EQ(0, setpriority(PRIO_PROCESS, 0, nice));
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(one), &one));
	ASSERT_EQ(0, open_device(self, &options));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_TRUE(all_serve(self));
	EXPECT_EQ(QUEUES, count_workers(is_as_nice_as, &nice));
	EXPECT_EQ(QUEUES, count_workers(is_on, &one));
}

/* Whoever the owner is. */
TEST_F(worker, as_nice_as_it_was_attached)
{
	const struct dev_options options = {
		.queues = QUEUES, .attach_flags = VPIN_ATTACH_NICE, .nice = -10,
	};

	ASSERT_EQ(0, setpriority(PRIO_PROCESS, 0, 7));
	ASSERT_EQ(0, open_device(self, &options));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_TRUE(all_serve(self));
	EXPECT_EQ(QUEUES, count_workers(is_as_nice_as, &options.nice));
}

/* They count as the owner's: a limit of his refuses one more. */
TEST_F(worker, T04_counted_in_the_owners_pids)
{
	const struct dev_options options = { .queues = QUEUES };

	ASSERT_EQ(0, group_set("", "cgroup.subtree_control", "+pids"));
	ASSERT_EQ(0, group_set(OURS, "pids.max", "3"));
	ASSERT_EQ(0, group_enter(OURS, 0));
	/* We are one, the first worker is the second, then two are too many. */
	ASSERT_EQ(0, open_device(self, &options));
	EXPECT_EQ(-EAGAIN, dev_start(&self->dev));
	EXPECT_GE(2, host_workers());
	ASSERT_EQ(0, group_set(OURS, "pids.max", "max"));
	ASSERT_EQ(0, dev_stop(&self->dev));
	ASSERT_EQ(0, dev_start(&self->dev));
	EXPECT_TRUE(all_serve(self));
}

/* A VMM of its own process, always at work on one queue. */
static void busy_vmm(int backend)
{
	const struct dev_options options = { .queues = QUEUES };
	FIXTURE_DATA(worker) vmm = { .backend = backend, .dev.fd = -1 };

	if (open_device(&vmm, &options) || dev_start(&vmm.dev))
		_exit(1);
	while (all_serve(&vmm))
		;
	_exit(2);
}

/* One that begins again and again: its calls wait for threads of its own. */
static void starting_vmm(int backend)
{
	const struct dev_options options = { .queues = 8, .queue_size = 16, .memory = 1 << 20 };
	struct dev dev;

	while (!dev_open(&dev, backend, &options) && !dev_start(&dev))
		dev_close(&dev);
	_exit(1);
}

/* And one that resets its device while that has requests under way. */
static void resetting_vmm(int backend)
{
	const struct dev_options options = { .queues = 2 };
	static struct load load;
	struct dev dev;

	if (dev_open(&dev, backend, &options) || dev_start(&dev))
		_exit(1);
	load_init(&load, &dev, 32, 4096, 0);
	while (!load_start(&load, VIRTIO_BLK_T_IN, 1) && !dev_stop(&dev) && !dev_start(&dev))
		;
	_exit(2);
}

/*
 * Within a second, like any process, or two for who is closing a device and waits a
 * second for its threads; and it goes on where it was.
 */
static void freezes(struct __test_metadata *_metadata, FIXTURE_DATA(worker) *self,
		    void (*run)(int backend), int backend)
{
	unsigned int limit = run == starting_vmm ? 200 : 100, turn, i;
	int status;
	pid_t vmm;

	dev_close(&self->dev);
	vmm = fork();
	ASSERT_LE(0, vmm);
	if (!vmm)
		run(backend);
	ASSERT_EQ(0, group_enter(OURS, vmm));
	for (turn = 0; turn < 20; turn++) {
		usleep(20000);
		ASSERT_EQ(0, group_set(OURS, "cgroup.freeze", "1"));
		for (i = 0; i < limit; i++) {
			if (group_has(OURS, "cgroup.events", "frozen 1"))
				break;
			usleep(10000);
		}
		EXPECT_GT(limit, i) TH_LOG("turn %u", turn);
		ASSERT_EQ(0, group_set(OURS, "cgroup.freeze", "0"));
		ASSERT_EQ(0, waitpid(vmm, &status, WNOHANG));
	}
	/* Also frozen it dies when it is killed. */
	ASSERT_EQ(0, group_set(OURS, "cgroup.freeze", "1"));
	ASSERT_EQ(0, kill(vmm, SIGKILL));
	ASSERT_EQ(vmm, waitpid(vmm, &status, 0));
	EXPECT_EQ(SIGKILL, WTERMSIG(status));
	EXPECT_EQ(0, host_workers());
	EXPECT_EQ(0, group_set(OURS, "cgroup.freeze", "0"));
}

TEST_F_TIMEOUT(worker, T04_freezes_with_its_owner, 120)
{
	freezes(_metadata, self, busy_vmm, self->backend);
}

TEST_F_TIMEOUT(worker, T04_freezes_with_an_owner_who_starts_it, 120)
{
	freezes(_metadata, self, starting_vmm, self->backend);
}

/* Whose disk takes 1 ms for each. */
TEST_F_TIMEOUT(worker, T04_freezes_with_an_owner_who_resets_it, 120)
{
	int disk = nullb_create("slow", 16, "hw_queue_depth=32,irqmode=2,completion_nsec=1000000");

	if (disk == -ENOENT)
		SKIP(return, "no null_blk");
	ASSERT_LE(0, disk);
	freezes(_metadata, self, resetting_vmm, disk);
	close(disk);
	nullb_remove("slow");
}

/* Who closes it is another than its stopped owner, and the disk is well. */
TEST_F(worker, T09_closed_beside_a_stopped_owner)
{
	const struct dev_options options = { .queues = 1 };
	int disk = nullb_create("slow", 16, "hw_queue_depth=8,irqmode=2,completion_nsec=300000000");
	struct dev *dev = &self->dev;
	int status, fd;
	pid_t owner;
	double start;
	long pins;

	if (disk == -ENOENT)
		SKIP(return, "no null_blk");
	ASSERT_LE(0, disk);
	dev_close(dev);
	pins = host_pins();
	fd = vpin_open();
	ASSERT_LE(0, fd);
	owner = fork();
	ASSERT_LE(0, owner);
	if (!owner) {
		if (dev_open_as(dev, fd, disk, &options) || dev_start(dev))
			_exit(1);
		blk_init(&self->request, &dev->guest);
		self->data = guest_alloc(&dev->guest, 4096, GUEST_PAGE);
		if (blk_add(&dev->vqs[0], &self->request, VIRTIO_BLK_T_IN, 0, self->data, 4096))
			_exit(2);
		vq_publish(&dev->vqs[0]);
		while (!disk_count(disk, DISK_IN_FLIGHT))
			;
		close(fd);
		raise(SIGSTOP);
		_exit(3);
	}
	ASSERT_EQ(owner, waitpid(owner, &status, WUNTRACED));
	ASSERT_TRUE(WIFSTOPPED(status));
	start = host_seconds();
	ASSERT_EQ(0, close(fd));
	EXPECT_GT(3 * host_patience(), host_seconds() - start);
	EXPECT_EQ(pins, host_pins());
	kill(owner, SIGKILL);
	ASSERT_EQ(owner, waitpid(owner, &status, 0));
	close(disk);
	nullb_remove("slow");
}

TEST_HARNESS_MAIN
