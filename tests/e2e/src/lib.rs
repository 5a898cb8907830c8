//! Trubka in a real browser against the sandbox: what the tests and the tour share.
//!
//! A [`Stage`] is one sandbox and one browser with the extension from `dist/` loaded. The browser reaches the sandbox under the
//! real host names and over TLS, so that the shipped manifest's permissions are what is tried.

mod axe;
mod browser;
mod cdp;
mod chrome;
mod control;
mod day;
mod driver;
mod pages;
mod processes;
mod relay;
mod soak;
mod stage;
mod unwatched;
mod wait;

pub use browser::{Appearance, Browser, BrowserKind, Tab, User};
pub use cdp::Cdp;
pub use chrome::{IconPopup, Policy};
pub use control::{Answer, Communication, Control, Entry, Ringing, Verdict};
pub use day::{Script, clear, weather};
pub use pages::{CallButton, Calling, CrmPage, Options, Popup};
pub use processes::memory;
pub use relay::{Relay, RelaySettings};
pub use soak::{Soak, soak};
pub use stage::{SETTINGS, Stage, root};
pub use unwatched::{Chromium, Unwatched};
pub use wait::{PATIENCE, until};
