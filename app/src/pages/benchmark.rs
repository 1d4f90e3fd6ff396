//! One benchmark: while it runs its card, then everything that was measured.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use optischema::model::{Job, JobResult};

use crate::components::{Failure, JobCard, ResultSet, WholeResult};
use crate::server_fns::load_job;

fn content(job: Job, reload: Callback<()>) -> impl IntoView {
    let id = job.id;
    let title = job.recommendation_title.clone();
    let back = job.page();
    let result = job.result.as_ref().and_then(JobResult::benchmark).cloned();
    let set = job.result.as_ref().and_then(JobResult::set).cloned();
    let is_of_one = job.members.is_empty();
    let files = result.is_some().then(|| {
        view! {
            <div class="actions">
                <a class="button" href=format!("/api/benchmark/{id}/report.html") rel="external" download="">"HTML report"</a>
                <a class="button" href=format!("/api/benchmark/{id}") rel="external">"Raw samples (JSON)"</a>
                <a class="button" href=format!("/api/benchmark/{id}/patch.sql") rel="external">"patch.sql"</a>
            </div>
        }
    });
    view! {
        <p class="crumbs"><a href=back>{if is_of_one { "The recommendation" } else { "Recommendations" }}</a></p>
        <Title text=format!("Benchmark: {title}")/>
        <h1>{title.clone()}</h1>
        <JobCard job on_end=reload/>
        {files}
        {set.map(|result| view! { <section aria-labelledby="result"><h2 id="result">"Result"</h2><ResultSet result/></section> })}
        {result.map(|result| view! { <section aria-labelledby="result"><h2 id="result">"Result"</h2><WholeResult result has_links=true/></section> })}
    }
}

/// The page.
#[component]
pub(crate) fn BenchmarkPage() -> impl IntoView {
    let params = use_params_map();
    let id = Memo::new(move |_| params.with(|params| params.get("id").unwrap_or_default()));
    let reload = RwSignal::new(0_u32);
    let job = Resource::new(move || (id.get(), reload.get()), |(id, _)| load_job(id));
    let again = Callback::new(move |()| reload.update(|n| *n += 1));
    view! {
        <Title text="Benchmark"/>
        <Transition fallback=|| view! { <p class="quiet">"Loading…"</p> }>
            {move || Suspend::new(async move {
                match job.await {
                    Ok(job) => content(job, again).into_any(),
                    Err(error) => view! { <Failure error/> }.into_any(),
                }
            })}
        </Transition>
    }
}
