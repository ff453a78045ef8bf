//! Replays recorded exchanges with real servers: the client makes the request
//! that a recording holds and is given the answer that was given then.
//!
//! `PVE_RECORDINGS=DIR cargo test -p proxmox-client --test replay` reads every
//! `*.jsonl` file in DIR. Without the variable a folder beside the repository
//! is used if it is there; otherwise the test says that it was skipped.
//!
//! Required of each exchange: the request on the wire is equivalent (method,
//! path, decoded parameters, form of authentication), and the answer becomes
//! the typed response, or an error of the right kind that holds the server's
//! own words. Calls without a type yet are replayed as raw requests, and are
//! counted and named; what cannot be replayed is named with the reason.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a program: it reports"
)]

#[path = "replay/check.rs"]
mod check;
#[path = "replay/recording.rs"]
mod recording;
#[path = "replay/report.rs"]
mod report;
mod support;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homelab_core::{Error, ErrorKind, Sent};
use proxmox_client::{Endpoint, Params, ProxmoxClient};
use proxmox_endpoints::{Visitor, route, visit};
use recording::{Auth, Exchange, Plan};
use report::{Fate, Report};
use support::{Reply, Server};

fn folder() -> Result<PathBuf, String> {
    if let Some(named) = std::env::var_os("PVE_RECORDINGS") {
        return Ok(named.into());
    }
    let beside =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/facts/pve/recorded");
    if beside.is_dir() {
        return Ok(beside);
    }
    Err("no recordings: set PVE_RECORDINGS to a folder of them".to_owned())
}

fn main() -> ExitCode {
    // Test runners that only want to know what is here.
    if std::env::args().any(|arg| arg == "--list") {
        println!("replay: test");
        return ExitCode::SUCCESS;
    }
    let folder = match folder() {
        Ok(folder) => folder,
        Err(why) => {
            println!("replay SKIPPED: {why}");
            println!("test result: ok. 0 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out");
            return ExitCode::SUCCESS;
        }
    };
    let exchanges = match recording::read(&folder) {
        Ok(exchanges) => exchanges,
        Err(why) => {
            eprintln!("replay: {why}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let report = match runtime {
        Ok(runtime) => runtime.block_on(replay(&exchanges)),
        Err(why) => {
            eprintln!("replay: {why}");
            return ExitCode::FAILURE;
        }
    };
    report.print(&folder);
    if report.is_good() && !exchanges.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What the server serves at the moment.
#[derive(Clone, Default)]
struct Script {
    answer: Vec<u8>,
    /// The answer to a login that comes before the exchange itself.
    login: Option<Vec<u8>>,
}

async fn replay(exchanges: &[Exchange]) -> Report {
    let script = Arc::new(Mutex::new(Script::default()));
    let served = Arc::clone(&script);
    let server = Server::start(move |request| {
        let script = served.lock().unwrap().clone();
        match script.login {
            Some(login) if request.path() == "/access/ticket" => Reply::Raw(login),
            _ => Reply::Cut(script.answer),
        }
    })
    .await;
    let mut report = Report::default();
    for exchange in exchanges {
        let fate = match exchange.plan() {
            Err(reason) => Fate::Impossible(reason),
            Ok(plan) => one(&server, &script, exchange, &plan).await,
        };
        report.add(exchange, fate);
    }
    report
}

async fn one(server: &Server, script: &Mutex<Script>, exchange: &Exchange, plan: &Plan) -> Fate {
    *script.lock().unwrap() = Script {
        answer: exchange.answer(),
        login: plan.auth.login_answer(),
    };
    let client = match client(server, &plan.auth) {
        Ok(client) => client,
        Err(error) => {
            return Fate::Impossible(format!("the client refuses the credentials: {error}"));
        }
    };
    let before = server.requests().len();
    let typed = typed(&client, plan).await;
    let (result, kind) = match typed {
        Typed::Sent(result) => (result.map(|()| None), report::Way::Typed),
        // What the types cannot hold must be something that the server refuses
        // too, or what turns the answer into a download.
        Typed::Refused(error) if exchange.succeeded() && exchange.is_json() => {
            return Fate::Wrong(format!(
                "refused before sending, but the server accepted it: {error}"
            ));
        }
        Typed::Refused(_) => (raw(&client, plan).await.map(Some), report::Way::Refused),
        Typed::Unknown => (raw(&client, plan).await.map(Some), report::Way::Raw),
    };
    let sent: Vec<_> = server
        .requests()
        .split_off(before)
        .into_iter()
        .filter(|r| plan.auth.login_answer().is_none() || r.path() != "/access/ticket")
        .collect();
    if let Err(error) = &result
        && sent.is_empty()
    {
        return match (error.kind(), error.was_sent()) {
            (ErrorKind::InvalidArgument, Sent::No) => Fate::Impossible(format!(
                "not even the raw request can say it: {}",
                error.message()
            )),
            _ => Fate::Wrong(format!("nothing was sent: {error}")),
        };
    }
    for request in &sent {
        if let Err(why) = check::same_request(plan, request) {
            return Fate::Wrong(why);
        }
    }
    match check::same_answer(exchange, &result) {
        Err(why) => Fate::Wrong(why),
        Ok(()) => Fate::Replayed(kind, result.err().map(|error| error.kind())),
    }
}

fn client(server: &Server, auth: &Auth) -> Result<ProxmoxClient, Error> {
    // The server of a recording answers what it holds and nothing else.
    let builder = ProxmoxClient::builder()
        .ask_release(false)
        .ask_quorum(false)
        .endpoint(server.url())
        .fingerprint(&server.fingerprint)
        // Each refusal for a lock is an answer of its own here.
        .retry_locks(false)
        .request_timeout(Duration::from_secs(20));
    match auth {
        Auth::Nobody => builder,
        Auth::Token { id, secret } => builder.token(id, secret.as_str()),
        Auth::Ticket { .. } => builder.ticket("root@pam", "replayed"),
    }
    .build()
}

async fn raw(client: &ProxmoxClient, plan: &Plan) -> Result<serde_json::Value, Error> {
    let params: Params = plan.params.iter().cloned().collect();
    client.request(plan.method, &plan.path, &params).await
}

enum Typed {
    /// The request had a type and was sent.
    Sent(Result<(), Error>),
    /// It has a type that cannot hold it.
    Refused(Error),
    /// It has no type.
    Unknown,
}

async fn typed(client: &ProxmoxClient, plan: &Plan) -> Typed {
    struct Send(ProxmoxClient);

    impl Visitor for Send {
        type Output = Pin<Box<dyn Future<Output = Typed>>>;

        fn visit<E: Endpoint + std::marker::Send + Sync + 'static>(
            self,
            request: Result<E, Error>,
        ) -> Self::Output {
            Box::pin(async move {
                let request = match request {
                    Ok(request) => request,
                    Err(error) => return Typed::Refused(error),
                };
                if let Err(error) = request.params() {
                    return Typed::Refused(error);
                }
                Typed::Sent(self.0.send(&request).await.map(|_| ()))
            })
        }
    }

    let Some((call, mut arguments)) = route(plan.method, &plan.path) else {
        return Typed::Unknown;
    };
    for (name, value) in &plan.params {
        arguments.add(name, value);
    }
    match visit(call, &mut arguments, Send(client.clone())) {
        Ok(sending) => sending.await,
        Err(_) => Typed::Unknown,
    }
}
