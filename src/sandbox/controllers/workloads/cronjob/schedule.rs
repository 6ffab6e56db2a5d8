//! When a `CronJob` is due: `MINUTE HOUR DAY MONTH WEEKDAY`, or a word such as `@hourly`.
//! <https://pkg.go.dev/github.com/robfig/cron/v3>

use std::time::Duration;

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{Date, Time},
    tz::TimeZone,
};

/// How many days ahead a time is looked for: February 29th comes every eight years at worst.
const AHEAD: usize = 366 * 8;

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Schedule {
    /// At certain times.
    At(Box<Times>),
    /// Again and again, each time after so long.
    Every(Duration),
}

/// The times of a schedule: a bit for each value that a field may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Times {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Whether the days of the month, or those of the week, are all there are.
    any_day: (bool, bool),
}

/// A field: its least and its greatest value, and names for its values.
struct Field {
    least: u32,
    most: u32,
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field::plain(0, 59),
    Field::plain(0, 23),
    Field::plain(1, 31),
    Field {
        least: 1,
        most: 12,
        names: &[
            "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
        ],
    },
    Field {
        least: 0,
        most: 6,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
    },
];

impl Field {
    const fn plain(least: u32, most: u32) -> Self {
        Self {
            least,
            most,
            names: &[],
        }
    }

    /// The bits of a list of ranges, and whether it is every value.
    fn parse(&self, text: &str) -> Result<(u64, bool), String> {
        let (mut bits, mut every) = (0, false);
        for range in text.split(',').filter(|r| !r.is_empty()) {
            let (more, all) = self.range(range)?;
            bits |= more;
            every |= all;
        }
        Ok((bits, every))
    }

    /// `*`, `3`, `1-5`, each with `/2` or without.
    fn range(&self, text: &str) -> Result<(u64, bool), String> {
        let parts: Vec<&str> = text.split('/').collect();
        let bounds: Vec<&str> = parts[0].split('-').collect();
        let star = matches!(bounds[0], "*" | "?");
        let (from, mut to) = match bounds.as_slice() {
            _ if star => (self.least, self.most),
            [one] => (self.value(one)?, self.value(one)?),
            [from, to] => (self.value(from)?, self.value(to)?),
            _ => return Err(format!("too many hyphens: {text}")),
        };
        let step = match parts.as_slice() {
            [_] => 1,
            [_, step] => {
                if bounds.len() == 1 {
                    to = self.most;
                }
                integer(step)?
            }
            _ => return Err(format!("too many slashes: {text}")),
        };
        let (least, most) = (self.least, self.most);
        if from < least {
            return Err(format!(
                "beginning of range ({from}) below minimum ({least}): {text}"
            ));
        }
        if to > most {
            return Err(format!(
                "end of range ({to}) above maximum ({most}): {text}"
            ));
        }
        if from > to {
            return Err(format!(
                "beginning of range ({from}) beyond end of range ({to}): {text}"
            ));
        }
        if step == 0 {
            return Err(format!("step of range should be a positive number: {text}"));
        }
        let step = usize::try_from(step).unwrap_or(usize::MAX);
        let bits = (from..=to).step_by(step).fold(0, |b, v| b | 1_u64 << v);
        Ok((bits, star && step == 1))
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let lower = text.to_lowercase();
        let named = self.names.iter().position(|n| *n == lower);
        match named.and_then(|i| u32::try_from(i).ok()) {
            Some(i) => Ok(self.least + i),
            None => integer(text),
        }
    }
}

fn integer(text: &str) -> Result<u32, String> {
    let number: i64 = text.parse().map_err(|_| {
        format!("failed to parse int from {text}: strconv.Atoi: parsing {text:?}: invalid syntax")
    })?;
    u32::try_from(number).map_err(|_| format!("negative number ({number}) not allowed: {text}"))
}

