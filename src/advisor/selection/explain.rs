//! What is chosen in figures, and of everything else why it is not.

use crate::figures;
use crate::model::RejectedCandidate;

use super::explore::Explorer;
use super::{Costed, Limits, MIN_GAIN, MIN_WORKLOAD_GAIN, Selection};

pub(super) async fn selection(
    mut explorer: Explorer<'_>,
    chosen: Vec<usize>,
    limits: Limits,
) -> Selection {
    let workload = explorer.workload();
    let saved_by = |explorer: &Explorer<'_>, has: &dyn Fn(usize) -> bool| -> f64 {
        (0..explorer.statements.len())
            .map(|statement| {
                let base = explorer.baseline[statement].unwrap_or_default();
                let cost = explorer.known_cost(statement, has).unwrap_or(base);
                (base - cost.min(base)) * explorer.weight(statement)
            })
            .sum()
    };
    let is_chosen: Vec<bool> = (0..explorer.priced.len()).map(|i| chosen.contains(&i)).collect();
    let saved_by_all = saved_by(&explorer, &|i| is_chosen[i]);
    let mut costed = Vec::new();
    for candidate in &chosen {
        let mut effects = explorer.alone(*candidate).await;
        let gains = |(_, before, after): &(usize, f64, f64)| *after < before * (1.0 - MIN_GAIN);
        let only_together = !effects.iter().any(gains);
        if only_together {
            effects = beside_others(&explorer, *candidate, &is_chosen);
        }
        let weight = |effect: &(usize, f64, f64)| (effect.1 - effect.2) * explorer.weight(effect.0);
        effects.sort_by(|a, b| weight(b).total_cmp(&weight(a)));
        let saved: f64 = effects.iter().map(weight).sum();
        let without = saved_by(&explorer, &|i| i != *candidate && is_chosen[i]);
        let priced = &explorer.priced[*candidate];
        costed.push(Costed {
            candidate: priced.candidate.clone(),
            bytes: priced.bytes,
            upkeep: priced.upkeep,
            effects,
            workload_gain: saved / workload,
            marginal_gain: (saved_by_all - without) / workload,
            only_together,
        });
    }
    costed.sort_by(|a, b| {
        b.marginal_gain.max(b.workload_gain).total_cmp(&a.marginal_gain.max(a.workload_gain))
    });
    let using = explorer.statements_by_candidate();
    let rejected = (0..explorer.priced.len())
        .filter(|candidate| !is_chosen[*candidate])
        .map(|candidate| reject(&explorer, candidate, &using[candidate], &is_chosen, limits))
        .collect();
    Selection {
        chosen: costed,
        rejected,
        cost_before: workload,
        cost_after: workload - saved_by_all,
        planned_share: explorer.weights.planned_share,
        calls: explorer.calls,
        reused: explorer.reused,
        bounded: explorer.bounded,
        uncosted: explorer.uncosted,
    }
}

/// The statements that would get dearer without a candidate: what each costs without any, and with all that are chosen.
fn beside_others(
    explorer: &Explorer<'_>,
    candidate: usize,
    is_chosen: &[bool],
) -> Vec<(usize, f64, f64)> {
    let effect = |statement: usize| {
        let base = explorer.baseline[statement]?;
        let with = explorer.known_cost(statement, |i| is_chosen[i])?;
        let without =
            explorer.known_cost(statement, |i| i != candidate && is_chosen[i]).unwrap_or(base);
        (with < without * (1.0 - MIN_GAIN)).then_some((statement, base, with))
    };
    (0..explorer.statements.len()).filter_map(effect).collect()
}

/// Why a candidate is not chosen, from what the plans have shown: those of `using` are all that used it.
fn reject(
    explorer: &Explorer<'_>,
    candidate: usize,
    using: &[usize],
    is_chosen: &[bool],
    limits: Limits,
) -> RejectedCandidate {
    let priced = &explorer.priced[candidate];
    let workload = explorer.workload();
    let (mut alone, mut beside, mut gains) = (0.0, 0.0, false);
    for statement in using.iter().copied() {
        let Some(base) = explorer.baseline[statement] else { continue };
        let weight = explorer.weight(statement);
        let with = explorer.known_cost(statement, |i| i == candidate).unwrap_or(base);
        alone += (base - with).max(0.0) * weight;
        gains |= with < base * (1.0 - MIN_GAIN);
        let now = explorer.known_cost(statement, |i| is_chosen[i]).unwrap_or(base);
        let added =
            explorer.known_cost(statement, |i| i == candidate || is_chosen[i]).unwrap_or(base);
        beside += (now - added).max(0.0) * weight;
    }
    let reason = if let Some(reason) = explorer.banned.get(&candidate) {
        reason.clone()
    } else if !gains {
        format!("no statement gets cheaper by {:.0} % with it", MIN_GAIN * 100.0)
    } else if limits.bytes.is_some_and(|bytes| priced.bytes > bytes) {
        "it alone is larger than the storage budget".to_owned()
    } else if beside < MIN_WORKLOAD_GAIN * workload && alone >= MIN_WORKLOAD_GAIN * workload {
        "what is recommended serves the same statements".to_owned()
    } else if alone < MIN_WORKLOAD_GAIN * workload {
        format!("it saves less than {:.2} % of the workload", MIN_WORKLOAD_GAIN * 100.0)
    } else if beside < explorer.upkeep(candidate) {
        "keeping it up to date costs more than it saves".to_owned()
    } else if limits.bytes.is_some() {
        "others save more within the storage budget".to_owned()
    } else {
        format!(
            "with the others it saves {} of the workload, too little for {}",
            figures::percent(100.0 * beside / workload),
            figures::bytes(priced.bytes)
        )
    };
    RejectedCandidate {
        estimated_bytes: Some(priced.bytes),
        alone_percent: Some(100.0 * alone / workload),
        ..RejectedCandidate::of(&priced.candidate, reason)
    }
}
