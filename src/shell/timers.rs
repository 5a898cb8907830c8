//! The core's one wake-up, and what keeps the worker alive.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use gloo_timers::callback::{Interval, Timeout};

use super::{browser, platform::Platform};
use crate::Millis;

/// How long a worker surely lives without a sign of life: what is due later is left to the alarm.
const LIFE: Millis = Millis::secs(25);

/// Both browsers stop a background that has been idle for 30 s.
const HEARTBEAT: Millis = Millis::secs(20);

/// A heartbeat that is off by more, by the computer's clock, tells that the clock was set or that the computer slept.
const DRIFT: Millis = Millis::secs(5);

/// The timers of one life of the worker.
pub struct Timers {
    platform: Platform,
    wake: Box<dyn Fn()>,
    due: Cell<Option<Millis>>,
    timeout: RefCell<Option<Timeout>>,
    heartbeat: RefCell<Option<Interval>>,
    last_beat: Cell<Millis>,
}

impl Timers {
    /// No timer runs yet; `wake` is called whenever the moment has come.
    pub fn new(platform: Platform, wake: impl Fn() + 'static) -> Rc<Self> {
        Rc::new(Self {
            platform,
            wake: Box::new(wake),
            due: Cell::default(),
            timeout: RefCell::default(),
            heartbeat: RefCell::default(),
            last_beat: Cell::new(browser::now()),
        })
    }

    /// Replaces the moment to wake at. An alarm stands behind the timer: it also rings where the worker dies first.
    pub fn wake_at(self: &Rc<Self>, moment: Option<Millis>) {
        self.due.set(moment);
        self.platform.wake_at(moment.map(|Millis(moment)| moment as f64));
        self.arm();
    }

    /// Keeps the worker alive and has it brought back when it dies, or lets it go.
    pub fn keep_alive(self: &Rc<Self>, on: bool) {
        self.platform.keep_alive(on);
        self.last_beat.set(browser::now());
        let heartbeat = on.then(|| {
            let timers = Rc::downgrade(self);
            Interval::new(HEARTBEAT.0 as u32, move || {
                if let Some(timers) = timers.upgrade() {
                    timers.beat();
                }
            })
        });
        self.heartbeat.replace(heartbeat);
    }

    /// Timers count time as it passes; alarms and due moments go by the clock: where that was set, they are said anew.
    fn beat(self: &Rc<Self>) {
        if browser::panicked() {
            return;
        }
        self.platform.heartbeat();
        let now = browser::now();
        let drift = now - self.last_beat.replace(now) - HEARTBEAT;
        if drift.0.abs() > DRIFT.0 {
            self.platform.keep_alive(true);
            (self.wake)();
        }
        self.arm();
    }

    /// Starts the timer if the moment is within the worker's life.
    fn arm(self: &Rc<Self>) {
        let timeout = self.due.get().map(|due| due - browser::now()).filter(|wait| *wait <= LIFE).map(|wait| {
            let timers = Rc::downgrade(self);
            Timeout::new(u32::try_from(wait.0).unwrap_or(0), move || {
                if let Some(timers) = timers.upgrade() {
                    timers.due.set(None);
                    (timers.wake)();
                }
            })
        });
        self.timeout.replace(timeout);
    }
}
