//! Joining the record's network, and joining it again.

use alloc::string::ToString;

use device::Record;
use embassy_time::Timer;
use esp_hal::peripherals::WIFI;
use esp_radio::wifi::scan::ScanConfig;
use esp_radio::wifi::sta::StationConfig;
use esp_radio::wifi::{
    AuthenticationMethod, AuthenticationMethodConfig, Config, ConnectionError, ControllerConfig, DisconnectReason,
    Ssid, WifiController, WifiError,
};

use crate::log::log;

/// Between two attempts, in seconds.
const PAUSE: u64 = 5;

/// A radio that was told which network to join.
pub(crate) struct Station {
    controller: WifiController<'static>,
    ssid: &'static str,
    open: bool,
}

impl Station {
    /// Takes the radio and the network's name and password.
    pub(crate) fn new(wifi: WIFI<'static>, record: &'static Record) -> Result<Self, WifiError> {
        let (ssid, password) = (record.wifi_ssid(), record.wifi_password());
        let authentication = if password.is_empty() {
            AuthenticationMethodConfig::Open
        } else {
            AuthenticationMethodConfig::Wpa2Personal(password.expose().try_into()?)
        };
        let station = StationConfig::default().with_ssid(ssid.try_into()?).with_authentication(authentication);
        let mut controller = WifiController::new(wifi, ControllerConfig::default())?;
        controller.set_config(&Config::Station(station))?;
        Ok(Self { controller, ssid, open: password.is_empty() })
    }

    /// Keeps this device in the network, for ever.
    pub(crate) async fn keep(mut self) -> ! {
        loop {
            self.look().await;
            log!("wifi: joining {}", self.ssid);
            match self.controller.connect_async().await {
                Ok(joined) => {
                    log!("wifi: in {} on channel {}", self.ssid, joined.channel);
                    match self.controller.wait_for_disconnect_async().await {
                        Ok(left) => log!("wifi: out of {}: {}", self.ssid, reason(left.reason)),
                        Err(error) => log!("wifi: out of {}: {error:?}", self.ssid),
                    }
                }
                Err(ConnectionError::Failed(refused)) => log!("wifi: not in {}: {}", self.ssid, reason(refused.reason)),
                Err(error) => log!("wifi: not in {}: {error:?}", self.ssid),
            }
            Timer::after_secs(PAUSE).await;
        }
    }

    /// Says what the network takes, where the radio can see it. A hidden one is joined all the same.
    async fn look(&mut self) {
        let Ok(ssid) = Ssid::try_from(self.ssid) else { return };
        let scan = ScanConfig::default().with_max(8).with_ssid(ssid);
        let seen = match self.controller.scan_async(&scan).await {
            Ok(seen) => seen,
            Err(error) => return log!("wifi: cannot look for {}: {error:?}", self.ssid),
        };
        // The nearest one is the one that is joined.
        let Some(nearest) = seen.iter().max_by_key(|seen| seen.signal_strength) else {
            return log!("wifi: {} is not to be seen: is it near, on 2.4 GHz, and not hidden?", self.ssid);
        };
        let (name, strength) = (self.ssid, nearest.signal_strength);
        match nearest.auth_method {
            Some(AuthenticationMethod::Wpa3Personal | AuthenticationMethod::Wpa3ExtPsk) => {
                log!("wifi: {name} takes WPA3 alone, which this firmware cannot do: allow WPA2 beside it");
            }
            Some(AuthenticationMethod::None) if !self.open => {
                log!("wifi: {name} is open, and the record has a password for it: joining it would be unsafe");
            }
            Some(AuthenticationMethod::None) | None => log!("wifi: {name} is there, {strength} dBm"),
            Some(method) if self.open => log!("wifi: {name} asks for a password ({method:?}), and the record has none"),
            Some(method) => log!("wifi: {name} is there, {strength} dBm, {method:?}"),
        }
    }
}

/// Why the network let this device go, or did not let it in.
fn reason(reason: DisconnectReason) -> alloc::string::String {
    match reason {
        DisconnectReason::FourWayHandshakeTimeout
        | DisconnectReason::HandshakeTimeout
        | DisconnectReason::AuthenticationFailed
        | DisconnectReason::MicFailure => "the password is probably wrong".to_string(),
        DisconnectReason::NoAccessPointFound => "it is not to be found".to_string(),
        DisconnectReason::NoAccessPointFoundWithCompatibleSecurity
        | DisconnectReason::NoAccessPointFoundInAuthmodeThreshold => {
            "it takes neither WPA2 nor, without a password, anyone".to_string()
        }
        DisconnectReason::BeaconTimeout => "it is not to be heard any more".to_string(),
        other => alloc::format!("{other:?}"),
    }
}
