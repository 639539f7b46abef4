//! What a ThingsBoard server makes of the files of its identity and of the lines that name them.
//!
//! The rules are those of its loaders (PemSslCredentials, KeystoreSslCredentials), which differ from what other servers
//! do: encrypted PKCS#8 is passed over, the chain has to be in order, one password opens a whole PKCS#12.

mod container_settings;
mod load;
mod settings;

pub use load::{LoadedCredentials, Source, load};
pub use settings::{CredentialsType, FoundSettings, MqttSettings};
