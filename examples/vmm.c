// SPDX-License-Identifier: GPL-2.0-only
/*
 * The least that a VMM must do for a vhost-pin disk, and a guest's driver of three
 * requests in the place of a guest.  Documentation/vmm.rst explains it.
 *
 *	cc -Iinclude/uapi -o vmm examples/vmm.c && ./vmm DISK
 *
 * The last sector of DISK, a file or a block device, is overwritten.  The guest's driver
 * knows sectors of 512 bytes alone: a disk with blocks of 4096 refuses what it asks.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/vhost.h>
#include <linux/vhost_pin.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_ring.h>

/* The guest: 16 MiB of memory, which it sees at 1 GiB, and a ring of 64. */
#define GUEST_SIZE	((size_t)16 << 20)
#define GUEST_BASE	((uint64_t)1 << 30)
#define RING_SIZE	64
#define SECTOR		512

#define BIT(nr)		(1ULL << (nr))

static uint8_t *memory;		/* the guest's, as the VMM has it */
static int device, kick, call;

/* [errors] */
static void check(int ret, const char *what)
{
	if (ret >= 0)
		return;
	fprintf(stderr, "vmm: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}
/* [/errors] */

/* [attach] */
static void attach_disk(const char *path)
{
	struct vpin_attach attach = {
		.size = sizeof(attach),
		.device_type = VIRTIO_ID_BLOCK,
		.abi = VPIN_ABI_VDPA,
		.serial = "EXAMPLE",
	};

	/* O_EXCL claims a block device, as mount does: it is in use, or ours. */
	attach.backend_fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	check(attach.backend_fd, path);
	device = open("/dev/vhost-pin", O_RDWR | O_CLOEXEC);
	check(device, "/dev/vhost-pin");
	check(ioctl(device, VPIN_ATTACH, &attach), "VPIN_ATTACH");
	close(attach.backend_fd);	/* the device has its own reference */

	/* From now on the memory that is mapped is this process's. */
	check(ioctl(device, VHOST_SET_OWNER), "VHOST_SET_OWNER");
}
/* [/attach] */

/* [memory] */
static void send_message(uint8_t type, uint64_t iova, uint64_t size, void *uaddr)
{
	struct vhost_msg_v2 message = {
		.type = VHOST_IOTLB_MSG_V2,
		.iotlb = {
			.type = type,
			.iova = iova,
			.size = size,
			.uaddr = (uintptr_t)uaddr,
			.perm = VHOST_ACCESS_RW,
		},
	};

	check(write(device, &message, sizeof(message)), "mapping the guest's memory");
}

static void map_memory(void)
{
	uint64_t features = BIT(VHOST_BACKEND_F_IOTLB_MSG_V2) | BIT(VHOST_BACKEND_F_IOTLB_BATCH);

	check(ioctl(device, VHOST_SET_BACKEND_FEATURES, &features), "SET_BACKEND_FEATURES");
	memory = mmap(NULL, GUEST_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		check(-1, "mmap");
	/* All that is between the two appears at once. */
	send_message(VHOST_IOTLB_BATCH_BEGIN, 0, 0, NULL);
	send_message(VHOST_IOTLB_UPDATE, GUEST_BASE, GUEST_SIZE, memory);
	send_message(VHOST_IOTLB_BATCH_END, 0, 0, NULL);
}
/* [/memory] */

/* [status] */
static void add_status(uint8_t bits)
{
	uint8_t status;

	check(ioctl(device, VHOST_VDPA_GET_STATUS, &status), "GET_STATUS");
	status |= bits;
	check(ioctl(device, VHOST_VDPA_SET_STATUS, &status), "SET_STATUS");
}

/* What a driver's writes to the registers of a virtio device become. */
static void negotiate(uint64_t wanted)
{
	uint64_t features;

	add_status(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	check(ioctl(device, VHOST_GET_FEATURES, &features), "GET_FEATURES");
	features &= wanted;
	check(ioctl(device, VHOST_SET_FEATURES, &features), "SET_FEATURES");
	add_status(VIRTIO_CONFIG_S_FEATURES_OK);
}

static uint64_t read_capacity(void)
{
	char room[sizeof(struct vhost_vdpa_config) + sizeof(uint64_t)];
	struct vhost_vdpa_config *config = (void *)room;
	uint64_t sectors;

	config->off = offsetof(struct virtio_blk_config, capacity);
	config->len = sizeof(sectors);
	check(ioctl(device, VHOST_VDPA_GET_CONFIG, config), "GET_CONFIG");
	memcpy(&sectors, config->buf, sizeof(sectors));
	return le64toh(sectors);
}
/* [/status] */

/*
 * The guest's driver.  It knows guest addresses only; to look at what is there, it is
 * in the VMM's memory.
 */
static struct vring_desc *descriptors;
static struct vring_avail *avail;
static struct vring_used *used;
static uint16_t used_seen;
static size_t memory_used;

static void *guest_alloc(size_t size)
{
	void *there = memory + memory_used;

	memory_used += (size + 4095) / 4096 * 4096;
	return there;
}

static uint64_t guest_address(const void *there)
{
	return GUEST_BASE + ((const uint8_t *)there - memory);
}

static void make_ring(void)
{
	descriptors = guest_alloc(RING_SIZE * sizeof(*descriptors));
	avail = guest_alloc(sizeof(*avail) + RING_SIZE * sizeof(avail->ring[0]) + 2);
	used = guest_alloc(sizeof(*used) + RING_SIZE * sizeof(used->ring[0]) + 2);
}

/* [queue] */
static int make_eventfd(unsigned int request, unsigned int queue)
{
	struct vhost_vring_file file = { .index = queue };

	file.fd = eventfd(0, EFD_CLOEXEC);
	check(file.fd, "eventfd");
	check(ioctl(device, request, &file), "an eventfd of the queue");
	return file.fd;
}

static void set_up_queue(unsigned int queue)
{
	struct vhost_vring_state num = { .index = queue, .num = RING_SIZE };
	struct vhost_vring_state base = { .index = queue, .num = 0 };
	struct vhost_vring_state enable = { .index = queue, .num = 1 };
	/* Addresses are the guest's, as its driver has written them. */
	struct vhost_vring_addr addr = {
		.index = queue,
		.desc_user_addr = guest_address(descriptors),
		.avail_user_addr = guest_address(avail),
		.used_user_addr = guest_address(used),
	};

	check(ioctl(device, VHOST_SET_VRING_NUM, &num), "SET_VRING_NUM");
	check(ioctl(device, VHOST_SET_VRING_BASE, &base), "SET_VRING_BASE");
	check(ioctl(device, VHOST_SET_VRING_ADDR, &addr), "SET_VRING_ADDR");
	/* With KVM: KVM_IOEVENTFD writes the one, KVM_IRQFD reads the other. */
	kick = make_eventfd(VHOST_SET_VRING_KICK, queue);
	call = make_eventfd(VHOST_SET_VRING_CALL, queue);
	check(ioctl(device, VHOST_VDPA_SET_VRING_ENABLE, &enable), "SET_VRING_ENABLE");
}
/* [/queue] */

static void set_descriptor(unsigned int i, const void *there, uint32_t len, uint16_t flags)
{
	descriptors[i] = (struct vring_desc){
		.addr = htole64(guest_address(there)),
		.len = htole32(len),
		.flags = htole16(flags),
		.next = htole16(i + 1),
	};
}

/* [request] */
/* A request of header, data and status; its status byte. */
static uint8_t request(uint32_t type, uint64_t sector, void *data, uint32_t len)
{
	static struct virtio_blk_outhdr *header;
	static uint8_t *status;
	uint16_t index = le16toh(avail->idx);
	struct pollfd wait = { .fd = call, .events = POLLIN };
	unsigned int last = len ? 2 : 1;
	eventfd_t count;

	header = header ?: guest_alloc(sizeof(*header));
	status = status ?: guest_alloc(1);
	*header = (struct virtio_blk_outhdr){ .type = htole32(type), .sector = htole64(sector) };
	*status = 0xff;
	set_descriptor(0, header, sizeof(*header), VRING_DESC_F_NEXT);
	if (len)
		set_descriptor(1, data, len, VRING_DESC_F_NEXT |
			       (type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0));
	set_descriptor(last, status, 1, VRING_DESC_F_WRITE);

	/* The chain first, then that it is there, then the kick. */
	avail->ring[index % RING_SIZE] = htole16(0);
	__atomic_store_n(&avail->idx, htole16(index + 1), __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(le16toh(used->flags) & VRING_USED_F_NO_NOTIFY))
		check(eventfd_write(kick, 1), "the kick");

	while (le16toh(__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE)) == used_seen) {
		if (poll(&wait, 1, 10000) <= 0) {
			errno = ETIMEDOUT;
			check(-1, "the disk does not answer");
		}
		check(eventfd_read(call, &count), "the call");
	}
	used_seen++;
	return *status;
}
/* [/request] */

static void ask(uint32_t type, uint64_t sector, void *data, uint32_t len, const char *what)
{
	uint8_t status = request(type, sector, data, len);

	if (status == VIRTIO_BLK_S_OK)
		return;
	fprintf(stderr, "vmm: %s: status %u\n", what, status);
	exit(EXIT_FAILURE);
}

static void run_guest(uint64_t sectors)
{
	char *data = guest_alloc(SECTOR);

	snprintf(data, SECTOR, "written by a guest of 16 MiB");
	ask(VIRTIO_BLK_T_OUT, sectors - 1, data, SECTOR, "the write");
	ask(VIRTIO_BLK_T_FLUSH, 0, NULL, 0, "the flush");
	memset(data, 0, SECTOR);
	ask(VIRTIO_BLK_T_IN, sectors - 1, data, SECTOR, "the read");
	printf("%llu sectors; the last one says: %s\n", (unsigned long long)sectors, data);
}

/* [end] */
static void stop_queue(unsigned int queue)
{
	struct vhost_vring_state enable = { .index = queue, .num = 0 };
	struct vhost_vring_state base = { .index = queue };
	uint8_t reset = 0;

	/* Nothing is in flight when it returns; the base is for who goes on. */
	check(ioctl(device, VHOST_VDPA_SET_VRING_ENABLE, &enable), "SET_VRING_ENABLE");
	check(ioctl(device, VHOST_GET_VRING_BASE, &base), "GET_VRING_BASE");
	printf("%u requests were taken\n", base.num);
	check(ioctl(device, VHOST_VDPA_SET_STATUS, &reset), "SET_STATUS");
	close(device);			/* unpins all memory, lets go of the disk */
}
/* [/end] */

int main(int argc, char *argv[])
{
	uint64_t sectors;

	if (argc != 2) {
		fprintf(stderr, "Usage: vmm DISK, whose last sector is overwritten\n");
		return EXIT_FAILURE;
	}
	attach_disk(argv[1]);
	map_memory();
	negotiate(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_F_ACCESS_PLATFORM) |
		  BIT(VIRTIO_BLK_F_FLUSH));
	sectors = read_capacity();
	make_ring();
	set_up_queue(0);
	add_status(VIRTIO_CONFIG_S_DRIVER_OK);
	run_guest(sectors);
	stop_queue(0);
	return EXIT_SUCCESS;
}
