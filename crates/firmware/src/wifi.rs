//! The Wi-Fi station, which joins the record's network and rejoins it.

use alloc::string::ToString;

use device::Record;
use device::session::{JoinAttempts, SessionSettings};
use embassy_time::{Instant, Timer};
use esp_hal::peripherals::WIFI;
use esp_hal::rng::Rng;
use esp_radio::wifi::scan::ScanConfig;
use esp_radio::wifi::sta::StationConfig;
use esp_radio::wifi::{
    AuthenticationMethod, AuthenticationMethodConfig, Config, ConnectionError, ControllerConfig, DisconnectReason,
    Ssid, WifiController, WifiError,
};

use crate::log::log;

/// A radio with the network that it joins.
pub(crate) struct Station {
    controller: WifiController<'static>,
    ssid: &'static str,
    open: bool,
    joining: JoinAttempts,
}

impl Station {
    /// Configures the radio for the record's network.
    pub(crate) fn new(
        wifi: WIFI<'static>,
        record: &'static Record,
        settings: &SessionSettings,
    ) -> Result<Self, WifiError> {
        let (ssid, password) = (record.wifi_ssid(), record.wifi_password());
        let authentication = if password.is_empty() {
            AuthenticationMethodConfig::Open
        } else {
            // esp-radio 1.0.0-beta.1 does not support WPA3.
            AuthenticationMethodConfig::Wpa2Personal(password.expose().try_into()?)
        };
        let station = StationConfig::default().with_ssid(ssid.try_into()?).with_authentication(authentication);
        let mut controller = WifiController::new(wifi, ControllerConfig::default())?;
        controller.set_config(&Config::Station(station))?;
        Ok(Self { controller, ssid, open: password.is_empty(), joining: JoinAttempts::new(settings) })
    }

    /// Keeps the device in the network. Never returns.
    pub(crate) async fn keep(mut self) -> ! {
        loop {
            self.look().await;
            log!("wifi: joining {}", self.ssid);
            match self.controller.connect_async().await {
                Ok(joined) => {
                    log!("wifi: joined {} on channel {}", self.ssid, joined.channel);
                    let since = Instant::now();
                    match self.controller.wait_for_disconnect_async().await {
                        Ok(left) => log!("wifi: lost {}: {}", self.ssid, reason(left.reason)),
                        Err(error) => log!("wifi: lost {}: {error:?}", self.ssid),
                    }
                    self.joining.left_after(since.elapsed().as_millis());
                }
                Err(ConnectionError::Failed(refused)) => {
                    log!("wifi: cannot join {}: {}", self.ssid, reason(refused.reason))
                }
                Err(error) => log!("wifi: cannot join {}: {error:?}", self.ssid),
            }
            Timer::after_millis(self.joining.pause(Rng::new().random())).await;
        }
    }

    /// Logs the security of the network if the radio sees it. A hidden network is joined without.
    async fn look(&mut self) {
        let Ok(ssid) = Ssid::try_from(self.ssid) else { return };
        let scan = ScanConfig::default().with_max(8).with_ssid(ssid);
        let seen = match self.controller.scan_async(&scan).await {
            Ok(seen) => seen,
            Err(error) => return log!("wifi: cannot scan for {}: {error:?}", self.ssid),
        };
        // The radio joins the access point with the strongest signal.
        let Some(nearest) = seen.iter().max_by_key(|seen| seen.signal_strength) else {
            if self.joining.is_missing() {
                log!(
                    "wifi: {} not found: check the distance, that it uses 2.4 GHz, and that it is not hidden",
                    self.ssid
                );
            }
            return;
        };
        self.joining.found();
        let (name, strength) = (self.ssid, nearest.signal_strength);
        match nearest.auth_method {
            Some(AuthenticationMethod::Wpa3Personal | AuthenticationMethod::Wpa3ExtPsk) => {
                log!("wifi: {name} requires WPA3, which this firmware does not support: also allow WPA2");
            }
            Some(AuthenticationMethod::None) if !self.open => {
                log!("wifi: {name} is open, but the record has a password: joining it would be unsafe");
            }
            Some(AuthenticationMethod::None) | None => log!("wifi: {name} found, {strength} dBm"),
            Some(method) if self.open => log!("wifi: {name} requires a password ({method:?}), but the record has none"),
            Some(method) => log!("wifi: {name} found, {strength} dBm, {method:?}"),
        }
    }
}

/// The text for a disconnect reason (IEEE 802.11, section 9.4.1.7, and Espressif's own).
fn reason(reason: DisconnectReason) -> alloc::string::String {
    match reason {
        DisconnectReason::FourWayHandshakeTimeout
        | DisconnectReason::HandshakeTimeout
        | DisconnectReason::AuthenticationFailed
        | DisconnectReason::MicFailure => "the password is probably wrong".to_string(),
        DisconnectReason::NoAccessPointFound => "it was not found".to_string(),
        DisconnectReason::NoAccessPointFoundWithCompatibleSecurity
        | DisconnectReason::NoAccessPointFoundInAuthmodeThreshold => {
            "it accepts neither WPA2 nor, without a password, open stations".to_string()
        }
        DisconnectReason::BeaconTimeout => "its signal was lost".to_string(),
        other => alloc::format!("{other:?}"),
    }
}
