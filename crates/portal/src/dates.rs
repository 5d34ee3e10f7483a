//! Formatting of dates in English and French.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::messages::Language;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// The length of an average month, in seconds.
const MONTH: i64 = 2_629_746;
const YEAR: i64 = 12 * MONTH;

/// The units for the age of a date. Each entry contains the length of the unit in seconds, its English singular and
/// plural, and its French singular and plural.
const UNITS: [(i64, [&str; 2], [&str; 2]); 5] = [
    (YEAR, ["year", "years"], ["an", "ans"]),
    (MONTH, ["month", "months"], ["mois", "mois"]),
    (DAY, ["day", "days"], ["jour", "jours"]),
    (HOUR, ["hour", "hours"], ["heure", "heures"]),
    (MINUTE, ["minute", "minutes"], ["minute", "minutes"]),
];

const MONTHS: [[&str; 12]; 2] = [
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
];

/// Returns the age of a date as a text such as `3 days ago`. For a date in the future, returns `just now`.
pub(crate) fn relative(language: Language, then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - then.as_second();
    let Some((unit, english, french)) = UNITS.into_iter().find(|(unit, ..)| seconds >= *unit) else {
        return match language {
            Language::English => "just now".to_owned(),
            Language::French => "à l'instant".to_owned(),
        };
    };
    let number = seconds / unit;
    let form = usize::from(number > 1);
    match language {
        Language::English => format!("{number} {} ago", english[form]),
        Language::French => format!("il y a {number} {}", french[form]),
    }
}

/// Returns a date and time as a text such as `24 November 2026 at 17:45 UTC`.
pub(crate) fn exact(language: Language, date: Timestamp) -> String {
    let date = date.to_zoned_datetime(TimeZone::UTC);
    let (at, months) = match language {
        Language::English => ("at", &MONTHS[0]),
        Language::French => ("à", &MONTHS[1]),
    };
    let day = match (language, date.day()) {
        (Language::French, 1) => "1er".to_owned(),
        (_, day) => day.to_string(),
    };
    let month = usize::try_from(date.month() - 1).map_or("", |month| months[month]);
    format!("{day} {month} {} {at} {:02}:{:02} UTC", date.year(), date.hour(), date.minute())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Timestamp {
        text.parse().expect("a date")
    }

    #[test]
    fn ages_have_the_largest_unit() {
        let now = date("2026-11-25T12:00:00Z");
        for (then, english, french) in [
            ("2026-11-25T12:00:30Z", "just now", "à l'instant"),
            ("2026-11-25T11:59:01Z", "just now", "à l'instant"),
            ("2026-11-25T11:59:00Z", "1 minute ago", "il y a 1 minute"),
            ("2026-11-25T10:00:00Z", "2 hours ago", "il y a 2 heures"),
            ("2026-11-24T11:00:00Z", "1 day ago", "il y a 1 jour"),
            ("2026-09-01T00:00:00Z", "2 months ago", "il y a 2 mois"),
            ("2020-11-01T12:00:00Z", "6 years ago", "il y a 6 ans"),
        ] {
            assert_eq!(relative(Language::English, date(then), now), english);
            assert_eq!(relative(Language::French, date(then), now), french);
        }
    }

    #[test]
    fn exact_dates_have_the_format_of_the_language() {
        assert_eq!(exact(Language::English, date("2026-11-24T17:45:00Z")), "24 November 2026 at 17:45 UTC");
        assert_eq!(exact(Language::French, date("2026-08-01T07:05:00Z")), "1er août 2026 à 07:05 UTC");
    }
}
