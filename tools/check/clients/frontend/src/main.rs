// SPDX-License-Identifier: GPL-2.0-only
//! frontend ORDER SOCKET BYTES: a disk driven by rust-vmm's own vhost crate, in the
//! order in which Cloud Hypervisor or Firecracker call.  There is no guest: the
//! driver is here.  BYTES is how large the disk should be.  Prints "ok WHAT" for what
//! went well, and ends at the first thing that did not.

mod memory;
mod ring;

use std::error::Error;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

use memory::{Memory, DATA, PAGE};
use ring::{Ring, Verb, DEPTH};
use vhost::vhost_user::message::{
    VhostUserConfigFlags, VhostUserHeaderFlag, VhostUserProtocolFeatures as Protocol,
    VhostUserVirtioFeatures,
};
use vhost::vhost_user::{Frontend, VhostUserFrontend};
use vhost::{VhostBackend, VhostUserDirtyLogRegion, VringConfigData};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const FLUSH: u64 = 1 << 9;
const VERSION_1: u64 = 1 << 32;
const CONFIG_SIZE: usize = 60;

#[derive(Clone, Copy, PartialEq)]
enum Order {
    CloudHypervisor,
    Firecracker,
}

/// A connection, and what was agreed on.
struct Session {
    frontend: Frontend,
    socket: UnixStream,
    features: u64,
    protocol: Protocol,
}

impl Session {
    fn connect(order: Order, path: &str) -> Result<Session> {
        let socket = UnixStream::connect(path)?;
        let mut frontend = Frontend::from_stream(socket.try_clone()?, 1);
        let wanted = match order {
            Order::CloudHypervisor => {
                Protocol::CONFIG
                    | Protocol::MQ
                    | Protocol::CONFIGURE_MEM_SLOTS
                    | Protocol::REPLY_ACK
                    | Protocol::INFLIGHT_SHMFD
                    | Protocol::LOG_SHMFD
            }
            Order::Firecracker => Protocol::CONFIG,
        };
        frontend.set_owner()?;
        let offered = frontend.get_features()?;
        let user = VhostUserVirtioFeatures::PROTOCOL_FEATURES.bits();
        if offered & user == 0 || offered & VERSION_1 == 0 {
            return Err(format!("features {offered:#x}").into());
        }
        let protocol = frontend.get_protocol_features()? & wanted;
        frontend.set_protocol_features(protocol)?;
        if protocol.contains(Protocol::REPLY_ACK) {
            frontend.set_hdr_flags(VhostUserHeaderFlag::NEED_REPLY);
        }
        if protocol.contains(Protocol::MQ) && frontend.get_queue_num()? == 0 {
            return Err("no queues".into());
        }
        let features = user | VERSION_1 | (offered & FLUSH);
        Ok(Session { frontend, socket, features, protocol })
    }

    /// Of the config space.
    fn capacity(&mut self) -> Result<u64> {
        let empty = [0; CONFIG_SIZE];
        let (_, config) = self.frontend.get_config(
            0,
            CONFIG_SIZE as u32,
            VhostUserConfigFlags::WRITABLE,
            &empty,
        )?;
        Ok(u64::from_le_bytes(config[..8].try_into()?) * 512)
    }

    /// Both start where the driver is, not where the device is: that is its affair.
    fn start(&mut self, memory: &Memory, ring: &Ring) -> Result<()> {
        let frontend = &mut self.frontend;
        frontend.set_features(self.features)?;
        frontend.set_mem_table(&memory.regions())?;
        frontend.set_vring_num(0, ring::SIZE)?;
        frontend.set_vring_addr(0, &VringConfigData {
            queue_max_size: ring::SIZE,
            queue_size: ring::SIZE,
            flags: 0,
            desc_table_addr: memory.host(ring::DESC),
            used_ring_addr: memory.host(ring::USED),
            avail_ring_addr: memory.host(ring::AVAIL),
            log_addr: None,
        })?;
        frontend.set_vring_base(0, ring.avail())?;
        frontend.set_vring_call(0, &ring.call)?;
        frontend.set_vring_kick(0, &ring.kick)?;
        frontend.set_vring_enable(0, true)?;
        Ok(())
    }

