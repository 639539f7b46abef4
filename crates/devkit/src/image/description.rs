//! Descriptions of an image for flashing programs: esptool's arguments, ESP-IDF's JSON, esp-web-tools' manifest.

use base::file::Mode;
use base::{Code, Result};
use serde_json::{Map, Value, json};

use super::{APPLICATION, BOOTLOADER, Board, Image, OTA_DATA, PARTITION_TABLE};

/// The options of a manifest.
#[derive(Debug, Clone, Copy)]
pub struct Manifest<'a> {
    /// The name that the web page shows.
    pub name: &'a str,
    /// True if private parts are listed as well. A web server makes them public.
    pub with_credentials: bool,
}

/// The flash settings that esptool writes into the header of the bootloader.
struct FlashHeader {
    mode: &'static str,
    frequency: &'static str,
    size: String,
}

impl FlashHeader {
    /// The settings of a board. The bootloader of a project keeps its own: a change would make its signature invalid.
    fn of(board: &Board) -> Self {
        let facts = board.chip.facts();
        match board.bootloader {
            // The project has set them itself, and a signed bootloader must not be changed.
            Some(_) => Self { mode: "keep", frequency: "keep", size: "keep".to_owned() },
            None => {
                Self { mode: facts.flash_mode, frequency: facts.flash_frequency, size: board.flash_size.to_string() }
            }
        }
    }
}

/// Arguments for `esptool write-flash` and `esptool merge-bin`, to be given as `@flash_args`.
pub fn flash_args(image: &Image<'_>) -> String {
    let FlashHeader { mode, frequency, size } = FlashHeader::of(image.firmware().board());
    // Every esptool since version 2 accepts the short forms.
    let mut text = format!("-fm {mode} -ff {frequency} -fs {size}\n");
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
    let FlashHeader { mode, frequency, size } = FlashHeader::of(board);
    let files: Map<String, Value> =
        image.parts().iter().map(|part| (format!("{:#x}", part.offset), part.file.into())).collect();
    let mut text = json!({
        "write_flash_args": [
            "--flash_mode", mode, "--flash_size", size, "--flash_freq", frequency,
        ],
        "flash_settings": {
            "flash_mode": mode, "flash_size": size, "flash_freq": frequency,
        },
        "flash_files": files,
        "extra_esptool_args": {
            "after": "hard_reset", "before": "default_reset", "stub": true, "chip": board.chip.name(),
        },
    });
    if let Value::Object(object) = &mut text {
        let named = [
            ("bootloader", BOOTLOADER),
            ("partition-table", PARTITION_TABLE),
            ("otadata", OTA_DATA),
            ("app", APPLICATION),
        ];
        for (name, file) in named {
            if let Some(part) = image.parts().iter().find(|part| part.file == file) {
                let offset = format!("{:#x}", part.offset);
                // "false" is a text in the files of ESP-IDF too.
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
        // No offer to erase: a manifest often leaves the credentials out, and they would be lost.
        "new_install_prompt_erase": false,
        "builds": [{"chipFamily": image.firmware().board().chip.facts().label, "parts": parts}],
    }))
}

fn pretty(value: &Value) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(|error| Code::Internal.error("JSON cannot be written").caused_by(error))
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