impl Schedule {
    /// Reads a schedule, or tells what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("empty spec string".to_owned());
        }
        let fields = match text {
            "@yearly" | "@annually" => "0 0 1 1 *",
            "@monthly" => "0 0 1 * *",
            "@weekly" => "0 0 * * 0",
            "@daily" | "@midnight" => "0 0 * * *",
            "@hourly" => "0 * * * *",
            _ => text,
        };
        if let Some(every) = fields.strip_prefix("@every ") {
            let span: Result<SignedDuration, _> = every.parse();
            let every = span.ok().and_then(|s| Duration::try_from(s).ok());
            let every = every.ok_or_else(|| {
                format!(
                    "failed to parse duration {text}: time: invalid duration {:?}",
                    &fields[7..]
                )
            })?;
            let whole = Duration::from_secs(every.as_secs().max(1));
            return Ok(Self::Every(whole));
        }
        if fields.starts_with('@') {
            return Err(format!("unrecognized descriptor: {text}"));
        }
        let given: Vec<&str> = fields.split_whitespace().collect();
        if given.len() != FIELDS.len() {
            return Err(format!(
                "expected exactly 5 fields, found {}: [{}]",
                given.len(),
                given.join(" ")
            ));
        }
        let field = |i: usize| FIELDS[i].parse(given[i]);
        let ((days, any_day), (weekdays, any_weekday)) = (field(2)?, field(4)?);
        Ok(Self::At(Box::new(Times {
            minutes: field(0)?.0,
            hours: field(1)?.0,
            days,
            months: field(3)?.0,
            weekdays,
            any_day: (any_day, any_weekday),
        })))
    }

    /// The first time after another; none where there is none for years.
    #[must_use]
    pub fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Self::Every(pause) => {
                let whole = Timestamp::from_second(after.as_second()).ok()?;
                whole.checked_add(*pause).ok()
            }
            Self::At(times) => times.next(after, zone),
        }
    }
}

impl Times {
    fn next(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let mut date = after.to_zoned(zone.clone()).date();
        for _ in 0..AHEAD {
            if self.is_day(date)
                && let Some(found) = self.on(date, after, zone)
            {
                return Some(found);
            }
            date = date.checked_add(1.day()).ok()?;
        }
        None
    }

    /// The first time of a day that is after another.
    fn on(&self, date: Date, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let values = |bits: u64, most: i8| (0..=most).filter(move |v| bits >> *v & 1 == 1);
        for hour in values(self.hours, 23) {
            for minute in values(self.minutes, 59) {
                let time = Time::new(hour, minute, 0, 0).ok()?;
                let then = zone.to_ambiguous_timestamp(date.to_datetime(time));
                let then = then.compatible().ok()?;
                if then > after {
                    return Some(then);
                }
            }
        }
        None
    }

    fn is_day(&self, date: Date) -> bool {
        let has = |bits: u64, value: i8| bits >> value & 1 == 1;
        let day = has(self.days, date.day());
        let weekday = has(self.weekdays, date.weekday().to_sunday_zero_offset());
        // Where both are given, either will do.
        let right = if self.any_day.0 || self.any_day.1 {
            day && weekday
        } else {
            day || weekday
        };
        right && has(self.months, date.month())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_next_time_is_found() {
        // A Monday.
        let now: Timestamp = "2026-01-05T10:07:30Z".parse().unwrap();
        for (schedule, next) in [
            ("* * * * *", "2026-01-05T10:08:00Z"),
            ("*/15 * * * *", "2026-01-05T10:15:00Z"),
            ("0 9 * * *", "2026-01-06T09:00:00Z"),
            ("30 8 * * mon-fri", "2026-01-06T08:30:00Z"),
            ("0 0 1 * *", "2026-02-01T00:00:00Z"),
            ("0 0 13 * 5", "2026-01-09T00:00:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
            ("5/20 10 * JAN ?", "2026-01-05T10:25:00Z"),
            ("@hourly", "2026-01-05T11:00:00Z"),
            ("@every 1h30m", "2026-01-05T11:37:30Z"),
        ] {
            let found = Schedule::parse(schedule).unwrap().next(now, &TimeZone::UTC);
            assert_eq!(found.unwrap().to_string(), next, "{schedule}");
        }
        let never = Schedule::parse("0 0 31 2 *").unwrap();
        assert_eq!(never.next(now, &TimeZone::UTC), None);
    }

    #[test]
    fn what_is_wrong_is_told_as_the_api_server_does() {
        for (schedule, wrong) in [
            ("* * *", "expected exactly 5 fields, found 3: [* * *]"),
            ("61 * * * *", "end of range (61) above maximum (59): 61"),
            (
                "a * * * *",
                "failed to parse int from a: strconv.Atoi: parsing \"a\": invalid syntax",
            ),
            ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
            ("@often", "unrecognized descriptor: @often"),
        ] {
            assert_eq!(Schedule::parse(schedule).unwrap_err(), wrong);
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(text in "[-*/,@0-9a-z ]{0,30}") {
            if let Ok(schedule) = Schedule::parse(&text) {
                let _ = schedule.next(Timestamp::UNIX_EPOCH, &TimeZone::UTC);
            }
        }
    }
}
