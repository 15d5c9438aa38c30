//! The report as an HTML page: conditions, percentile plots of every latency, all figures in a table. No script, no
//! request to elsewhere.

use std::fmt::Write;

use crate::report::{Curve, Report};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 360.0;
const MARGIN: f64 = 56.0;
/// Colours of the lines, in turn.
const COLOURS: [&str; 8] = ["#1b6ca8", "#c8553d", "#3a7d44", "#8e5aa8", "#b8860b", "#2f8f9d", "#7a4b2a", "#555555"];
/// The plot ends at the percentile with this many nines.
const NINES_MAX: f64 = 5.0;

pub(crate) fn page(report: &Report) -> String {
    let mut page = String::from(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>ordo bench</title>\n<style>body{font:15px/1.5 \
         system-ui,sans-serif;margin:2em auto;max-width:900px;color:#222}table{border-collapse:collapse}\
         td,th{padding:2px 14px 2px 0;text-align:left}td.v{text-align:right;font-variant-numeric:tabular-nums}\
         svg{background:#fafafa;border:1px solid #ddd}</style>\n<h1>ordo bench</h1>\n<table>\n",
    );
    for (name, value) in report.conditions.rows() {
        writeln!(page, "<tr><td>{}</td><td>{}</td></tr>", escaped(&name), escaped(&value)).expect(TEXT);
    }
    page.push_str("</table>\n<h2>Latency by percentile</h2>\n");
    page.push_str(&plot(&report.curves));
    page.push_str("<h2>Figures</h2>\n<table>\n");
    for (name, value) in &report.figures {
        let value = if *value >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
        writeln!(page, "<tr><td>{}</td><td class=\"v\">{value}</td></tr>", escaped(name)).expect(TEXT);
    }
    page.push_str("</table>\n");
    page
}

const TEXT: &str = "a String takes all text";

/// Microseconds over percentiles, both logarithmic: p90, p99 and p99.9 have equal distances.
fn plot(curves: &[Curve]) -> String {
    let values = || curves.iter().flat_map(|curve| curve.points.iter().map(|(_, us)| us.max(1.0).log10()));
    let low = values().fold(f64::MAX, f64::min).floor().min(0.0);
    let high = values().fold(1.0, f64::max).ceil();
    let x = |nines: f64| MARGIN + nines / NINES_MAX * (WIDTH - 2.0 * MARGIN);
    let y = |log: f64| HEIGHT - MARGIN - (log - low) / (high - low) * (HEIGHT - 2.0 * MARGIN);
    let legend = 18.0 * curves.len() as f64;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {0}\" width=\"{WIDTH}\" height=\"{0}\">\n", HEIGHT + legend);
    for (nines, label) in [(0.0, "min"), (1.0, "p90"), (2.0, "p99"), (3.0, "p99.9"), (4.0, "p99.99"), (5.0, "max")] {
        let (x, top, bottom) = (x(nines), MARGIN, HEIGHT - MARGIN);
        writeln!(svg, "<line x1=\"{x}\" x2=\"{x}\" y1=\"{top}\" y2=\"{bottom}\" stroke=\"#ddd\"/>").expect(TEXT);
        writeln!(svg, "<text x=\"{x}\" y=\"{}\" font-size=\"12\" text-anchor=\"middle\">{label}</text>", bottom + 18.0)
            .expect(TEXT);
    }
    for power in low as i32..=high as i32 {
        let (y, right) = (y(f64::from(power)), WIDTH - MARGIN);
        writeln!(svg, "<line x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{y}\" y2=\"{y}\" stroke=\"#ddd\"/>").expect(TEXT);
        let label = format!("{} us", 10f64.powi(power));
        writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" font-size=\"12\" text-anchor=\"end\">{label}</text>",
            MARGIN - 6.0,
            y + 4.0
        )
        .expect(TEXT);
    }
    for (at, curve) in curves.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let points = curve.points.iter().map(|(quantile, us)| {
            let nines = (-(1.0 - quantile).max(1e-9).log10()).min(NINES_MAX);
            format!("{:.1},{:.1}", x(nines), y(us.max(1.0).log10()))
        });
        let points: Vec<String> = points.collect();
        writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>",
            points.join(" ")
        )
        .expect(TEXT);
        let line = HEIGHT - 8.0 + 18.0 * at as f64;
        writeln!(svg, "<rect x=\"{MARGIN}\" y=\"{}\" width=\"14\" height=\"4\" fill=\"{colour}\"/>", line - 4.0)
            .expect(TEXT);
        writeln!(svg, "<text x=\"{}\" y=\"{line}\" font-size=\"13\">{}</text>", MARGIN + 22.0, escaped(&curve.name))
            .expect(TEXT);
    }
    svg.push_str("</svg>\n");
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
