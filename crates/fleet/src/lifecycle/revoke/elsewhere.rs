//! Steps of revocations at platforms that are not configured: only a command with their URL takes them.

use ledger::{Kind, OpenRevocation, OpenStep};
use store::ca::Ca;

/// Whether a step is about a platform that is not in focus. The files of servers, which a revoked CA must leave, are at no
/// platform.
pub(super) fn is_at_other_platform(open: &OpenRevocation) -> bool {
    let is_of_platform =
        open.key.kind != Kind::Ca || Ca::named(&open.key.name).is_some_and(|ca| matches!(ca, Ca::Profile(_)));
    open.step == OpenStep::Platform && open.is_elsewhere && is_of_platform
}
