//! Calendar events: when a job runs, in the part of systemd's notation that
//! Proxmox VE takes, such as `mon..fri 02:30` or `*/15`.
//!
//! Hosts of a lab live in UTC.

use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The last year that is looked at; systemd's own bound.
const LAST_YEAR: i16 = 2199;

/// Words that stand for a whole event.
const WORDS: &[(&str, &str)] = &[
    ("minutely", "*:*:0"),
    ("hourly", "*:0:0"),
    ("daily", "0:0:0"),
    ("weekly", "mon 0:0:0"),
    ("monthly", "*-*-1 0:0:0"),
    ("quarterly", "*-1,4,7,10-1 0:0:0"),
    ("semiannually", "*-1,7-1 0:0:0"),
    ("semi-annually", "*-1,7-1 0:0:0"),
    ("yearly", "*-1-1 0:0:0"),
    ("annually", "*-1-1 0:0:0"),
];

const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Values of one part; without any all count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part(Vec<Span>);

/// Every `step`-th value from `first` to `last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first: u16,
    last: u16,
    step: u16,
}

impl Part {
    fn has(&self, value: u16) -> bool {
        let within = |span: &Span| {
            (span.first..=span.last).contains(&value)
                && (value - span.first).is_multiple_of(span.step)
        };
        self.0.is_empty() || self.0.iter().any(within)
    }
}

/// When something happens again and again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CalendarEvent {
    /// From Monday on.
    days_of_week: [bool; 7],
    year: Part,
    month: Part,
    day: Part,
    hour: Part,
    minute: Part,
    second: Part,
}

/// Why a text is no calendar event, in the server's words.
pub(super) fn check(text: &str) -> Result<(), String> {
    match CalendarEvent::parse(text) {
        Ok(_) => Ok(()),
        Err(why) => Err(format!(
            "invalid format - invalid calendar event '{text}' - {why}\n"
        )),
    }
}

