// SPDX-License-Identifier: GPL-2.0-only
/*
 * How often the core fetches what a guest can change (H10).
 *
 * Descriptors and header are in pages that nobody may touch: each access traps,
 * is counted by its address, and is let through alone, by the processor's single
 * step.  So this counts what the compiled core does, whatever its source says.
 * One walk may fetch each field once.  On x86-64 only.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <vpin/desc.h>
#include <vpin/mem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define PAGES	4
#define GPA	0x100000ULL
#define SIZE	8U
#define TF	0x100

static char *memory;
static unsigned char fetches[PAGES * PAGE_SIZE];
static unsigned int failed, number;

/* Not the module's: what it pins is user memory of ours. */
void vpin_pin_put(struct vpin_pin *pin)
{
	if (pin && refcount_dec_and_test(&pin->ref))
		vpin_pin_free(pin);
}

/* Nothing is absent here. */
bool vpin_pin_fill(struct vpin_pin *pin, u64 offset, u64 len, bool now)
{
	return false;
}

void *vpin_pin_recall(const struct vpin_pin *pin, u64 offset)
{
	return NULL;
}

static void forbid(void)
{
	mprotect(memory, PAGES * PAGE_SIZE, PROT_NONE);
}

static void allow(void)
{
	mprotect(memory, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE);
}

/* One access of the core's. */
static void on_access(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	size_t at = (char *)info->si_addr - memory;

	if (at >= sizeof(fetches))
		_Exit(3);
	fetches[at]++;
	allow();
	uc->uc_mcontext.gregs[REG_EFL] |= TF;
}

static void on_step(int signal, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	uc->uc_mcontext.gregs[REG_EFL] &= ~TF;
	forbid();
}

static struct vpin_snap *map(void)
{
	struct vpin_pin *pin = vpin_pin_alloc((unsigned long)memory, PAGES);
	struct vpin_range range = {
		.first = GPA,
		.last = GPA + PAGES * PAGE_SIZE - 1,
		.pin = pin,
		.offset = (unsigned long)memory % VPIN_CHUNK_SIZE,
		.perm = VPIN_PERM_READ | VPIN_PERM_WRITE,
	};
	struct vpin_snap *empty = vpin_snap_empty();
	void *pages[PAGES];
	unsigned int i;

	for (i = 0; i < PAGES; i++)
		pages[i] = memory + i * PAGE_SIZE;
	if (!pin || IS_ERR(empty) || vpin_pin_set_chunk(pin, 0, pages))
		exit(2);
	return vpin_snap_insert(empty, &range);
}

static void set(unsigned int index, u64 addr, u32 len, u16 flags, u16 next)
{
	((struct vring_desc *)memory)[index] = (struct vring_desc) {
		.addr = __cpu_to_virtio64(true, addr),
		.len = __cpu_to_virtio32(true, len),
		.flags = __cpu_to_virtio16(true, flags),
		.next = __cpu_to_virtio16(true, next),
	};
}

/* @fields is how many there are to fetch; 0 if the compiler chooses. */
static void verdict(const char *name, unsigned int fields)
{
	unsigned int i, sum = 0, most = 0;

	for (i = 0; i < sizeof(fetches); i++) {
		sum += fetches[i];
		most = fetches[i] > most ? fetches[i] : most;
		fetches[i] = 0;
	}
	printf("%sok %u %s: %u fetches, at most %u of one place\n",
	       most == 1 && (sum == fields || !fields) ? "" : "not ", ++number,
	       name, sum, most);
	failed += most != 1 || (fields && sum != fields);
}

/* Header, data and status, at @first in a table whose indices these are. */
static void request(unsigned int first, unsigned int base)
{
	set(first, GPA + PAGE_SIZE, 16, VRING_DESC_F_NEXT, base + 1);
	set(first + 1, GPA + 2 * PAGE_SIZE, 512,
	    VRING_DESC_F_NEXT | VRING_DESC_F_WRITE, base + 2);
	set(first + 2, GPA + 3 * PAGE_SIZE, 1, VRING_DESC_F_WRITE, 0);
}

int main(void)
{
	struct sigaction access = { .sa_sigaction = on_access, .sa_flags = SA_SIGINFO };
	struct sigaction step = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	struct vpin_chain_buf bufs[SIZE];
	struct vpin_chain chain = { .bufs = bufs, .max = SIZE };
	static struct vpin_hint hint;
	struct vpin_desc_table table;
	struct vpin_cursor cursor;
	struct vpin_snap *snap;
	unsigned int turn;
	char header[16];
	int ret;

	/* At the start of a chunk: all of it is one. */
	memory = mmap(NULL, 2 * VPIN_CHUNK_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 2;
	memory += -(unsigned long)memory % VPIN_CHUNK_SIZE;
	snap = map();
	if (IS_ERR(snap) || vpin_desc_table_init(&table, snap, GPA, SIZE))
		return 2;
	request(0, 0);
	request(4, 0);
	set(3, GPA + 4 * 16, 3 * 16, VRING_DESC_F_INDIRECT, 0);
	sigaction(SIGSEGV, &access, NULL);
	sigaction(SIGTRAP, &step, NULL);

	/* First as nothing is remembered of where buffers are, then as all is. */
	for (turn = 0; turn < 2; turn++) {
		forbid();
		ret = vpin_chain_walk(&chain, &table, &hint, 0, true);
		allow();
		verdict("a chain in the ring", 3 * 4);
		vpin_cursor_readable(&cursor, &chain, snap, &hint);
		forbid();
		ret |= vpin_cursor_read(&cursor, header, sizeof(header));
		allow();
		verdict("a header", 0);
		forbid();
		ret |= vpin_chain_walk(&chain, &table, &hint, 3, true);
		allow();
		verdict("a chain in a table", 4 + 3 * 4);
		if (ret)
			return 2;
	}
	printf("1..%u\n", number);
	return failed ? 1 : 0;
}
