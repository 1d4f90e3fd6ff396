//! The real program as a process of its own, to be killed.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use optischema::model::{Job, JobPage, JobStatus, PhaseName};
use reqwest::{Client, RequestBuilder};
use serde_json::Value;

use crate::fixture::{Shop, TOKEN};

/// A running `optischema serve`.
pub struct Process {
    child: Child,
    base: String,
    client: Client,
    errors: Arc<Mutex<String>>,
}

impl Process {
    /// Starts it on a shop; it stops at a phase where one is named.
    pub fn start(shop: &Shop, pause_at: Option<PhaseName>, more: &[(&str, &str)]) -> Self {
        let settings = shop.settings();
        let mut command = Command::new(env!("CARGO_BIN_EXE_optischema"));
        command
            .arg("serve")
            .env("OPTISCHEMA_MAIN_URL", shop.url("reader", "shop"))
            .env("OPTISCHEMA_SANDBOX_URL", shop.url("sandbox", "staging"))
            .env("OPTISCHEMA_DATA_DIR", settings.data_dir.unwrap())
            .env("OPTISCHEMA_LISTEN", "127.0.0.1:0")
            .env("OPTISCHEMA_TOKEN", TOKEN)
            .env("OPTISCHEMA_ALLOW_SAME_SERVER", "true")
            .env("OPTISCHEMA_BENCHMARK_SECONDS", "4")
            .env("OPTISCHEMA_COLLECT_SECONDS", "0")
            .env("OPTISCHEMA_WATCH_CHANGES", "false")
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Some(phase) = pause_at {
            command.env("OPTISCHEMA_PAUSE_AT", phase.as_str());
        }
        command.envs(more.iter().copied());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let base = loop {
            let line = lines.next().expect("it says where it serves").unwrap();
            if let Some(address) = line.strip_prefix("OptiSchema serves ") {
                break address.to_owned();
            }
        };
        // Read on, or it would write into a pipe that nobody holds.
        std::thread::spawn(move || lines.for_each(drop));
        let errors: Arc<Mutex<String>> = Arc::default();
        let kept = errors.clone();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                kept.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        Self { child, base, client: Client::new(), errors }
    }

    /// Kills it as the system would: nothing of it runs any more.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has stopped at its phase.
    pub async fn paused(&self) -> bool {
        for _ in 0..400 {
            if self.errors.lock().unwrap().contains("paused at") {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    }

    /// What it said on standard error.
    pub fn said(&self) -> String {
        self.errors.lock().unwrap().clone()
    }

    fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.base);
        self.client.request(method.parse().unwrap(), url).bearer_auth(TOKEN)
    }

    pub async fn json(&self, path: &str) -> Value {
        self.request("GET", path).send().await.unwrap().json().await.unwrap()
    }

    /// The id of the job that a POST queued; absent where it was refused.
    pub async fn post(&self, path: &str, body: Value) -> Option<String> {
        let response = self.request("POST", path).json(&body).send().await.ok()?;
        let answer: Value = response.json().await.ok()?;
        answer["job_id"].as_str().map(str::to_owned)
    }

    /// Starts an analysis as a job.
    pub async fn analyse(&self) -> String {
        let request = self.request("POST", "/api/analyze").header("prefer", "respond-async");
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["job_id"].as_str().unwrap().to_owned()
    }

    pub async fn job(&self, id: &str) -> Job {
        serde_json::from_value(self.json(&format!("/api/benchmark/{id}")).await).unwrap()
    }

    pub async fn ended(&self, id: &str) -> Job {
        for _ in 0..900 {
            let job = self.job(id).await;
            if job.status.is_final() {
                return job;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{id} did not end: {:?}\n{}", self.job(id).await, self.said());
    }

    /// Waits until nothing is queued or running.
    pub async fn idle(&self) -> Vec<Job> {
        for _ in 0..900 {
            let page: JobPage =
                serde_json::from_value(self.json("/api/benchmark?limit=200").await).unwrap();
            let live = |job: &&Job| matches!(job.status, JobStatus::Pending | JobStatus::Running);
            if page.items.iter().find(live).is_none() {
                return page.items;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the queue did not empty:\n{}", self.said());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A test that failed leaves nothing running.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
