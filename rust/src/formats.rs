//! The values of `format` that are enforced, each as a regular expression.
//!
//! Sources: RFC 3339 (dates and times), RFC 4291 and 3986 (IPv6), RFC 5321 (e-mail). A leap second is written in UTC alone:
//! in other zones the hour would depend on the offset that follows it.

pub enum Enforced {
    /// Its own expression is right.
    ByLlguidance,
    By(String),
}

pub fn pattern(format: &str) -> Result<Enforced, String> {
    let body = match format {
        "ipv4" | "uuid" | "uri" | "duration" => return Ok(Enforced::ByLlguidance),
        "date" => date(),
        "time" => time(),
        "date-time" => format!("(?:{})[Tt](?:{})", date(), time()),
        "ipv6" => ipv6(),
        "email" => email(),
        _ => return Err(format!("cannot be enforced: 'format' '{format}'")),
    };
    Ok(Enforced::By(format!("^(?:{body})$")))
}

fn date() -> String {
    let common = "[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])\
                  |(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))";
    let leap_years = "[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00";
    format!("{common}|(?:{leap_years})-02-29")
}

fn time() -> String {
    let hour_minute = "(?:[01][0-9]|2[0-3]):[0-5][0-9]";
    let fraction = r"(?:\.[0-9]+)?";
    format!(
        "{hour_minute}:[0-5][0-9]{fraction}(?:[Zz]|[+-]{hour_minute})\
         |23:59:60{fraction}(?:[Zz]|[+-]00:00)"
    )
}

fn ipv4() -> String {
    let octet = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
    format!(r"(?:{octet}\.){{3}}{octet}")
}

/// RFC 3986's rule IPv6address, whose alternatives differ in how many groups stand after "::".
fn ipv6() -> String {
    let group = "[0-9a-fA-F]{1,4}";
    let last_two = format!("(?:{group}:{group}|{})", ipv4());
    let before = |most: usize| format!("(?:(?:{group}:){{0,{}}}{group})?", most - 1);
    let mut forms = vec![
        format!("(?:{group}:){{6}}{last_two}"),
        format!("::(?:{group}:){{5}}{last_two}"),
    ];
    for after in (0..=4).rev() {
        forms.push(format!(
            "{}::(?:{group}:){{{after}}}{last_two}",
            before(5 - after)
        ));
    }
    forms.push(format!("{}::{group}", before(6)));
    forms.push(format!("{}::", before(7)));
    format!("(?:{})", forms.join("|"))
}

fn email() -> String {
    let atom = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]+";
    let quoted = r#""(?:[\x20\x21\x23-\x5B\x5D-\x7E]|\\[\x20-\x7E])*""#;
    let label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
    format!(
        r"(?:{atom}(?:\.{atom})*|{quoted})@(?:{label}(?:\.{label})*|\[(?:{}|IPv6:{})\])",
        ipv4(),
        ipv6()
    )
}
