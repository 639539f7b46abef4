//! The commands that replace the certificates below a generation of a CA.

use base::text::counted;
use ledger::Dependents;
use store::ca::{Ca, Hierarchy};

/// The commands that renew certificates below a CA, and those that put their renewals into use, for the help of an error.
pub fn renewal_commands(ca: &Ca, dependents: &Dependents) -> String {
    let Dependents { count, of_jobs, renewed } = *dependents;
    let mut commands = Vec::new();
    match ca.hierarchy() {
        Hierarchy::Server => commands.push("`tbpki renew --server NAME`, or `tbpki renew --all` for all".to_owned()),
        Hierarchy::Devices => {
            // Those that are renewed already need another command, and a further renewal would replace the waiting one.
            if count > of_jobs && count > renewed {
                commands.push("`tbpki renew NAME`, or `tbpki renew --all` for all".to_owned());
            }
            if of_jobs > 0 && count > renewed {
                commands.push("`tbpki fleet renew --job N --out DIR` for devices of a job".to_owned());
            }
        }
    }
    if renewed > 0 {
        let waiting = counted(renewed, "renewal is pending", "renewals are pending");
        let of_job = if of_jobs > 0 { ", or `tbpki register --pending --job N` for devices of a job" } else { "" };
        commands.push(format!("{waiting}: once the devices have them, `tbpki register --pending NAME`{of_job}"));
    }
    commands.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_those_for_the_certificates_below_the_ca() {
        let of = |ca: Ca, count, of_jobs, renewed| renewal_commands(&ca, &Dependents { count, of_jobs, renewed });
        let server = of(Ca::ServerIssuing, 2, 0, 0);
        assert_eq!(server, "`tbpki renew --server NAME`, or `tbpki renew --all` for all");
        assert_eq!(of(Ca::DevicesIssuing, 2, 0, 0), "`tbpki renew NAME`, or `tbpki renew --all` for all");
        let fleet = "`tbpki fleet renew --job N --out DIR` for devices of a job";
        assert_eq!(of(Ca::DevicesIssuing, 2, 2, 0), fleet);
        assert!(of(Ca::DevicesIssuing, 2, 1, 0).ends_with(fleet));
        let waiting = of(Ca::DevicesIssuing, 1, 0, 1);
        assert_eq!(waiting, "1 renewal is pending: once the devices have them, `tbpki register --pending NAME`");
        let both = of(Ca::DevicesIssuing, 3, 3, 2);
        assert!(both.starts_with(fleet) && both.contains("2 renewals are pending"), "{both}");
        assert!(both.ends_with("or `tbpki register --pending --job N` for devices of a job"), "{both}");
    }
}
