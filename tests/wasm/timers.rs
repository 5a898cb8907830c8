use std::rc::Rc;

use trubka::{Millis, core::io::Input, shell::timers::Timers};
use wasm_bindgen_test::wasm_bindgen_test;

use super::fakes::{FakePlatform, FakeTimers, Inputs, Patched, set_clock};

const NOW: Millis = Millis(1_700_000_000_000);

fn timers(platform: &FakePlatform, inputs: &Inputs) -> Rc<Timers> {
    set_clock(NOW.0 as f64);
    let report = inputs.reporter();
    Timers::new(platform.as_platform(), move || report(Input::Wake))
}

#[wasm_bindgen_test]
fn what_is_due_within_the_life_of_the_worker_has_a_timer_and_an_alarm_behind_it() {
    let _patched = Patched;
    let (clock, platform, inputs) = (FakeTimers::new(), FakePlatform::new(), Inputs::default());
    let timers = timers(&platform, &inputs);

    timers.wake_at(Some(NOW + Millis::secs(20)));
    timers.wake_at(Some(NOW + Millis::secs(10)));
    assert_eq!(clock.delays(), [10_000]);
    assert_eq!(platform.log(), ["wakeAt 1700000020000", "wakeAt 1700000010000"]);

    clock.fire();
    assert!(matches!(inputs.take_all().as_slice(), [Input::Wake]));

    timers.keep_alive(true);
    set_clock((NOW + Millis::secs(20)).0 as f64);
    clock.fire();
    assert_eq!(clock.delays(), [20_000], "the heartbeat alone: what has come due once does not come again");
}

#[wasm_bindgen_test]
fn what_is_past_is_due_now_and_what_is_revoked_is_not() {
    let _patched = Patched;
    let (clock, platform, inputs) = (FakeTimers::new(), FakePlatform::new(), Inputs::default());
    let timers = timers(&platform, &inputs);

    timers.wake_at(Some(NOW - Millis::mins(5)));
    assert_eq!(clock.delays(), [0]);
    timers.wake_at(None);
    assert!(clock.delays().is_empty());
    assert_eq!(platform.log().last().unwrap(), "wakeAt undefined");
}

#[wasm_bindgen_test]
fn what_is_due_later_is_left_to_the_alarm_until_the_heartbeat_brings_it_near() {
    let _patched = Patched;
    let (clock, platform, inputs) = (FakeTimers::new(), FakePlatform::new(), Inputs::default());
    let timers = timers(&platform, &inputs);

    timers.keep_alive(true);
    timers.wake_at(Some(NOW + Millis::secs(40)));
    assert_eq!(clock.delays(), [20_000], "the heartbeat alone");
    set_clock((NOW + Millis::secs(20)).0 as f64);
    clock.fire();
    assert_eq!(clock.delays(), [20_000, 20_000]);
    assert_eq!(platform.log(), ["keepAlive true", "wakeAt 1700000040000", "heartbeat"]);
    assert!(inputs.take_all().is_empty());
}

#[wasm_bindgen_test]
fn the_heart_beats_only_while_wanted() {
    let _patched = Patched;
    let (clock, platform, inputs) = (FakeTimers::new(), FakePlatform::new(), Inputs::default());
    let timers = timers(&platform, &inputs);

    timers.keep_alive(true);
    for beat in 1..=2 {
        set_clock((NOW + Millis::secs(20 * beat)).0 as f64);
        clock.fire();
    }
    timers.keep_alive(false);
    clock.fire();
    assert_eq!(platform.log(), ["keepAlive true", "heartbeat", "heartbeat", "keepAlive false"]);
    assert!(clock.delays().is_empty());
}

#[wasm_bindgen_test]
fn a_clock_that_was_set_or_a_sleep_wakes_the_core_and_says_the_alarms_anew() {
    let _patched = Patched;
    let (clock, platform, inputs) = (FakeTimers::new(), FakePlatform::new(), Inputs::default());
    let timers = timers(&platform, &inputs);
    let beat = |at: Millis| {
        set_clock(at.0 as f64);
        clock.fire();
        (inputs.take_all().len(), platform.log().iter().filter(|line| *line == "keepAlive true").count())
    };

    timers.keep_alive(true);
    assert_eq!(beat(NOW + Millis::secs(20)), (0, 1));
    let set_back = NOW - Millis::mins(60);
    assert_eq!(beat(set_back), (1, 2));
    assert_eq!(beat(set_back + Millis::secs(20)), (0, 2));
    assert_eq!(beat(set_back + Millis::secs(30)), (1, 3), "set back by ten seconds");
    assert_eq!(beat(set_back + Millis::mins(8)), (1, 4), "slept");
}

#[wasm_bindgen_test]
fn what_is_due_within_reach_of_the_clock_set_back_is_waited_for_by_the_clock() {
    let _patched = Patched;
    let (clock, platform, inputs) = (FakeTimers::new(), FakePlatform::new(), Inputs::default());
    let timers = timers(&platform, &inputs);

    timers.keep_alive(true);
    timers.wake_at(Some(NOW + Millis::secs(40)));
    set_clock((NOW + Millis::secs(19)).0 as f64);
    clock.fire();
    assert_eq!(clock.delays(), [21_000, 20_000]);
}
