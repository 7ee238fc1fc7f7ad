//! Rules by name.

use super::baselines::{BestFit, Clustering, DotProduct, Largest, Packing, Random};
use super::first_fit::FirstFit;
use super::fleet::Fleet;
use super::fragmentation::GradientDescent;
use super::population::Population;
use super::rule::Rule;
use super::shadow_price::ShadowPrice;
use super::tightest::Tightest;

/// The names that [`rule`] knows, in the order in which comparisons list them.
pub const RULES: [&str; 9] = [
    "random",
    "dot_product",
    "clustering",
    "packing",
    "best_fit",
    "fgd",
    "shadow_price",
    "first_fit",
    "tightest",
];

/// The rule called `name`, for `fleet` and arrivals like `population`.
#[must_use]
pub fn rule(name: &str, fleet: &Fleet, population: &Population) -> Option<Box<dyn Rule>> {
    let largest = Largest::of(fleet);
    Some(match name {
        "random" => Box::new(Random),
        "dot_product" => Box::new(DotProduct(largest)),
        "clustering" => Box::new(Clustering(largest)),
        "packing" => Box::new(Packing),
        "best_fit" => Box::new(BestFit(largest)),
        "fgd" => Box::new(GradientDescent::new(population)),
        "shadow_price" => Box::new(ShadowPrice::new(fleet, population)),
        "first_fit" => Box::new(FirstFit),
        "tightest" => Box::new(Tightest),
        _ => return None,
    })
}
