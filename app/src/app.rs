//! Routes, and what stands around every page.

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{SsrMode, path};

use crate::components::{Live, NavBar, NoticeBoard, NoticeList, follow_server};
use crate::pages::{
    ApplyPage, BenchmarkPage, ChangesPage, ComparePage, ConnectionsPage, DashboardPage,
    HandoverPage, JobsPage, NotFoundPage, QueriesPage, QueryPage, RecommendationPage,
    RecommendationsPage, RejectedPage, RulePage, SetPage, WhatIfPage,
};

/// The app. Pages wait for their data on the server, so that they can be read without JavaScript.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    let (board, live) = (NoticeBoard::default(), Live::default());
    provide_context(board);
    provide_context(live);
    follow_server(live, board);
    view! {
        <Title formatter=|text: String| format!("{text} · OptiSchema")/>
        <Router>
            <a class="skip" href="#content">"Skip to content"</a>
            <NavBar/>
            <NoticeList/>
            <main id="content">
                <Routes fallback=NotFoundPage>
                    <Route path=path!("/dashboard") view=DashboardPage ssr=SsrMode::Async/>
                    <Route path=path!("/recommendations") view=RecommendationsPage ssr=SsrMode::Async/>
                    <Route path=path!("/recommendations/:id") view=RecommendationPage ssr=SsrMode::Async/>
                    <Route path=path!("/recommendations/:id/apply") view=ApplyPage ssr=SsrMode::Async/>
                    <Route path=path!("/handover") view=HandoverPage ssr=SsrMode::Async/>
                    <Route path=path!("/sets/new") view=SetPage ssr=SsrMode::Async/>
                    <Route path=path!("/rejected") view=RejectedPage ssr=SsrMode::Async/>
                    <Route path=path!("/rules/:rule") view=RulePage ssr=SsrMode::Async/>
                    <Route path=path!("/what-if") view=WhatIfPage ssr=SsrMode::Async/>
                    <Route path=path!("/queries") view=QueriesPage ssr=SsrMode::Async/>
                    <Route path=path!("/queries/:id") view=QueryPage ssr=SsrMode::Async/>
                    <Route path=path!("/compare") view=ComparePage ssr=SsrMode::Async/>
                    <Route path=path!("/benchmarks/:id") view=BenchmarkPage ssr=SsrMode::Async/>
                    <Route path=path!("/jobs") view=JobsPage ssr=SsrMode::Async/>
                    <Route path=path!("/changes") view=ChangesPage ssr=SsrMode::Async/>
                    <Route path=path!("/connections") view=ConnectionsPage ssr=SsrMode::Async/>
                </Routes>
            </main>
        </Router>
    }
}
