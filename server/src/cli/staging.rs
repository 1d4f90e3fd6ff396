//! The staging copy: made, and made anew.

use std::process::ExitCode;

use comfy_table::Table;

use super::data::service_of;
use super::outcome::{Done, plain, say};
use crate::config::Settings;
use crate::sandbox::StagingReport;

pub(super) async fn init(settings: Settings) -> Done {
    tell(&service_of(settings).await?.init_staging(&mut say).await?);
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn refresh(settings: Settings) -> Done {
    let refreshed = service_of(settings).await?.refresh_staging(&mut say).await?;
    for (title, reason) in &refreshed.lost {
        eprintln!("{}", plain(&format!("{title}: {reason}")));
    }
    tell(&refreshed.copy);
    Ok(ExitCode::from(u8::from(!refreshed.lost.is_empty())))
}

fn tell(report: &StagingReport) {
    let mut table = Table::new();
    table.set_header(["Table", "Rows"]);
    for copied in &report.copied {
        table.add_row([plain(&copied.table.to_string()), copied.rows.to_string()]);
    }
    for table_name in &report.present {
        table.add_row([plain(&table_name.to_string()), "was there already".into()]);
    }
    println!("{table}");
    for (reason, tables) in report.skipped_by_reason() {
        let tables: Vec<String> = tables.into_iter().map(ToString::to_string).collect();
        eprintln!("{}", plain(&format!("Rows were not copied ({reason}): {}", tables.join(", "))));
    }
    for sentence in report.lacks.sentences() {
        eprintln!("{}", plain(&sentence));
    }
}
