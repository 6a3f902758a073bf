// SPDX-License-Identifier: GPL-2.0-only
//! A driver of virtio-blk on one split ring.

use std::io::{Error, ErrorKind, Result};

use vmm_sys_util::eventfd::{EventFd, EFD_NONBLOCK};

use crate::memory::{Memory, DATA, PAGE};

pub const SIZE: u16 = 64;
/// Requests under way; each has three descriptors, and data of four pages.
pub const DEPTH: u16 = 16;
pub const DESC: u64 = 0;
pub const AVAIL: u64 = PAGE;
pub const USED: u64 = 2 * PAGE;
const HEADERS: u64 = 3 * PAGE;
const STATUS: u64 = 4 * PAGE;

const NEXT: u16 = 1;
const WRITE: u16 = 2;
const NONE: u8 = 0xff;

const PATIENCE_MS: i32 = 30_000;

#[derive(Clone, Copy, PartialEq)]
pub enum Verb {
    Read = 0,
    Write = 1,
    Flush = 4,
}

/// What is under way in a slot.
#[derive(Clone, Copy)]
struct Request {
    verb: Verb,
    turn: u64,
}

pub struct Ring<'a> {
    pub kick: EventFd,
    pub call: EventFd,
    memory: &'a Memory,
    avail: u16,
    used: u16,
    slots: [Option<Request>; DEPTH as usize],
}

pub fn data(slot: u16) -> u64 {
    DATA + slot as u64 * 4 * PAGE
}

/// What is at an offset of a slot's data, after it was written in that turn.
fn word(slot: u16, turn: u64, offset: u64) -> u64 {
    (turn << 32 | (slot as u64) << 24 | offset).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Ring<'_> {
    pub fn new(memory: &Memory) -> Result<Ring<'_>> {
        Ok(Ring {
            kick: EventFd::new(EFD_NONBLOCK)?,
            call: EventFd::new(EFD_NONBLOCK)?,
            memory,
            avail: 0,
            used: 0,
            slots: [None; DEPTH as usize],
        })
    }

    /// Both indices begin at 0 again, as a guest's do after a reset.
    pub fn reset(&mut self) {
        self.avail = 0;
        self.used = 0;
        self.memory.store(AVAIL, 0u32);
        self.memory.store(USED, 0u32);
    }

    pub fn avail(&self) -> u16 {
        self.avail
    }

    fn descriptor(&self, index: u16, address: u64, len: u64, flags: u16, next: u16) {
        let at = DESC + index as u64 * 16;
        self.memory.store(at, address);
        self.memory.store(at + 8, len as u32);
        self.memory.store(at + 12, flags);
        self.memory.store(at + 14, next);
    }

    /// One request, in a slot that is free.  Slot N's place on the disk is its own.
    pub fn put(&mut self, verb: Verb, slot: u16, turn: u64) -> Result<()> {
        assert!(self.slots[slot as usize].is_none());
        let memory = self.memory;
        let (header, status) = (HEADERS + slot as u64 * 16, STATUS + slot as u64);
        let (head, length) = (slot * 3, 4 * PAGE);
        for offset in (0..length).step_by(8) {
            let value = if verb == Verb::Write { word(slot, turn, offset) } else { 0 };
            memory.store(data(slot) + offset, value);
        }
        memory.store(header, verb as u64);
        memory.store(header + 8, if verb == Verb::Flush { 0 } else { slot as u64 * length / 512 });
        memory.store(status, NONE);
        let last = head + 2;
        if verb == Verb::Flush {
            self.descriptor(head, header, 16, NEXT, last);
        } else {
            let flags = if verb == Verb::Read { WRITE } else { 0 };
            self.descriptor(head, header, 16, NEXT, head + 1);
            self.descriptor(head + 1, data(slot), length, NEXT | flags, last);
        }
        self.descriptor(last, status, 1, WRITE, 0);
        self.slots[slot as usize] = Some(Request { verb, turn });
        memory.store(AVAIL + 4 + (self.avail % SIZE) as u64 * 2, head);
        self.avail = self.avail.wrapping_add(1);
        memory.store(AVAIL + 2, self.avail);
        self.kick.write(1)
    }

    /// Takes what has ended; whether there was something.
    fn take(&mut self) -> Result<bool> {
        let index: u16 = self.memory.load(USED + 2);
        let some = index != self.used;
        while self.used != index {
            let head: u32 = self.memory.load(USED + 4 + (self.used % SIZE) as u64 * 8);
            self.used = self.used.wrapping_add(1);
            self.ended(head)?;
        }
        Ok(some)
    }

    fn ended(&mut self, head: u32) -> Result<()> {
        let slot = (head / 3) as u16;
        let request = self.slots.get_mut(slot as usize).and_then(Option::take);
        let Some(request) = request.filter(|_| head % 3 == 0) else {
            return Err(Error::other(format!("head {head} was told, and is not under way")));
        };
        let status = self.memory.byte(STATUS + slot as u64);
        if status != 0 {
            return Err(Error::other(format!("slot {slot}: status {status}")));
        }
        if request.verb == Verb::Read {
            for offset in (0..4 * PAGE).step_by(8) {
                let found: u64 = self.memory.load(data(slot) + offset);
                if found != word(slot, request.turn, offset) {
                    return Err(Error::other(format!("slot {slot}: wrong data at {offset}")));
                }
            }
        }
        Ok(())
    }

    fn idle(&self) -> bool {
        self.slots.iter().all(Option::is_none)
    }

    /// Until all has ended, woken by the call eventfd.
    pub fn wait(&mut self) -> Result<()> {
        while !self.idle() {
            if !self.take()? && !self.called(PATIENCE_MS) {
                return Err(Error::new(ErrorKind::TimedOut, format!(
                    "requests are under way and nobody calls: avail {}, used {}",
                    self.avail, self.used)));
            }
        }
        Ok(())
    }

    /// Whether something ends although nothing should.
    pub fn waits(&mut self) -> bool {
        std::thread::sleep(std::time::Duration::from_millis(100));
        self.memory.load::<u16>(USED + 2) != self.used
    }

    fn called(&self, ms: i32) -> bool {
        use std::os::fd::AsRawFd;
        let mut poll = libc::pollfd { fd: self.call.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: one pollfd, that lives.
        let ready = unsafe { libc::poll(&mut poll, 1, ms) } == 1;
        ready && self.call.read().is_ok()
    }

    /// The pages that the device wrote for reads in so many slots.
    pub fn written(&self, slots: u16) -> Vec<u64> {
        let mut pages = vec![USED / PAGE, STATUS / PAGE];
        pages.extend((0..slots).flat_map(|slot| (0..4).map(move |page| data(slot) / PAGE + page)));
        pages
    }
}
