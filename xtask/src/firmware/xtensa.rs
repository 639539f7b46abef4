//! Xtensa without Espressif's compiler: the upstream compiler, a linker with a description of the chip, and workarounds
//! for faults of upstream. Experimental: if `cargo +esp` is installed, it is used instead.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::error::{Doing, Error, Result};
use crate::run::{Run, cargo, run};
use crate::workspace::{Places, root, target};

/// The first nightly compiler with `asm!` for Xtensa that is tested.
const TOOLCHAIN: &str = "nightly-2026-10-30";

/// Install a compiler for Xtensa chips without Espressif's toolchain
#[derive(Args)]
#[command(
    long_about = "Install a compiler for Xtensa chips without Espressif's toolchain, on a Debian 12, as root.\n\n\
    A pinned nightly compiler, Debian's linker for Xtensa, and a description of the chips' core for it, made from \
    Debian's sources. All but the compiler goes to target/xtensa. Experimental: `espup install` brings what Espressif \
    supports."
)]
pub(crate) struct SetupXtensa {}

impl SetupXtensa {
    pub(crate) fn run(&self) -> Result<()> {
        let directory = directory()?;
        fs::create_dir_all(directory.join("linker")).doing(format!("make {}", directory.display()))?;
        run("rustup")
            .args(["toolchain", "install", TOOLCHAIN, "--profile", "minimal", "--component", "rust-src"])
            .read()?;
        run("sh").arg(sources().join("setup.sh")).arg(&directory).show()?;
        cargo().args(["fetch", "--quiet", "--locked"]).directory(root().join("crates/firmware")).show()?;
        patch_xtensa_lx(&directory)?;
        write(
            &directory.join("linker/rwtext.x"),
            &linker_script(&read(&package("esp-hal")?.join("ld/sections/rwtext.x"))?)?,
        )?;
        for chip in ["esp32", "esp32s3"] {
            let text = format!("{:#}\n", target_description(&directory));
            write(&description(&directory, chip), &text)?;
        }
        Ok(())
    }
}

/// The cargo command for an Xtensa chip, without the features.
pub(super) fn compiler(chip: &str, triple: &str) -> Result<Run> {
    let firmware = root().join("crates/firmware");
    if run("cargo").args(["+esp", "--version"]).silent().read().is_ok() {
        return Ok(run("cargo")
            .args(["+esp", "build", "-Zbuild-std=core,alloc", "--locked", "--target", triple])
            .args(["--config", &super::remapped("xtensa")?])
            .directory(firmware));
    }
    let directory = directory()?;
    if !description(&directory, chip).is_file() {
        return Err(Error::new("no compiler for Xtensa is installed")
            .fix("espup install (Espressif's, from `cargo install espup`), or cargo xtask setup-xtensa"));
    }
    // The patched crate changes the lock file, so cargo gets a copy of it.
    let lock = directory.join("Cargo.lock");
    fs::copy(firmware.join("Cargo.lock"), &lock).doing(format!("write {}", lock.display()))?;
    let path = |name: &str| directory.join(name).display().to_string();
    // `-e`: xtensa-lx-rt's own start relies on an order of assembly that upstream does not keep.
    let mut flags =
        ["-Clink-arg=-Tlinkall.x", "-Clink-arg=-eS3Reset", "--cfg=tbpki_upstream"].map(String::from).to_vec();
    flags.extend(Places::of_sources()?.flags("--remap-path-prefix"));
    Ok(run("rustup")
        .args(["run", TOOLCHAIN, "cargo", "build", "-Zbuild-std=core,alloc", "-Zjson-target-spec"])
        .args(["-Zprofile-rustflags", "-Zunstable-options"])
        .args(["--config", &format!("resolver.lockfile-path = '{}'", lock.display())])
        .args(["--config", &format!("patch.crates-io.xtensa-lx.path = '{}'", path("xtensa-lx"))])
        // Its assembly saves the registers of the FPU and, on the ESP32, of its accelerator, which nothing else uses here.
        .args(["--config", "profile.release.package.xtensa-lx-rt.rustflags = ['-Ctarget-feature=+fp,+dfpaccel']"])
        .arg("--target")
        .arg(description(&directory, chip))
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
        // A whole-program build moves code further from its literals than instructions reach.
        .env("CARGO_PROFILE_RELEASE_LTO", "false")
        .env("XTENSA_GNU_CONFIG", path("xtensa_lx.so"))
        .directory(firmware))
}

/// Checks that start-up code is in RAM, and vectors and literals are at addresses that the processor can reach.
pub(super) fn check(elf: &Path, chip: &str) -> Result<()> {
    if run("cargo").args(["+esp", "--version"]).silent().read().is_ok() {
        return Ok(());
    }
    run("python3").arg(sources().join("check_literals.py")).arg(elf).arg(chip).read().map(drop)
}

fn directory() -> Result<PathBuf> {
    Ok(target()?.join("xtensa"))
}

fn sources() -> PathBuf {
    root().join("crates/firmware/xtensa")
}

