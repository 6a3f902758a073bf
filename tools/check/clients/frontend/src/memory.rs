// SPDX-License-Identifier: GPL-2.0-only
//! The memory of a guest that is not there: a memfd in two regions, as memory below
//! and above a hole is.

use std::fs::File;
use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::atomic::{fence, Ordering};

use vhost::VhostUserMemoryRegionInfo;

pub const PAGE: u64 = 4096;
/// Where the data of requests begins, and the second region.
pub const DATA: u64 = 16 * PAGE;

pub struct Memory {
    pub file: File,
    pub size: u64,
    at: *mut u8,
}

impl Memory {
    pub fn new(size: u64) -> Result<Memory> {
        // SAFETY: the name is a C string; what comes back is checked and owned here.
        let file = unsafe {
            let fd = libc::memfd_create(c"guest".as_ptr(), libc::MFD_CLOEXEC);
            if fd < 0 {
                return Err(Error::last_os_error());
            }
            File::from_raw_fd(fd)
        };
        file.set_len(size)?;
        // SAFETY: a new mapping, of a file that is that long.
        let at = unsafe {
            libc::mmap(std::ptr::null_mut(), size as usize, libc::PROT_READ | libc::PROT_WRITE,
                       libc::MAP_SHARED, file.as_raw_fd(), 0)
        };
        if at == libc::MAP_FAILED {
            return Err(Error::last_os_error());
        }
        Ok(Memory { file, size, at: at.cast() })
    }

    /// The address here of a guest's address.
    pub fn host(&self, address: u64) -> u64 {
        self.at as u64 + address
    }

    pub fn regions(&self) -> [VhostUserMemoryRegionInfo; 2] {
        [(0, DATA), (DATA, self.size - DATA)].map(|(start, size)| VhostUserMemoryRegionInfo {
            guest_phys_addr: start,
            memory_size: size,
            userspace_addr: self.host(start),
            mmap_offset: start,
            mmap_handle: self.file.as_raw_fd(),
        })
    }

    fn place<T>(&self, address: u64) -> *mut T {
        assert!(address + size_of::<T>() as u64 <= self.size);
        self.host(address) as *mut T
    }

    /// In the ring's order: what was stored before is there first.
    pub fn store<T>(&self, address: u64, value: T) {
        fence(Ordering::SeqCst);
        // SAFETY: within the mapping; the device may change it at any time.
        unsafe { self.place::<T>(address).write_volatile(value) };
        fence(Ordering::SeqCst);
    }

    pub fn load<T>(&self, address: u64) -> T {
        fence(Ordering::SeqCst);
        // SAFETY: as above.
        let value = unsafe { self.place::<T>(address).read_volatile() };
        fence(Ordering::SeqCst);
        value
    }

    pub fn byte(&self, address: u64) -> u8 {
        self.load(address)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: mapped by new(), and nobody has a reference into it.
        unsafe { libc::munmap(self.at.cast(), self.size as usize) };
    }
}