    /// Cloud Hypervisor's way to have the log: it sends a new one each time.  The
    /// crate does not expect the answer, which newer ones do.
    fn log(&mut self, memory: &Memory) -> Result<Memory> {
        let bytes = memory.size / PAGE / 8;
        let log = Memory::new(bytes.next_multiple_of(PAGE))?;
        self.frontend.set_hdr_flags(VhostUserHeaderFlag::empty());
        self.frontend.set_log_base(0, Some(VhostUserDirtyLogRegion {
            mmap_size: bytes,
            mmap_offset: 0,
            mmap_handle: log.file.as_raw_fd(),
        }))?;
        let mut answer = [0; 12 + 16];
        self.socket.read_exact(&mut answer)?;
        self.frontend.set_hdr_flags(VhostUserHeaderFlag::NEED_REPLY);
        Ok(log)
    }
}

fn told(what: &str) {
    println!("ok {what}");
}

/// Writes, flushes and reads back, at as many places as go at once.
fn work(ring: &mut Ring, turn: u64) -> Result<()> {
    for (verb, flush) in [(Verb::Write, true), (Verb::Read, false)] {
        for slot in 0..DEPTH {
            ring.put(verb, slot, turn)?;
        }
        ring.wait()?;
        if flush {
            ring.put(Verb::Flush, 0, turn)?;
            ring.wait()?;
        }
    }
    Ok(())
}

fn run(order: Order, path: &str, size: u64) -> Result<()> {
    let memory = Memory::new(DATA + DEPTH as u64 * PAGE * 4)?;
    let mut ring = Ring::new(&memory)?;
    let mut session = Session::connect(order, path)?;

    let capacity = session.capacity()?;
    if capacity != size {
        return Err(format!("the disk has {capacity} bytes, not {size}").into());
    }
    told("the config space");

    session.start(&memory, &ring)?;
    work(&mut ring, 1)?;
    told("writes, flushes, reads");

    if order == Order::CloudHypervisor {
        session.frontend.set_vring_enable(0, false)?;
        for slot in 0..DEPTH {
            ring.put(Verb::Read, slot, 1)?;
        }
        if ring.waits() {
            return Err("a queue that is paused was served".into());
        }
        session.frontend.set_vring_enable(0, true)?;
        ring.wait()?;
        told("pauses, goes on");

        dirty_log(&mut session, &memory, &mut ring)?;
        told("the log has what was written");

        session.frontend.set_vring_enable(0, false)?;
        let base = session.frontend.get_vring_base(0)?;
        if base != u32::from(ring.avail()) {
            return Err(format!("base {base}, not {}", ring.avail()).into());
        }
        ring.reset();
        session.start(&memory, &ring)?;
        work(&mut ring, 2)?;
        told("is reset, and starts anew");
    }

    // It is gone with requests under way, and comes back: none may be lost, none told
    // twice.
    for turn in 3..10 {
        for slot in 0..DEPTH {
            ring.put(Verb::Write, slot, turn)?;
        }
        drop(session);
        session = Session::connect(order, path)?;
        session.start(&memory, &ring)?;
        ring.wait()?;
        work(&mut ring, turn)?;
    }
    told("goes, and comes back with requests under way");
    Ok(())
}

fn dirty_log(session: &mut Session, memory: &Memory, ring: &mut Ring) -> Result<()> {
    if !session.protocol.contains(Protocol::LOG_SHMFD) {
        return Err("there is no log".into());
    }
    let first = session.log(memory)?;
    let log_all = VhostUserVirtioFeatures::LOG_ALL.bits();
    session.frontend.set_features(session.features | log_all)?;
    for turn in 0..3 {
        let log = if turn == 0 { None } else { Some(session.log(memory)?) };
        let log = log.as_ref().unwrap_or(&first);
        for slot in 0..DEPTH / 2 {
            ring.put(Verb::Read, slot, 1)?;
        }
        ring.wait()?;
        for page in ring.written(DEPTH / 2) {
            if log.byte(page / 8) & 1 << (page % 8) == 0 {
                return Err(format!("log {turn}: page {page} was written, and is not in it").into());
            }
        }
        for slot in DEPTH / 2..DEPTH {
            let page = ring::data(slot) / PAGE;
            if log.byte(page / 8) & 1 << (page % 8) != 0 {
                return Err(format!("log {turn}: page {page} is in it, and was not written").into());
            }
        }
    }
    session.frontend.set_features(session.features)?;
    Ok(())
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let order = match arguments.get(1).map(String::as_str) {
        Some("cloud-hypervisor") => Order::CloudHypervisor,
        Some("firecracker") => Order::Firecracker,
        _ => panic!("usage: frontend cloud-hypervisor|firecracker SOCKET BYTES"),
    };
    if let Err(error) = run(order, &arguments[2], arguments[3].parse().unwrap()) {
        println!("failed: {error}");
        std::process::exit(1);
    }
}