/// The target description of a chip. Its name matters, because xtensa-lx-rt reads it.
fn description(directory: &Path, chip: &str) -> PathBuf {
    directory.join(format!("xtensa-{chip}-none-elf.json"))
}

/// LLVM has no `esp32s3` yet, so `esp32` is used for it; floating point is done in software.
fn target_description(directory: &Path) -> Value {
    json!({
        "arch": "xtensa",
        "cpu": "esp32",
        "features": "-fp,-dfpaccel",
        "data-layout": "e-m:e-p:32:32-i8:8:32-i16:16:32-i64:64-n32",
        "emit-debug-gdb-scripts": false,
        "linker": "xtensa-lx106-elf-ld",
        "linker-flavor": "gnu",
        "pre-link-args": {
            "gnu": [format!("-L{}", directory.join("linker").display()), "--no-relax", "--no-warn-rwx-segments"]
        },
        "llvm-target": "xtensa-none-elf",
        "max-atomic-width": 32,
        "panic-strategy": "abort",
        "relocation-model": "static",
        "target-pointer-width": 32,
        "vendor": "espressif"
    })
}

/// Replaces an instruction that LLVM does not know, and that is used once, by its bytes.
fn patch_xtensa_lx(directory: &Path) -> Result<()> {
    let (from, to) = (package("xtensa-lx")?, directory.join("xtensa-lx"));
    if to.exists() {
        fs::remove_dir_all(&to).doing(format!("remove {}", to.display()))?;
    }
    run("cp").args(["-r", "--no-preserve=mode"]).args([&from, &to]).read()?;
    let file = to.join("src/lib.rs");
    let text = read(&file)?;
    let unknown = r#"asm!("rer {0}, {1}", out(reg) x, in(reg) XDM_OCD_DCR_SET, options(nostack))"#;
    let bytes = r#"asm!(".byte 0x80, 0x68, 0x40", inout("a8") XDM_OCD_DCR_SET => x, options(nostack))"#;
    if text.matches(unknown).count() != 1 {
        return Err(
            Error::new("unexpected version of xtensa-lx").fix("check whether upstream still needs this workaround")
        );
    }
    write(&file, &text.replace(unknown, bytes))
}

/// esp-hal's script for code in RAM. The sections that upstream puts in the wrong order, or at odd addresses, come
/// first.
fn linker_script(original: &str) -> Result<String> {
    const HEAD: &str = "  _rwtext_start = .;\n";
    const FIRST: [&str; 5] = [
        "*(.literal)",
        "*(.literal.*idle_entry*)",
        "*(.text.__pre_init)",
        "*(.text.__post_init)",
        "*(.text.*idle_entry*)",
    ];
    let mut depth = 0;
    let mut text = String::new();
    // Lines under a condition are for other chips.
    for line in original.lines() {
        match line.trim() {
            line if line.starts_with("#IF") => depth += 1,
            "#ENDIF" => depth -= 1,
            _ if depth == 0 => text.push_str(&format!("{line}\n")),
            _ => {}
        }
    }
    if text.matches(HEAD).count() != 1 {
        return Err(
            Error::new("unexpected version of esp-hal's rwtext.x").fix("compare it with xtask/src/firmware/xtensa.rs")
        );
    }
    let first: String = FIRST.iter().map(|section| format!("  . = ALIGN(4); {section}\n")).collect();
    Ok(text.replace(HEAD, &format!("{HEAD}{first}  . = ALIGN(4);\n")))
}

/// The directory of the source of a crate that the firmware depends on.
fn package(name: &str) -> Result<PathBuf> {
    let metadata = cargo()
        .args(["metadata", "--format-version", "1", "--locked", "--all-features", "--quiet"])
        .directory(root().join("crates/firmware"))
        .silent()
        .read()?;
    let metadata: Value = serde_json::from_str(&metadata).doing("read the output of cargo metadata")?;
    let packages = metadata.get("packages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let text = |package: &Value, key: &str| package.get(key).and_then(Value::as_str).map(str::to_owned);
    packages
        .iter()
        .find(|package| text(package, "name").as_deref() == Some(name))
        .and_then(|package| text(package, "manifest_path"))
        .and_then(|manifest| Path::new(&manifest).parent().map(Path::to_path_buf))
        .ok_or_else(|| Error::new(format!("the firmware does not depend on {name}")))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).doing(format!("read {}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).doing(format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_linker_script_begins_with_the_sections_that_upstream_misplaces() {
        let original = "#IF riscv\n.trap :\n#ENDIF\n.rwtext :\n{\n  _rwtext_start = .;\n  *(.rwtext)\n}\n";
        let script = linker_script(original).unwrap_or_else(|error| panic!("{error}"));
        assert!(script.starts_with(".rwtext :\n{\n  _rwtext_start = .;\n  . = ALIGN(4); *(.literal)\n"), "{script}");
        assert!(script.ends_with("  . = ALIGN(4);\n  *(.rwtext)\n}\n") && !script.contains(".trap"), "{script}");
        assert!(linker_script("another").is_err());
    }
}
