//! Descriptions of an image for flashing programs: esptool's arguments, ESP-IDF's JSON, esp-web-tools' manifest.

use base::file::Mode;
use base::{Code, Result};
use serde_json::{Map, Value, json};

use super::{APPLICATION, BOOTLOADER, Image, PARTITION_TABLE};

/// The options of a manifest.
#[derive(Debug, Clone, Copy)]
pub struct Manifest<'a> {
    /// The name that the web page shows.
    pub name: &'a str,
    /// Whether private parts are listed as well. A web server makes them public.
    pub with_credentials: bool,
}

/// Arguments for `esptool write-flash` and `esptool merge-bin`, to be given as `@flash_args`.
pub fn flash_args(image: &Image<'_>) -> String {
    let facts = image.firmware().board().chip.facts();
    // Every esptool since version 2 accepts the short forms.
    let mut text =
        format!("-fm {} -ff {} -fs {}\n", facts.flash_mode, facts.flash_frequency, image.firmware().board().flash_size);
    for part in image.parts() {
        text.push_str(&format!("{:#x} {}\n", part.offset, part.file));
    }
    text
}

/// The `flasher_args.json` of ESP-IDF's build.
///
/// # Errors
/// [`Code::Internal`] if JSON cannot be written.
pub fn flasher_args(image: &Image<'_>) -> Result<String> {
    let board = image.firmware().board();
    let facts = board.chip.facts();
    let size = board.flash_size.to_string();
    let files: Map<String, Value> =
        image.parts().iter().map(|part| (format!("{:#x}", part.offset), part.file.into())).collect();
    let mut text = json!({
        "write_flash_args": [
            "--flash_mode", facts.flash_mode, "--flash_size", size, "--flash_freq", facts.flash_frequency,
        ],
        "flash_settings": {
            "flash_mode": facts.flash_mode, "flash_size": size, "flash_freq": facts.flash_frequency,
        },
        "flash_files": files,
        "extra_esptool_args": {
            "after": "hard_reset", "before": "default_reset", "stub": true, "chip": facts.name,
        },
    });
    if let Value::Object(object) = &mut text {
        for (name, file) in [("bootloader", BOOTLOADER), ("partition-table", PARTITION_TABLE), ("app", APPLICATION)] {
            if let Some(part) = image.parts().iter().find(|part| part.file == file) {
                let offset = format!("{:#x}", part.offset);
                object.insert(name.to_owned(), json!({"offset": offset, "file": file, "encrypted": "false"}));
            }
        }
    }
    pretty(&text)
}

/// A manifest for esp-web-tools.
///
/// # Errors
/// [`Code::Internal`] if JSON cannot be written.
pub fn manifest(image: &Image<'_>, wanted: Manifest<'_>) -> Result<String> {
    let parts: Vec<Value> = image
        .parts()
        .iter()
        .filter(|part| wanted.with_credentials || part.mode == Mode::Public)
        .map(|part| json!({"path": part.file, "offset": part.offset}))
        .collect();
    pretty(&json!({
        "name": wanted.name,
        "version": env!("CARGO_PKG_VERSION"),
        "new_install_prompt_erase": false,
        "builds": [{"chipFamily": image.firmware().board().chip.facts().label, "parts": parts}],
    }))
}

fn pretty(value: &Value) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Code::Internal.error("JSON cannot be written").because(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::application::Application;
    use crate::chip::Chip;
    use crate::image::{Firmware, tests::board};
    use testkit::application::Sample;

    #[test]
    fn a_manifest_lists_secrets_only_when_asked() {
        let application = Application::read(Sample::new(Chip::Esp32C3.name()).elf(), Chip::Esp32C3).unwrap();
        let firmware = Firmware::new(&application, board(Chip::Esp32C3)).unwrap();
        let credentials = vec![0xFF; 0x6000];
        let image = Image::new(&firmware, &credentials, None, None).unwrap();
        let public = manifest(&image, Manifest { name: "pumps", with_credentials: false }).unwrap();
        assert!(public.contains(APPLICATION) && !public.contains("credentials"), "{public}");
        let all = manifest(&image, Manifest { name: "pumps", with_credentials: true }).unwrap();
        assert!(all.contains("credentials.bin"));
        assert_eq!(
            flash_args(&image),
            "-fm dio -ff 40m -fs 4MB\n0x0 bootloader.bin\n0x8000 partition-table.bin\n0x9000 credentials.bin\n\
             0x10000 application.bin\n"
        );
        let json: Value = serde_json::from_str(&flasher_args(&image).unwrap()).unwrap();
        assert_eq!(json["flash_files"]["0x9000"], "credentials.bin");
        assert_eq!(json["app"]["offset"], "0x10000");
        let shared = Image::without_credentials(&firmware);
        assert_eq!(flash_args(&shared), flash_args(&image).replace("0x9000 credentials.bin\n", ""));
    }
}
