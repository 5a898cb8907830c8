//! `trubka-relay sync`: a run that a person starts and watches.

use std::{io::Write, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use time::{Date, PrimitiveDateTime, Time, macros::format_description};
use trubka::Millis;

use super::{Pace, Stopped, Summary, Sync};
use crate::{clock::now, words};

/// No person waits longer.
const DEADLINE: Duration = Duration::from_secs(24 * 60 * 60);

/// Since when the history is to be read: a moment (`2026-11-28T18:00:00+03:00`), a day (`2026-11-28`, from its beginning in UTC), or so
/// long ago (`90m`, `12h`, `3d`).
///
/// # Errors
/// What can be written.
pub fn since(text: &str) -> Result<Millis, String> {
    let day = || {
        let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok()?;
        Some(Millis::secs(PrimitiveDateTime::new(date, Time::MIDNIGHT).assume_utc().unix_timestamp()))
    };
    let ago = || {
        let number: i64 =
            text.get(..text.len().checked_sub(1)?)?.parse().ok().filter(|number| (1..=10_000).contains(number))?;
        let span = match text.chars().last()? {
            'm' => Millis::mins(number),
            'h' => Millis::hours(number),
            'd' => Millis::hours(number * 24),
            _ => return None,
        };
        Some(now() - span)
    };
    let moment = Millis::from_rfc3339(text).or_else(day).or_else(ago).filter(|moment| *moment > Millis(0));
    moment.ok_or_else(|| "write 90m, 12h, 3d, 2026-11-28 or 2026-11-28T18:00:00+03:00".to_owned())
}

/// Runs with a progress bar, where there is a terminal, and says at the end what was done; whether all went well.
///
/// # Errors
/// The terminal is gone.
pub async fn by_hand(sync: Sync, since: Millis, out: &mut impl Write) -> std::io::Result<bool> {
    let pace = Pace { deadline: DEADLINE, ..Pace::default() };
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}") {
        bar.set_style(style);
    }
    let watch = |summary: &Summary| {
        bar.set_length((summary.until - summary.from).0.unsigned_abs());
        bar.set_position((summary.reached - summary.from).0.unsigned_abs());
        bar.set_message(format!("{} calls, {} registered", summary.calls, summary.registered));
    };
    let sync = sync.at(pace);
    let (summary, result) = tokio::select! {
        ran = sync.run(Some(since), &watch) => ran,
        _ = tokio::signal::ctrl_c() => {
            bar.abandon();
            writeln!(out, "Given up. What was registered is registered; run it again to go on.")?;
            return Ok(false);
        }
    };
    bar.finish_and_clear();
    say(&summary, pace, out)?;
    if let Err(stopped) = &result {
        let why = match stopped {
            Stopped::Service(problem) => words::in_english(problem),
            other => other.to_string(),
        };
        writeln!(out, "Stopped: {why}")?;
        if summary.reached > Millis(0) {
            writeln!(out, "Run it again with --since {} to go on.", summary.reached.to_rfc3339())?;
        }
    }
    Ok(result.is_ok() && summary.refused.is_empty())
}

fn say(summary: &Summary, pace: Pace, out: &mut impl Write) -> std::io::Result<()> {
    if summary.until > Millis(0) {
        let minutes = pace.grace.0 / Millis::mins(1).0;
        writeln!(out, "The history from {} to {}:", summary.from.to_rfc3339(), summary.reached.to_rfc3339())?;
        writeln!(out, "  calls            {}", summary.calls)?;
        writeln!(out, "  left to others   {}  (the CRM has them, or a browser is telling it)", summary.known)?;
        writeln!(out, "  registered now   {}", summary.registered)?;
        writeln!(out, "  recordings       {}", summary.recordings)?;
        writeln!(out, "  refused          {}", summary.refused.len())?;
        for (call, problem) in &summary.refused {
            writeln!(out, "    {call}: {}", words::in_english(problem))?;
        }
        if summary.awaited > 0 {
            writeln!(
                out,
                "{} recordings are not made yet: the running relay looks for them for a day.",
                summary.awaited
            )?;
        }
        writeln!(out, "Calls of the last {minutes} minutes are the browsers' to tell.")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_three_ways() {
        assert_eq!(since("2026-11-28T18:00:00+03:00"), Ok(Millis(1_795_878_000_000)));
        assert_eq!(since("2026-11-28"), Ok(Millis(1_795_824_000_000)));
        let ago = now() - since("3d").unwrap();
        assert!((Millis::hours(72)..Millis::hours(73)).contains(&ago));
        for wrong in ["", "d", "-3d", "3 days", "yesterday", "99999999999d", "é", "2026-13-01"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }
}
