//! CAs as people bring them: made with openssl, of any dates.

use std::path::PathBuf;

use tbpki_tests::Sandbox;
use tbpki_tests::oracle::openssl;

/// The extensions of a CA's certificate.
pub(crate) const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n";
/// The extensions of a leaf.
pub(crate) const LEAF: &str = "basicConstraints=critical,CA:FALSE\n";
/// The best years.
pub(crate) const NOW: [&str; 2] = ["20200101000000Z", "20991231235959Z"];
/// The years that were.
pub(crate) const PAST: [&str; 2] = ["20150101000000Z", "20200101000000Z"];
/// The years to come.
pub(crate) const FUTURE: [&str; 2] = ["20900101000000Z", "20991231235959Z"];

/// Makes `NAME.pem` and `NAME.key` in the sandbox, signed by `issuer` of the same sandbox or by itself.
#[track_caller]
pub(crate) fn certificate(sandbox: &Sandbox, name: &str, issuer: Option<&str>, extensions: &str, dates: [&str; 2]) {
    let path = |file: String| -> PathBuf { sandbox.join(file) };
    // `openssl ca` and not `x509`, which in OpenSSL 3.0 takes days from now and no dates. It needs a database.
    let scratch = tempfile::tempdir().unwrap();
    let config = scratch.path().join("config");
    let text = format!(
        "[ca]\ndefault_ca=it\n[it]\ndatabase={0}/index\nnew_certs_dir={0}\nrand_serial=yes\ndefault_md=sha256\n\
         policy=any\nx509_extensions=extensions\n[any]\ncommonName=supplied\n\
         [extensions]\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n{extensions}",
        scratch.path().display()
    );
    std::fs::write(&config, text).unwrap();
    std::fs::write(scratch.path().join("index"), "").unwrap();
    let request = scratch.path().join("request");
    openssl()
        .args(["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
        .args(["-subj", &format!("/CN={name}"), "-keyout"])
        .arg(path(format!("{name}.key")))
        .arg("-out")
        .arg(&request)
        .run()
        .ok();
    let signer = match issuer {
        None => openssl().args(["ca", "-selfsign"]),
        Some(issuer) => openssl().args(["ca", "-cert"]).arg(path(format!("{issuer}.pem"))),
    };
    signer
        .args(["-batch", "-notext", "-startdate", dates[0], "-enddate", dates[1], "-keyfile"])
        .arg(path(format!("{}.key", issuer.unwrap_or(name))))
        .arg("-config")
        .arg(&config)
        .arg("-in")
        .arg(&request)
        .arg("-out")
        .arg(path(format!("{name}.pem")))
        .run()
        .ok();
}
