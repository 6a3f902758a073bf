// SPDX-License-Identifier: GPL-2.0-only
//! rust-vmm's virtio-queue and vm-memory, for the C side to call.

use std::sync::atomic::{AtomicU16, Ordering};
use virtio_queue::{DescriptorChain, Queue, QueueOwnedT, QueueT};
use vm_memory::{GuestAddress, GuestMemory, GuestMemoryMmap, GuestRegionMmap, MmapRegion};

const REGIONS_MAX: usize = 64;
const CHAINS_MAX: usize = 32;
const QUEUE_SIZE: u16 = 256;
const BATCH_MAX: usize = 32;
const PROT_READ_WRITE: i32 = 3;
const MAP_PRIVATE_ANONYMOUS_NORESERVE: i32 = 0x4022;

/// guest.h: struct guest_region
#[repr(C)]
pub struct Region {
    gpa: u64,
    size: u64,
    host: *mut u8,
}

/// guest.h: struct guest, as far as it is needed here
#[repr(C)]
pub struct Guest {
    regions: [Region; REGIONS_MAX],
    nr_regions: u32,
    nr_chains: u32,
    desc: u64,
    avail: u64,
    used: u64,
    avail_idx: *const AtomicU16,
    heads: [u16; CHAINS_MAX],
}

type Memory = &'static GuestMemoryMmap<()>;

pub struct Peer {
    mem: Memory,
    queue: Queue,
    chains: Vec<DescriptorChain<Memory>>,
    avail_idx: &'static AtomicU16,
}

fn memory(guest: &Guest) -> GuestMemoryMmap<()> {
    let regions = guest.regions[..guest.nr_regions as usize]
        .iter()
        .map(|region| {
            // SAFETY: guest.c mapped it so, and never unmaps it.
            let mapping = unsafe {
                MmapRegion::build_raw(
                    region.host,
                    region.size as usize,
                    PROT_READ_WRITE,
                    MAP_PRIVATE_ANONYMOUS_NORESERVE,
                )
            };
            GuestRegionMmap::new(mapping.unwrap(), GuestAddress(region.gpa)).unwrap()
        })
        .collect();
    GuestMemoryMmap::from_regions(regions).unwrap()
}

fn queue(guest: &Guest, mem: Memory) -> Queue {
    let mut queue = Queue::new(QUEUE_SIZE).unwrap();
    queue.set_desc_table_address(Some(guest.desc as u32), None);
    queue.set_avail_ring_address(Some(guest.avail as u32), None);
    queue.set_used_ring_address(Some(guest.used as u32), None);
    queue.set_event_idx(true);
    queue.set_ready(true);
    assert!(queue.is_valid(mem));
    queue
}

/// The sum of the chain's addresses and lengths.
#[inline(always)]
fn walk(mem: Memory, chain: DescriptorChain<Memory>) -> u64 {
    let mut sum = 0u64;
    for desc in chain {
        let slice = mem.get_slice(desc.addr(), desc.len() as usize).unwrap();
        sum = sum
            .wrapping_add(slice.ptr_guard().as_ptr() as u64)
            .wrapping_add(slice.len() as u64);
    }
    sum
}

/// # Safety
/// `guest` is laid out, and outlives the peer.
#[no_mangle]
pub unsafe extern "C" fn virtio_queue_open(guest: *const Guest) -> *mut Peer {
    let guest = &*guest;
    // One a shape, a few hundred bytes each: they may stay.
    let mem: Memory = Box::leak(Box::new(memory(guest)));
    let mut queue = queue(guest, mem);
    let avail_idx = &*guest.avail_idx;

    // A chain that is walked alone comes from here: only a queue makes them.
    avail_idx.store(guest.nr_chains as u16, Ordering::Release);
    let chains: Vec<_> = queue.iter(mem).unwrap().collect();
    assert_eq!(chains.len(), guest.nr_chains as usize);
    Box::into_raw(Box::new(Peer {
        mem,
        queue,
        chains,
        avail_idx,
    }))
}

/// # Safety
/// `peer` is from virtio_queue_open(), and not used afterwards.
#[no_mangle]
pub unsafe extern "C" fn virtio_queue_close(peer: *mut Peer) {
    drop(Box::from_raw(peer));
}

/// # Safety
/// `peer` is from virtio_queue_open().
#[no_mangle]
pub unsafe extern "C" fn virtio_queue_walk(peer: *mut Peer, nr: u64) -> u64 {
    let peer = &*peer;
    let mem = peer.mem;
    let mask = peer.chains.len() - 1;
    let mut sum = 0u64;
    for i in 0..nr as usize {
        sum = sum.wrapping_add(walk(mem, peer.chains[i & mask].clone()));
    }
    sum
}

/// # Safety
/// `peer` is from virtio_queue_open().
#[no_mangle]
pub unsafe extern "C" fn virtio_queue_request(peer: *mut Peer, nr: u64, batch: u32) -> u64 {
    let peer = &mut *peer;
    let mem = peer.mem;
    let queue = &mut peer.queue;
    let mut heads = [0u16; BATCH_MAX];
    let mut offered = 0u16;
    let mut done = 0;
    let mut sum = 0u64;

    queue.set_next_avail(0);
    queue.set_next_used(0);
    while done < nr {
        // The driver.
        offered = offered.wrapping_add(batch as u16);
        peer.avail_idx.store(offered, Ordering::Release);

        let mut n = 0;
        for chain in queue.iter(mem).unwrap() {
            heads[n] = chain.head_index();
            n += 1;
            sum = sum.wrapping_add(walk(mem, chain));
        }
        for head in &heads[..n] {
            queue.add_used(mem, *head, 1).unwrap();
        }
        sum = sum.wrapping_add(queue.needs_notification(mem).unwrap() as u64);
        done += u64::from(batch);
    }
    sum
}
