//! A figure as pages print it: three digits, and the unit that its name ends with.

/// A figure with its unit; of a rate the number alone, since its name does not name what is counted.
#[must_use]
pub fn text(name: &str, value: f64) -> String {
    let words: Vec<&str> = name.split('_').collect();
    let unit = words.iter().enumerate().rev().find_map(|(at, word)| match *word {
        "s" if at > 0 && words[at - 1] == "per" => Some("per_s"),
        "ns" | "us" | "ms" | "s" | "bytes" | "mib" | "percent" | "ratio" => Some(*word),
        _ => None,
    });
    match unit {
        Some("per_s") => scaled(value, &[(1e6, " M"), (1e3, " k"), (1.0, "")]),
        Some("ns") => time(value),
        Some("us") => time(value * 1e3),
        Some("ms") => time(value * 1e6),
        Some("s") => time(value * 1e9),
        Some("bytes") => scaled(value, &[(1e9, " GB"), (1e6, " MB"), (1e4, " kB"), (1.0, " bytes")]),
        Some("mib") => format!("{value:.0} MiB"),
        Some("percent") => format!("{value:.1} %"),
        Some("ratio") => format!("{value:.2}"),
        _ if value.fract() == 0.0 => grouped(value),
        _ => digits(value),
    }
}

fn time(ns: f64) -> String {
    scaled(ns, &[(1e9, " s"), (1e6, " ms"), (1e3, " us"), (1.0, " ns")])
}

/// In the first unit that is not larger than the value, else in the last; units are listed largest first. Those of
/// bytes are not lower than what they count.
fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    let fits = |(size, _): &&(f64, &str)| value >= *size;
    let (size, unit) = units.iter().find(fits).or(units.last()).expect("invariant: units are listed");
    let size = if *size == 1e4 { 1e3 } else { *size };
    format!("{}{unit}", digits(value / size))
}

/// Three digits, or all before the point.
fn digits(value: f64) -> String {
    match value {
        100.0.. => format!("{value:.0}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// A whole number with its thousands separated.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let groups: Vec<&[u8]> = digits.as_bytes().rchunks(3).rev().collect();
    groups.into_iter().map(String::from_utf8_lossy).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_has_the_unit_of_its_name_and_three_digits() {
        for (name, value, expected) in [
            ("ingest_sync_updates_per_s_max", 611_480.2, "611 k"),
            ("engine_updates_per_s", 1_448_787.6, "1.45 M"),
            ("latency_async_paced_50000_per_s_p50_us", 117.759, "118 us"),
            ("latency_sync_paced_50000_per_s_p99_us_max", 9_732.095, "9.73 ms"),
            ("codec_decode_ns", 266.75, "267 ns"),
            ("start_with_snapshots_ms", 2_338.8, "2.34 s"),
            ("as_at_cached_ms_min", 0.3, "300 us"),
            ("took_s", 41.0, "41.0 s"),
            ("large_state_order_bytes", 564.3, "564 bytes"),
            ("snapshots_bytes", 197_787_648.0, "198 MB"),
            ("journal_bytes_per_update", 12_000.0, "12.0 kB"),
            ("resident_before_mib", 109.0, "109 MiB"),
            ("updates", 20_000_000.0, "20,000,000"),
            ("histories_meanwhile", 27.0, "27"),
            ("ingest_async_one_slow_of_fifty_ratio", 1.084, "1.08"),
            ("latency_async_unloaded_to_echo_p50", 1.3965, "1.40"),
        ] {
            assert_eq!(text(name, value), expected, "{name}");
        }
    }
}
