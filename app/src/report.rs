//! A finished benchmark as one HTML document: the same components as the page, with the style sheet inside.

use leptos::prelude::*;
use optischema::model::{Job, JobResult};

use crate::components::WholeResult;

/// The document. Links in it lead nowhere outside, and nothing is fetched.
pub fn report_html(job: Job, style: &'static str) -> String {
    let owner = Owner::new();
    let html = owner.with(|| {
        let title = job.recommendation_title.clone();
        let when = job.completed_at.map(|at| format!("Measured at {}.", at.readable()));
        let result = job.result.as_ref().and_then(JobResult::benchmark).cloned();
        view! {
            <html lang="en">
                <head>
                    <meta charset="utf-8"/>
                    <meta name="viewport" content="width=device-width, initial-scale=1"/>
                    <meta name="color-scheme" content="light dark"/>
                    <title>{format!("{title} · OptiSchema")}</title>
                    <style inner_html=style></style>
                </head>
                <body>
                    <main>
                        <h1>{title}</h1>
                        <p class="quiet">{when} " Job " {job.id.to_string()} "."</p>
                        {result.map(|result| view! { <h2>"Result"</h2> <WholeResult result has_links=false/> })}
                    </main>
                </body>
            </html>
        }
        .to_html()
    });
    owner.cleanup();
    format!("<!DOCTYPE html>{html}")
}
