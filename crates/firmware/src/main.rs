//! The device's firmware: hardware and Wi-Fi under the session of `tbpki-device`.
//!
//! It is the same for a whole fleet. What a device is and knows stands in its credentials record, in an NVS partition of
//! its own flash; this image holds no secret.

#![no_std]
#![no_main]
// Upstream has assembly for Xtensa as an experiment.
#![cfg_attr(tbpki_upstream, feature(asm_experimental_arch))]

extern crate alloc;

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
    // Reading stops the cache, from which the other core would run.
    #[cfg(any(feature = "esp32", feature = "esp32s3"))]
    let flash = flash.multicore_auto_park();
    let record = match record::read(flash) {
        Ok(record) => record,
        Err(error) => stop(format_args!("record: {error}")).await,
    };
    log!("record: this is {}, and its broker is {}, port {}", record.device_name(), record.host(), record.port());

    #[cfg(feature = "wifi")]
    match session::start(spawner, peripherals.WIFI, record).await {
        Ok(never) => match never {},
        Err(why) => stop(format_args!("{why}")).await,
    }
    #[cfg(not(feature = "wifi"))]
    {
        let _ = spawner;
        stop(format_args!("network: this chip has no Wi-Fi, and this firmware knows no other way to a broker")).await
    }
}

/// Says once a minute why nothing else happens: whoever connects a terminal comes later than the first line.
async fn stop(why: core::fmt::Arguments<'_>) -> ! {
    loop {
        log!("{why}");
        embassy_time::Timer::after_secs(60).await;
    }
}

/// What the radio, the TLS session (twice 16 KiB and some) and the queue need, beside the stack of the main task.
fn heap() {
    #[cfg(not(feature = "esp32c2"))]
    {
        // What the second-stage bootloader has left behind.
        esp_alloc::heap_allocator!(#[esp_hal::ram(reclaimed)] size: 64 * 1024);
        esp_alloc::heap_allocator!(size: 100 * 1024);
    }
    #[cfg(feature = "esp32c2")]
    {
        esp_alloc::heap_allocator!(#[esp_hal::ram(reclaimed)] size: 64 * 1024);
        esp_alloc::heap_allocator!(size: 72 * 1024);
    }
}
