//! The firmware: hardware and Wi-Fi for the session of `tbpki-device`.
//!
//! All devices of a fleet run the same image, which contains no secret. A device's identity and settings are in its
//! credentials record, in an NVS partition of its flash.

#![no_std]
#![no_main]
// Upstream Rust supports inline assembly for Xtensa only as an unstable feature.
#![cfg_attr(tbpki_upstream, feature(asm_experimental_arch))]

extern crate alloc;

mod flash;
#[cfg(any(feature = "esp32c2", feature = "esp32c6"))]
mod libc;
mod log;
#[cfg(feature = "wifi")]
mod network;
mod record;
#[cfg(feature = "wifi")]
mod session;
mod stamp;
#[cfg(tbpki_upstream)]
#[path = "../xtensa/entry.rs"]
mod upstream_entry;
#[cfg(tbpki_upstream)]
#[path = "../xtensa/ti3.rs"]
mod upstream_ti3;
#[cfg(feature = "wifi")]
mod wifi;

use embassy_executor::Spawner;
use esp_backtrace as _;
use esp_hal::clock::CpuClock;
use esp_hal::timer::timg::TimerGroup;
use esp_storage::FlashStorage;

use crate::flash::ChipFlash;
use crate::log::log;

esp_bootloader_esp_idf::esp_app_desc!();

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let peripherals = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    heap();
    let timers = TimerGroup::new(peripherals.TIMG0);
    esp_rtos::start(timers.timer0, peripherals.FROM_CPU_INTR0);
    stamp::show();

    let flash = FlashStorage::new(peripherals.FLASH);
    // Reading flash disables the cache, from which the other core executes.
    #[cfg(any(feature = "esp32", feature = "esp32s3"))]
    let flash = flash.multicore_auto_park();
    let (record, slots) = match record::read(&ChipFlash::new(flash)) {
        Ok(found) => found,
        Err(error) => stop(format_args!("record: {error}")).await,
    };
    log!("record: device {}, broker {}, port {}", record.device_name(), record.host(), record.port());

    #[cfg(feature = "wifi")]
    match session::start(spawner, peripherals.WIFI, record, slots).await {
        Ok(never) => match never {},
        Err(why) => stop(format_args!("{why}")).await,
    }
    #[cfg(not(feature = "wifi"))]
    {
        let _ = (spawner, slots);
        stop(format_args!("network: this chip has no Wi-Fi, and the firmware supports no other network")).await
    }
}

/// Repeats the reason once a minute: a terminal that is connected later would miss the first line.
async fn stop(why: core::fmt::Arguments<'_>) -> ! {
    loop {
        log!("{why}");
        embassy_time::Timer::after_secs(60).await;
    }
}

/// Adds the heap for the radio, the TLS session (somewhat more than 32 KiB) and the queue.
fn heap() {
    #[cfg(not(feature = "esp32c2"))]
    {
        // The memory of the second-stage bootloader, which is free after the start.
        esp_alloc::heap_allocator!(#[esp_hal::ram(reclaimed)] size: 64 * 1024);
        esp_alloc::heap_allocator!(size: 100 * 1024);
    }
    // The C2 has the least RAM of these chips.
    #[cfg(feature = "esp32c2")]
    {
        esp_alloc::heap_allocator!(#[esp_hal::ram(reclaimed)] size: 64 * 1024);
        esp_alloc::heap_allocator!(size: 72 * 1024);
    }
}
