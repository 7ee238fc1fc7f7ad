//! The best of several ways to claim: in other orders, as the shares lie, class by class, in portions.

use std::collections::BTreeSet;
use std::time::Instant;

use apportion_cluster::FrameworkIdx;

use super::claims::{Claims, Manner, Scene};
use super::room;
use super::turns::Turn;
use crate::broker::Shares;
use crate::engine::beside::Beside;
use crate::engine::choice::Choice;
use crate::engine::context::Context;
use crate::engine::quotas;
use crate::engine::state::State;

/// Orders of turns that are tried beside the first.
const ORDERS: usize = 4;

/// After so many of them, room is made for who came short.
const ORDERS_BEFORE_ROOM: usize = 1;

/// Claims as policies like them; where they leave shares short, the best of several.
pub(super) fn best_claims<'a>(
    state: &State<'a>,
    shares: &Shares,
    context: &Context<'_>,
    turns: &[Turn],
) -> Claims<'a> {
    let began = Instant::now();
    // Most of the time is for solving what is offered.
    let most = context
        .solve_by()
        .map(|by| by.saturating_duration_since(began) / 2);
    let is_long = || most.is_some_and(|most| 2 * began.elapsed() > most);
    let class_of = quotas::class_of(&shares.classes, state.cluster.agents.len());
    let mut options = context.options.clone();
    // A claim that takes long is cut, not what comes after it.
    options.deadline = most.map(|most| began + most);
    let scene = Scene {
        state,
        shares,
        context,
        options,
        class_of: &class_of,
        beside: Beside::of(state.cluster, shares, &class_of),
    };
    let claims = |turns: &[Turn], manner: Manner<'_>| {
        let until = most.map(|most| began + most);
        Claims::of(&scene, turns, manner, until)
    };
    if let Some(choice) = Choice::of(state.cluster, shares, turns.len()) {
        return claims(turns, Manner::Chosen(choice));
    }
    let of_manner = |is_as_shared: bool, turns: &[Turn]| {
        let manner = if is_as_shared {
            Manner::AsShared
        } else {
            Manner::Liked
        };
        claims(turns, manner)
    };
    // Where somebody gets less than it wants, there is hardly room for all claims as they are liked.
    let (liked, as_shared) = if is_scarce(state, turns) {
        let (liked, as_shared) = rayon::join(|| of_manner(false, turns), || of_manner(true, turns));
        (liked, Some(as_shared))
    } else {
        (of_manner(false, turns), None)
    };
    let mut of_liked = (turns.to_vec(), Some(liked.short()));
    let mut of_shared = (turns.to_vec(), as_shared.as_ref().map(Claims::short));
    let mut best = as_shared.into_iter().fold(liked, Claims::or_better);
    for order in 0..ORDERS {
        if order == ORDERS_BEFORE_ROOM {
            best = room::make_room(&scene, best, &is_long);
        }
        if best.are_whole() || is_long() {
            return best.cut();
        }
        let (liked, as_shared) = rayon::join(
            || short_first(&mut of_liked, |turns| of_manner(false, turns)),
            || short_first(&mut of_shared, |turns| of_manner(true, turns)),
        );
        if liked.is_none() && as_shared.is_none() {
            break;
        }
        best = (liked.into_iter().chain(as_shared)).fold(best, Claims::or_better);
    }
    if best.are_whole() || is_long() {
        return best.cut();
    }
    let choice = Choice::even(state.cluster, shares);
    let mut best = best.or_better(claims(turns, Manner::Chosen(choice)));
    if state.roles.are_free() && !best.reach_floors(&scene) && !is_long() {
        let until = most.map(|most| began + most);
        best = best.or_better(Claims::in_portions(&scene, turns, until));
    }
    let best = room::make_room(&scene, best, &is_long);
    if is_long() { best.cut() } else { best }
}

/// Whether somebody's share is less than it wants.
fn is_scarce(state: &State<'_>, turns: &[Turn]) -> bool {
    turns.iter().any(|(framework, share)| {
        let wanted: i64 = state.pending(*framework).iter().map(|it| it.1).sum();
        share.values().sum::<i64>() < wanted
    })
}

/// Claims in this order, if nobody is known to come short in it; else in another one, with those in front whom it left short, if that is
/// another: they need what is rare, or a part of every failure domain, and others who claimed before them did not. (Squeaky wheel
/// optimization: Joslin and Clements, JAIR 10, 1999.)
fn short_first<'a>(
    (turns, short): &mut (Vec<Turn>, Option<BTreeSet<FrameworkIdx>>),
    claims: impl FnOnce(&[Turn]) -> Claims<'a>,
) -> Option<Claims<'a>> {
    if let Some(short) = short {
        if turns.is_sorted_by_key(|turn| !short.contains(&turn.0)) {
            return None;
        }
        turns.sort_by_key(|turn| !short.contains(&turn.0));
    }
    let claims = claims(turns);
    *short = Some(claims.short());
    Some(claims)
}