impl CalendarEvent {
    /// Reads `[days] [[year-]month-day] [[hour:]minute[:second]]`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("unable to parse calendar event - event is empty".into());
        }
        let text = text.strip_suffix("UTC").unwrap_or(text).trim_end();
        let word = WORDS.iter().find(|(word, _)| *word == text);
        let mut rest = word.map_or(text, |(_, event)| event);
        let mut days_of_week = [true; 7];
        if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let inner = |c: char| c.is_ascii_alphabetic() || c == ',' || c == '.';
            let end = rest.find(|c| !inner(c)).unwrap_or(rest.len());
            days_of_week = days(&rest[..end])?;
            rest = rest[end..].trim_start();
        } else if rest.is_empty() {
            return Err(bad(text, "date or time specification"));
        }
        let (mut year, mut month, mut day) = (Part::default(), Part::default(), Part::default());
        if rest.contains('-') {
            let (date, time) = rest.split_once(' ').unwrap_or((rest, ""));
            let parts: Vec<_> = date.split('-').collect();
            let (years, monthly, daily) = match parts[..] {
                [years, monthly, daily] => (years, monthly, daily),
                [monthly, daily] => ("*", monthly, daily),
                _ => return Err(bad(date, "invalid date spec")),
            };
            year = part(years, 0, 2200)?;
            month = part(monthly, 1, 13)?;
            day = part(daily, 1, 32)?;
            rest = time.trim_start();
        }
        let parts: Vec<_> = rest.split(':').collect();
        let (hours, minutes, seconds) = match parts[..] {
            [""] => ("0", "0", "0"),
            [minutes] => ("*", minutes, "0"),
            [hours, minutes] => (hours, minutes, "0"),
            [hours, minutes, seconds] => (hours, minutes, seconds),
            _ => return Err(bad(rest, "time specification")),
        };
        Ok(CalendarEvent {
            days_of_week,
            year,
            month,
            day,
            hour: part(hours, 0, 24)?,
            minute: part(minutes, 0, 60)?,
            second: part(seconds, 0, 60)?,
        })
    }

    /// The first moment after `last`, both in Unix seconds; none when there
    /// will be none.
    pub(super) fn next_after(&self, last: u64) -> Option<u64> {
        let from = i64::try_from(last.checked_add(1)?).ok()?;
        let from = jiff::Timestamp::from_second(from).ok()?;
        let from = from.to_zoned(TimeZone::UTC).datetime();
        let today = self.date(from.date()).then_some(from.date());
        let time = from.time();
        let bound = (
            numbered(time.hour()),
            numbered(time.minute()),
            numbered(time.second()),
        );
        let (date, (hour, minute, second)) = today
            .and_then(|date| Some((date, self.time(bound)?)))
            .or_else(|| Some((self.date_after(from.date())?, self.time((0, 0, 0))?)))?;
        let small = |n: u16| i8::try_from(n).ok();
        let at = date
            .at(small(hour)?, small(minute)?, small(second)?, 0)
            .to_zoned(TimeZone::UTC)
            .ok()?;
        u64::try_from(at.timestamp().as_second()).ok()
    }

    fn date(&self, date: Date) -> bool {
        let weekday = usize::from(numbered(date.weekday().to_monday_zero_offset()));
        self.days_of_week.get(weekday).is_some_and(|on| *on)
            && self.day.has(numbered(date.day()))
            && self.month.has(numbered(date.month()))
            && u16::try_from(date.year()).is_ok_and(|year| self.year.has(year))
    }

    fn date_after(&self, date: Date) -> Option<Date> {
        let mut month = date.first_of_month();
        while month.year() <= LAST_YEAR {
            let year = u16::try_from(month.year()).ok()?;
            if self.year.has(year) && self.month.has(numbered(month.month())) {
                let days = (1..=month.days_in_month())
                    .filter_map(|day| Date::new(month.year(), month.month(), day).ok());
                let found = days.into_iter().find(|day| *day > date && self.date(*day));
                if found.is_some() {
                    return found;
                }
            }
            month = month.last_of_month().tomorrow().ok()?;
        }
        None
    }

    /// The first time of a day that is not before `bound`.
    fn time(&self, bound: (u16, u16, u16)) -> Option<(u16, u16, u16)> {
        for hour in (bound.0..24).filter(|n| self.hour.has(*n)) {
            let minutes = if hour == bound.0 { bound.1 } else { 0 };
            for minute in (minutes..60).filter(|n| self.minute.has(*n)) {
                let same = (hour, minute) == (bound.0, bound.1);
                let seconds = if same { bound.2 } else { 0 };
                if let Some(second) = (seconds..60).find(|n| self.second.has(*n)) {
                    return Some((hour, minute, second));
                }
            }
        }
        None
    }
}

fn numbered(n: i8) -> u16 {
    u16::try_from(n).unwrap_or_default()
}

fn bad(at: &str, what: &str) -> String {
    format!("unable to parse calendar event at '{at}' - {what}")
}

/// `mon,wed..fri`; a range may go over the end of the week.
fn days(text: &str) -> Result<[bool; 7], String> {
    let day = |word: &str| {
        let lower = word.to_ascii_lowercase();
        DAYS.iter()
            .position(|name| *name == lower || name[..3] == lower)
            .ok_or_else(|| bad(word, "weekday"))
    };
    let mut on = [false; 7];
    for range in text.split(',') {
        let (first, last) = range.split_once("..").unwrap_or((range, range));
        let (first, last) = (day(first)?, day(last)?);
        let length = (last + 7 - first) % 7;
        for offset in 0..=length {
            on[(first + offset) % 7] = true;
        }
    }
    Ok(on)
}

