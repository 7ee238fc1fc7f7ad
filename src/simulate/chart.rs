//! Shares and shortfalls over time as one picture: SVG, without a font or a script of its own.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::steps::{Point, Step};

const WIDTH: f64 = 900.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 170.0;
const PANEL: f64 = 230.0;
const TOP: f64 = 34.0;
const BETWEEN: f64 = 64.0;
const HEIGHT: f64 = TOP + PANEL + BETWEEN + PANEL + 48.0;

/// Lines that a reader can tell apart; the colors of Okabe and Ito, and black.
const COLORS: [&str; 8] = [
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999",
];

/// Dominant shares over time above, cumulative shortfalls below, one line per framework: of the eight whose shortfall was
/// largest, where there are more.
#[must_use]
pub fn chart(title: &str, steps: &[Step]) -> String {
    let shown = shown(steps);
    let last = steps.last().map_or(1, |step| step.at_ms.max(1)) as f64;
    let mut svg = String::new();
    line(
        &mut svg,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">"
        ),
    );
    line(
        &mut svg,
        format_args!("<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>"),
    );
    text(&mut svg, (LEFT, 18.0), "start", title);
    let share = Panel {
        top: TOP,
        name: "dominant share, percent",
        of: |point| point.dominant_share * 100.0,
        last,
    };
    let behind = Panel {
        top: TOP + PANEL + BETWEEN,
        name: "cumulative shortfall, in value",
        of: |point| point.cumulative_shortfall,
        last,
    };
    share.draw(&mut svg, steps, &shown);
    behind.draw(&mut svg, steps, &shown);
    for (at, name) in shown.iter().enumerate() {
        let (x, y) = (WIDTH - RIGHT + 14.0, TOP + 14.0 + 18.0 * at as f64);
        let color = COLORS[at % COLORS.len()];
        line(
            &mut svg,
            format_args!(
                "<rect x=\"{x}\" y=\"{}\" width=\"12\" height=\"4\" fill=\"{color}\"/>",
                y - 6.0
            ),
        );
        text(&mut svg, (x + 18.0, y), "start", name);
    }
    line(&mut svg, format_args!("</svg>"));
    svg
}

/// The frameworks that have a line.
fn shown(steps: &[Step]) -> Vec<&str> {
    let names: BTreeSet<&str> = steps
        .iter()
        .flat_map(|step| step.frameworks.keys().map(String::as_str))
        .collect();
    let mut names: Vec<&str> = names.into_iter().collect();
    if names.len() > COLORS.len() {
        let most = |name: &str| {
            let points = steps.iter().filter_map(|step| step.frameworks.get(name));
            points
                .map(|point| point.cumulative_shortfall)
                .fold(0.0, f64::max)
        };
        names.sort_by(|left, right| most(right).total_cmp(&most(left)).then(left.cmp(right)));
        names.truncate(COLORS.len());
        names.sort_unstable();
    }
    names
}

/// One of the two graphs.
struct Panel {
    top: f64,
    name: &'static str,
    of: fn(&Point) -> f64,
    last: f64,
}

impl Panel {
    fn draw(&self, svg: &mut String, steps: &[Step], shown: &[&str]) {
        let points = steps.iter().flat_map(|step| step.frameworks.iter());
        let own = points.filter(|(name, _)| shown.contains(&name.as_str()));
        let most = own.map(|(_, point)| (self.of)(point)).fold(0.0, f64::max);
        let top = above(most);
        self.axes(svg, top);
        for (at, name) in shown.iter().enumerate() {
            let color = COLORS[at % COLORS.len()];
            let path = self.path(steps, name, top);
            line(
                svg,
                format_args!(
                    "<path d=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"1.5\"/>"
                ),
            );
        }
    }

    fn x(&self, at_ms: f64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * at_ms / self.last
    }

    fn y(&self, value: f64, top: f64) -> f64 {
        self.top + PANEL * (1.0 - value / top)
    }

    /// Steps: what a plan sets holds until the next.
    fn path(&self, steps: &[Step], name: &str, top: f64) -> String {
        let mut path = String::new();
        for step in steps {
            let point = step.frameworks.get(name).copied().unwrap_or_default();
            let (x, y) = (self.x(step.at_ms as f64), self.y((self.of)(&point), top));
            let start = if path.is_empty() {
                format!("M{x:.1} {y:.1}")
            } else {
                format!("H{x:.1}V{y:.1}")
            };
            path.push_str(&start);
        }
        path
    }

    fn axes(&self, svg: &mut String, top: f64) {
        let (right, bottom) = (WIDTH - RIGHT, self.top + PANEL);
        text(svg, (LEFT, self.top - 6.0), "start", self.name);
        for part in 0..=4 {
            let value = top * f64::from(part) / 4.0;
            let y = self.y(value, top);
            line(
                svg,
                format_args!("<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#dddddd\"/>"),
            );
            text(svg, (LEFT - 8.0, y + 4.0), "end", &plain(value));
        }
        let (unit, per_unit) = unit(self.last);
        for part in 0..=4 {
            let at = self.last * f64::from(part) / 4.0;
            let words = format!("{} {unit}", plain(at / per_unit));
            text(svg, (self.x(at), bottom + 16.0), "middle", &words);
        }
    }
}

/// A round number at or above: 1, 2, 2.5 or 5 times a power of ten.
fn above(most: f64) -> f64 {
    if most <= 0.0 {
        return 1.0;
    }
    let power = 10.0_f64.powf(most.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0].map(|step| step * power);
    steps
        .into_iter()
        .find(|step| *step >= most * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

/// The unit of time that reads best.
fn unit(last_ms: f64) -> (&'static str, f64) {
    let units = [("h", 3_600_000.0), ("min", 60_000.0), ("s", 1_000.0)];
    let fitting = units
        .into_iter()
        .find(|(_, per_unit)| last_ms >= 2.0 * per_unit);
    fitting.unwrap_or(("ms", 1.0))
}

fn plain(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    let words = words
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    line(
        svg,
        format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>"),
    );
}

fn line(svg: &mut String, words: std::fmt::Arguments<'_>) {
    writeln!(svg, "{words}").expect("writing to a string does not fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_round() {
        for (most, top) in [
            (0.0, 1.0),
            (0.3, 0.5),
            (1.0, 1.0),
            (1.1, 2.0),
            (23.0, 25.0),
            (99.0, 100.0),
        ] {
            assert!((above(most) - top).abs() < 1e-12, "{most}: {}", above(most));
        }
    }
}
