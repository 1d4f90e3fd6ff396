//! What a job is doing: each phase with its own figures.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::text_enum::text_enum;
use super::{LockWait, TableName};
use crate::figures;

/// Declares the phases twice: with their data, and as names that a phase is found by.
macro_rules! phases {
    ($($(#[$meta:meta])* $variant:ident $({ $($(#[$fmeta:meta])* $field:ident: $type:ty,)+ })? => $name:literal,)+) => {
        text_enum! {
            /// The name of a phase.
            pub enum PhaseName ("phase") {
                $($(#[$meta])* $variant => $name,)+
            }
        }

        /// What a job is doing, with how far it is.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "name")]
        pub enum Phase {
            $(
                $(#[$meta])*
                #[serde(rename = $name)]
                $variant $({ $($(#[$fmeta])* $field: $type,)+ })?,
            )+
        }

        impl Phase {
            /// The phase without its data.
            #[must_use]
            pub const fn name(&self) -> PhaseName {
                match self { $(Self::$variant { .. } => PhaseName::$variant,)+ }
            }
        }
    };
}

phases! {
    Starting => "starting",
    /// It ran, could not be completed, and waits to be started again.
    WaitingToRetry { reason: String, } => "waiting_to_retry",
    /// A person asked it to stop.
    Cancelling => "cancelling",
    /// An apply or a rollback was cut off, and its outcome cannot be read from the sandbox yet.
    AwaitingOutcome { reason: String, } => "awaiting_outcome",

    WaitingForAnalysis => "waiting_for_analysis",
    ReadingWorkload => "reading_workload",
    /// The advice is stored; only the job's end is not.
    AdviceRecorded => "advice_recorded",

    WaitingForBenchmark => "waiting_for_benchmark",
    AskingPlanner => "asking_planner",
    ReadingStructure => "reading_structure",
    CopyingFunctions => "copying_functions",
    Copying {
        table: TableName,
        /// Rows of the table that were copied so far.
        rows: i64,
        /// Bytes of those rows, as they are sent.
        bytes: i64,
    } => "copying",
    BuildingIndexes => "building_indexes",
    Analyzing { table: TableName, } => "analyzing",
    DrawingParameters => "drawing_parameters",
    /// A benchmark makes its change in the scratch schema.
    Patching { change: String, } => "patching",
    /// A change that cannot matter is measured, for the noise of this place.
    MeasuringNoise => "measuring_noise",
    ComparingRows { parameters: String, } => "comparing_rows",
    MeasuringPairs {
        /// Pairs of runs that were measured.
        pairs: u64,
        /// At most so many are measured.
        most: u64,
        parameters: String,
    } => "measuring_pairs",
    MeasuringStatement {
        /// From 1.
        number: u64,
        of: u64,
    } => "measuring_statement",
    LeavingOneOut => "leaving_one_out",
    MeasuringWrites => "measuring_writes",
    PlanningWorkload => "planning_workload",
    SummingUp => "summing_up",

    CheckingSandbox => "checking_sandbox",
    Rehearsing => "rehearsing",
    PlanningBefore => "planning_before",
    WritingIntent => "writing_intent",
    /// An apply makes its change.
    Applying => "applying",
    Undoing => "undoing",
    RunningStep {
        /// From 1.
        step: u64,
        of: u64,
        /// What the step does, or its SQL where it is the only one.
        title: String,
        /// PostgreSQL's own phase of it, from `pg_stat_progress_create_index` and the like, with its percentage.
        server: Option<String>,
        /// The lock that it waits for.
        wait: Option<Box<LockWait>>,
    } => "running_step",
    /// The statements are planned again, with the change.
    PlanningAfter => "planning_after",
    Recording => "recording",
    /// The change or its rollback is stored; only the job's end is not.
    Recorded => "recorded",

    /// As an earlier build stored it.
    Unstructured { words: String, } => "unstructured",
}

impl Phase {
    /// Whether `next` is the same phase with other figures: another table that is copied is another phase.
    #[must_use]
    pub fn continues_as(&self, next: &Self) -> bool {
        match (self, next) {
            (Self::Copying { table: one, .. }, Self::Copying { table: other, .. }) => one == other,
            (one, next) => one.name() == next.name(),
        }
    }
}

// By hand: the derive does not see names that come out of a macro.
impl PartialSchema for Phase {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .description(Some(
                "The name of the phase, with its figures: table, rows and bytes of copying; pairs, most and parameters of measuring_pairs; step, of, title, server and wait of running_step.",
            ))
            .property("name", PhaseName::schema())
            .required("name")
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into()
    }
}

impl ToSchema for Phase {}

/// The words that a person reads.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::WaitingToRetry { reason } => {
                return write!(f, "waiting to be started again: {reason}");
            }
            Self::AwaitingOutcome { reason } => {
                return write!(f, "waiting to ask the sandbox for the outcome: {reason}");
            }
            Self::Copying { table, rows: 0, .. } => return write!(f, "copying {table}"),
            Self::Copying { table, rows, bytes } => {
                let rows = figures::grouped(*rows as f64);
                return write!(f, "copying {table}: {rows} rows, {}", figures::bytes(*bytes));
            }
            Self::Analyzing { table } => return write!(f, "analyzing the copy of {table}"),
            Self::Patching { change } => return write!(f, "making the change: {change}"),
            Self::ComparingRows { parameters } => {
                return write!(f, "comparing the rows of both arms ({parameters})");
            }
            Self::MeasuringPairs { pairs, most, parameters } => {
                return write!(f, "measuring pair {pairs} of at most {most} ({parameters})");
            }
            Self::MeasuringStatement { number, of } => {
                return write!(f, "measuring statement {number} of {of}");
            }
            Self::RunningStep { step, of, title, server, wait } => {
                return running_step(f, (*step, *of), title, server.as_deref(), wait.as_deref());
            }
            Self::Unstructured { words } => words,
            Self::Starting => "starting",
            Self::Cancelling => "cancelling",
            Self::WaitingForAnalysis => "waiting for another analysis",
            Self::ReadingWorkload => "reading the workload and asking the planner",
            Self::AdviceRecorded => "recording the advice",
            Self::WaitingForBenchmark => "waiting for another benchmark on this server",
            Self::AskingPlanner => "asking main's planner",
            Self::ReadingStructure => "reading the structure of the tables",
            Self::CopyingFunctions => "copying functions",
            Self::BuildingIndexes => "building keys and indexes of the copy",
            Self::DrawingParameters => "drawing parameters that occur together",
            Self::MeasuringNoise => "measuring a change that cannot matter",
            Self::LeavingOneOut => "leaving out one change at a time",
            Self::MeasuringWrites => "measuring the cost of each write",
            Self::PlanningWorkload => "planning the rest of the workload",
            Self::SummingUp => "summing up",
            Self::CheckingSandbox => "checking the sandbox",
            Self::Rehearsing => "rehearsing patch and rollback",
            Self::PlanningBefore => "planning the statements without the change",
            Self::WritingIntent => "writing the intent to the audit trail",
            Self::Applying => "making the change",
            Self::Undoing => "undoing the change",
            Self::PlanningAfter => "planning the statements with the change",
            Self::Recording => "recording the result",
            Self::Recorded => "finishing",
        };
        f.write_str(words)
    }
}

fn running_step(
    f: &mut fmt::Formatter<'_>,
    (step, of): (u64, u64),
    title: &str,
    server: Option<&str>,
    wait: Option<&LockWait>,
) -> fmt::Result {
    if of > 1 {
        write!(f, "step {step} of {of}: {title}")?;
    } else {
        write!(f, "running {title}")?;
    }
    if let Some(server) = server {
        write!(f, ": {server}")?;
    }
    if let Some(wait) = wait {
        write!(f, "; waiting for a lock that {} holds", wait.holder())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_is_read_back_from_json_and_has_its_name_there() {
        let phases = [
            Phase::Starting,
            Phase::Copying { table: TableName::new("public", "t"), rows: 1200, bytes: 4096 },
            Phase::RunningStep { step: 1, of: 1, title: "x".into(), server: None, wait: None },
        ];
        for phase in phases {
            let json = serde_json::to_value(&phase).unwrap();
            assert_eq!(json["name"], phase.name().as_str());
            assert_eq!(serde_json::from_value::<Phase>(json).unwrap(), phase);
        }
    }
}
