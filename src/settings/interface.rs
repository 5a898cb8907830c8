//! How calls make themselves noticed on this computer.

use super::section::Section;
use crate::problem::Code;

/// How loud the ring is unless it is set, in percent.
const VOLUME: u8 = 60;

/// What people see and hear of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interface {
    /// Whether calls have a card on the pages of the sites.
    pub card: bool,
    /// What the browser says of an incoming call when none of those pages is in sight.
    pub notifications: Notifications,
    /// Whether an incoming call rings in the browser.
    pub ring: bool,
    /// How loud, in percent.
    pub volume: u8,
}

/// What the browser's notifications say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Notifications {
    /// There are none: the browser asks the user before an extension may show any.
    #[default]
    Off,
    /// That somebody calls, for screens that others see.
    Unnamed,
    /// Who calls.
    Named,
}

impl Notifications {
    fn read(name: &str) -> Option<Self> {
        match name {
            "off" => Some(Self::Off),
            "unnamed" => Some(Self::Unnamed),
            "named" => Some(Self::Named),
            _ => None,
        }
    }
}

impl Default for Interface {
    fn default() -> Self {
        Self { card: true, notifications: Notifications::default(), ring: false, volume: VOLUME }
    }
}

pub(super) fn read(section: &mut Section<'_, '_>) -> Interface {
    let usual = Interface::default();
    let notifications = section.optional("notifications", |name| Notifications::read(name).is_some());
    let volume = section.count("volume").and_then(|volume| {
        let volume = u8::try_from(volume).ok().filter(|volume| *volume <= 100);
        if volume.is_none() {
            section.problem(Code::SettingsWrongValue, "volume");
        }
        volume
    });
    Interface {
        card: section.flag("card").unwrap_or(usual.card),
        notifications: notifications.as_deref().and_then(Notifications::read).unwrap_or(usual.notifications),
        ring: section.flag("ring").unwrap_or(usual.ring),
        volume: volume.unwrap_or(usual.volume),
    }
}