/// `*`, `*/step`, or a list of `first[..last][/step]`, each below `end`.
fn part(text: &str, start: u16, end: u16) -> Result<Part, String> {
    let number = |text: &str| match text.parse::<u16>() {
        Ok(n) if n < end && text.bytes().all(|b| b.is_ascii_digit()) => Ok(n),
        Ok(_) => Err(bad(text, "time value too large")),
        Err(_) => Err(bad(text, "number")),
    };
    let span = |first: u16, last: u16, step: u16| match step {
        // A step of nothing leaves the first.
        0 => Span {
            first,
            last: first,
            step: 1,
        },
        step => Span { first, last, step },
    };
    if text == "*" {
        return Ok(Part::default());
    }
    if let Some(step) = text.strip_prefix("*/") {
        return Ok(match number(step)? {
            0 => Part::default(),
            step => Part(vec![span(start, end - 1, step)]),
        });
    }
    let mut spans = Vec::new();
    for item in text.split(',') {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(number(step)?)),
            None => (item, None),
        };
        let (first, last) = match range.split_once("..") {
            Some((first, last)) => (number(first)?, Some(number(last)?)),
            None => (number(range)?, None),
        };
        if last.is_some_and(|last| last < first) {
            return Err(bad(range, "range start is bigger than end"));
        }
        spans.push(match (last, step) {
            (None, None) => span(first, first, 1),
            (None, Some(step)) => span(first, end - 1, step),
            (Some(last), step) => span(first, last, step.unwrap_or(1)),
        });
    }
    Ok(Part(spans))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60;
    const HOUR: u64 = 3600;
    const DAY: u64 = 86_400;
    /// Friday, 2020-07-31 00:00:00.
    const FRIDAY: u64 = 1_596_153_600;

    fn after(event: &str, last: u64) -> Option<u64> {
        CalendarEvent::parse(event).unwrap().next_after(last)
    }

    #[test]
    fn times_come_after_the_last_one() {
        for (event, last, next) in [
            // The first of January 1970 was a Thursday.
            ("0", 0, HOUR),
            ("*", 0, MINUTE),
            ("*:*:*", 0, 1),
            ("*:3:5", 0, 3 * MINUTE + 5),
            ("*/15", 14 * MINUTE, 15 * MINUTE),
            ("mon 2:50", 0, 4 * DAY + 2 * HOUR + 50 * MINUTE),
            ("thu", 0, 7 * DAY),
            ("fri..mon", 0, DAY),
            (
                "Saturday 02:30",
                FRIDAY,
                FRIDAY + DAY + 2 * HOUR + 30 * MINUTE,
            ),
            ("4..10/2:0", 5 * HOUR, 6 * HOUR),
            ("4..10/2:0", 11 * HOUR, DAY + 4 * HOUR),
            ("6,4..10:23,5/5", 0, 4 * HOUR + 5 * MINUTE),
            ("22:00", 22 * HOUR, DAY + 22 * HOUR),
            ("22:00", 22 * HOUR - 1, 22 * HOUR),
            ("daily", 1, DAY),
            ("weekly", 0, 4 * DAY),
            ("monthly", 0, 31 * DAY),
            ("quarterly", 0, 90 * DAY),
            ("semi-annually", 0, 181 * DAY),
            ("yearly UTC", 0, 365 * DAY),
            ("02-29", 0, 2 * 365 * DAY + 59 * DAY),
            ("2020-7..9-2/2", FRIDAY, FRIDAY + 2 * DAY),
            ("mon *-*-1..7 03:00", FRIDAY, FRIDAY + 3 * DAY + 3 * HOUR),
        ] {
            assert_eq!(after(event, last), Some(next), "{event}");
        }
        assert_eq!(after("02-30", 0), None);
        assert_eq!(after("2019-1-1", FRIDAY), None);
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for text in [
            "",
            "foo",
            "mon..",
            "mon,",
            "25:00",
            "1:60",
            "5..2",
            "1:2:3:4",
            "2020-1-1-1",
            "13-1",
            "*,5",
            "-1",
            "+5",
            "1:",
            "mon 1:0 x",
            "a-b",
        ] {
            let refusal = check(text).unwrap_err();
            assert!(refusal.contains("invalid calendar event"), "{refusal}");
        }
        assert_eq!(
            check("moon 1:00").unwrap_err(),
            "invalid format - invalid calendar event 'moon 1:00' - unable to parse calendar event \
             at 'moon' - weekday\n"
        );
    }
}
