//! PEM as it travels: line ends, encodings, quotation marks, text around it, and texts that are something else.

use crate::{imported, refused, run, with_root};

#[test]
fn line_ends_marks_and_text_around_do_no_harm() {
    let sandbox = with_root();
    let pem = sandbox.text("root.pem");
    sandbox.write("crlf.pem", pem.replace('\n', "\r\n"));
    sandbox.write("cr.pem", pem.replace('\n', "\r"));
    // Notepad and other editors of Windows put this mark before UTF-8.
    sandbox.write("bom.pem", format!("\u{feff}{pem}"));
    sandbox.write("around.pem", format!("Bag Attributes\n    friendlyName: x\nsubject=/CN=x\n{pem}and more\n"));
    sandbox.write("commented.pem", format!("# -----BEGIN CERTIFICATE-----\n# old\n# -----END CERTIFICATE-----\n{pem}"));
    // Behind the certificate, in the same DER, OpenSSL appends what it is trusted for.
    run(&sandbox, &["x509", "-in", "root.pem", "-trustout", "-addtrust", "clientAuth", "-out", "trusted.pem"]);
    run(&sandbox, &["x509", "-in", "root.pem", "-text", "-out", "text.pem"]);
    for file in ["crlf.pem", "cr.pem", "bom.pem", "around.pem", "commented.pem", "trusted.pem", "text.pem", "root.der"]
    {
        imported(&sandbox, &[file, "root.key"], &[]);
        sandbox.ok(["verify", file, "--anchors", "root.pem"]).prints("the chain verifies");
    }
}

#[test]
fn texts_that_no_reader_takes_are_named() {
    let sandbox = with_root();
    let pem = sandbox.text("root.pem");
    let utf16 = |order: fn(u16) -> [u8; 2]| pem.encode_utf16().flat_map(order).collect::<Vec<u8>>();
    // What `>` writes in Windows PowerShell.
    sandbox.write("utf16.pem", [&b"\xff\xfe"[..], &utf16(u16::to_le_bytes)].concat());
    sandbox.write("utf16-be.pem", [&b"\xfe\xff"[..], &utf16(u16::to_be_bytes)].concat());
    sandbox.write("utf16-no-mark.pem", utf16(u16::to_le_bytes));
    let quoted: String = pem.lines().map(|line| format!("  \"{line}\\n\"\n")).collect();
    sandbox.write("source.h", format!("static const char CA[] =\n{quoted};\n"));
    sandbox.write("python.py", format!("CA = '{}'\n", pem.replace('\n', "\\n")));
    sandbox.write("object.json", serde_json::json!({ "ca": pem }).to_string());
    // As a certificate looks that was copied out of JSON.
    sandbox.write("escaped.pem", pem.replace('\n', "\\n"));
    sandbox.write("mail.txt", pem.lines().map(|line| format!("> {line}\n")).collect::<String>());
    sandbox.write("dashes.pem", pem.replace("-----", "----"));
    sandbox.write("bare.txt", pem.lines().filter(|line| !line.contains("CERTIFICATE")).collect::<Vec<_>>().join("\n"));
    sandbox.write("page.html", "<!DOCTYPE html><html></html>");
    sandbox.write(
        "key.asc",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQOYBGY=\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----\n",
    );
    sandbox.write("archive.zip", b"PK\x03\x04\x14\0\0\0");
    for (file, words) in [
        ("utf16.pem", &["UTF-16", "Set-Content -Encoding ascii"][..]),
        ("utf16-be.pem", &["UTF-16"]),
        ("utf16-no-mark.pem", &["UTF-16"]),
        ("source.h", &["quotation marks"]),
        ("python.py", &["quotation marks"]),
        ("object.json", &["\\n in place of line ends", "printf"]),
        ("escaped.pem", &["\\n in place of line ends", "printf"]),
        ("mail.txt", &["start of a line"]),
        ("dashes.pem", &["five dashes"]),
        ("bare.txt", &["without the lines BEGIN and END", "base64 -d"]),
        ("page.html", &["web page"]),
        ("key.asc", &["PGP"]),
        ("archive.zip", &["ZIP"]),
    ] {
        refused(&sandbox, &[file, "root.key"], &[], 78, words);
        let outcome = sandbox.tbpki(["inspect", file]).run().ends(1);
        crate::has_error(&outcome, 78, words);
    }
    sandbox.write("empty", "");
    refused(&sandbox, &["empty", "root.key"], &[], 40, &["the file is empty"]);
}

/// The report of a parser is put into messages in words.
#[test]
fn damage_is_reported_without_words_of_a_library() {
    let sandbox = with_root();
    let der = sandbox.read("root.der");
    for length in [1, 5, 40, 100, der.len() / 2, der.len() - 1] {
        sandbox.write("torn.der", &der[..length]);
        refused(&sandbox, &["torn.der", "root.key"], &[], 40, &["torn.der"]);
    }
    let mut behind = der.clone();
    behind.push(b'x');
    sandbox.write("behind.der", behind);
    refused(&sandbox, &["behind.der", "root.key"], &[], 40, &["behind.der", "1 octet follows its end"]);
    // Tags, lengths and values in turn. Some of these changes leave a certificate that is still read; its text counts
    // then.
    for position in [4, 8, 13, 30, 60, der.len() - 80] {
        let mut changed = der.clone();
        changed[position] ^= 0x5f;
        sandbox.write("changed.der", changed);
        let outcome = sandbox.tbpki(["inspect", "changed.der"]).run();
        crate::is_plain(&outcome.stderr_text());
        crate::is_plain(&outcome.stdout_text());
    }
}
