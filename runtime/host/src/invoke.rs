//! One attempt, from a fresh store to a report. What must hold: whatever the guest does, it ends by its deadline: a guest
//! that waits is woken by the timer, one that computes is looked at every epoch, on its own thread.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use factotum_model::run::RunContext;
use factotum_model::{ErrorCode, Event, EventInput, Failure, HttpResponse};
use serde_json::Value;
use tokio_util::task::TaskTracker;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::WasiCtx;
use wasmtime_wasi_http::WasiHttpCtx;

use crate::capability::bindings::factotum::workflow::types;
use crate::capability::http::Outbound;
use crate::capability::mail::Sent;
use crate::component::{Entry, Prepared};
use crate::cpu::Timed;
use crate::egress::connect::Egress;
use crate::failure;
use crate::guest::{Gate, Guest, Memory};
use crate::handler::{self, NoResponse};
use crate::interrupt::StopReason;
use crate::invocation::{Invocation, Output, Report};
use crate::meter::{Ended, Meter};
use crate::share::Share;
use crate::slot::Place;
use crate::stdio::{Sink, Stdin};

/// How many host resources a guest may hold at a time: streams, timers, HTTP headers.
const MAX_RESOURCES: usize = 4_096;
/// The headers of one HTTP message, in bytes.
const MAX_HEADER_BYTES: usize = 64 << 10;
/// What one call may hand over to the host, or back to it, in bytes; enough for the largest output.
const MAX_TRANSFER_BYTES: usize = 32 << 20;
/// The most random bytes of one call.
const MAX_RANDOM_BYTES: u64 = 4 << 20;
/// How long an attempt's end waits for its denials to be recorded.
const DENIALS_TIMEOUT: Duration = Duration::from_secs(30);

/// What an attempt has around it.
pub(crate) struct Surroundings<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) egress: &'a Arc<Egress>,
    pub(crate) share: &'a Arc<Share>,
    pub(crate) place: &'a Arc<Place>,
}

/// Runs an attempt.
pub(crate) async fn invoke(around: &Surroundings<'_>, prepared: &Prepared, invocation: Invocation) -> Report {
    let meter = Arc::new(Meter::new(invocation.limits, invocation.interrupt, Arc::clone(around.share)));
    invocation.live.follow(&meter);
    let gate = Gate {
        meter: Arc::clone(&meter),
        authority: Arc::new(invocation.authority),
        ports: invocation.ports,
        denials: TaskTracker::new(),
    };
    let denials = gate.denials.clone();
    let written = Arc::new(Mutex::new(Vec::new()));
    let result = if let Some(reason) = stopped(&gate) {
        Err(meter.end(reason.failure()).into())
    } else {
        let guest = Guest {
            wasi: wasi(&prepared.entry, &invocation.run, &invocation.event, &meter, &written),
            table: resources(),
            http: headers(),
            outbound: Outbound::new(gate.clone(), Arc::clone(around.egress)),
            memory: Memory::new(Arc::clone(&meter)),
            run: invocation.run,
            config: invocation.config,
            event: Arc::clone(&invocation.event),
            gate,
            place: Arc::clone(around.place),
            child_calls: 0,
            sent: Sent::default(),
        };
        let mut store = store(around.engine, guest);
        let called = bounded(&meter, call(&meter, &prepared.entry, &mut store, &invocation.event)).await;
        // Requests still under way end here.
        drop(store);
        called
    };
    denials.close();
    if tokio::time::timeout(DENIALS_TIMEOUT, denials.wait()).await.is_err() {
        tracing::error!(
            "the audit trail did not take a denial within {DENIALS_TIMEOUT:?}; it goes on trying"
        );
    }
    let written = std::mem::take(&mut *written.lock().unwrap_or_else(PoisonError::into_inner));
    let result = finish(&meter, result, written);
    Report { result, logs: meter.take_log(), usage: meter.usage(), instantiation: meter.instantiation() }
}

/// Whether the run is over before it begins.
fn stopped(gate: &Gate) -> Option<StopReason> {
    gate.meter.interrupt.reason().or_else(|| gate.ports.alive().err())
}

/// The guest's call, until it ends, is ended from within, is stopped, or its time is up.
async fn bounded<F>(meter: &Meter, call: F) -> wasmtime::Result<Called>
where
    F: Future<Output = wasmtime::Result<Called>>,
{
    let call = std::pin::pin!(call);
    tokio::select! {
        biased;
        called = Timed::new(call, meter) => called,
        () = meter.ended() => Err(Ended.into()),
        reason = meter.interrupt.stopped() => Err(meter.end(reason.failure()).into()),
        () = tokio::time::sleep_until(meter.deadline().into()) => {
            Err(meter.end(meter.deadline_failure()).into())
        }
    }
}

/// What a guest's function gave.
enum Called {
    /// A command ended well: its answer is what it wrote.
    Command,
    /// A command ended with this code; or a workflow did, instead of answering.
    Exited(i32),
    /// A workflow answered.
    Workflow(Result<types::Outcome, types::Failure>),
    /// A handler of HTTP requests ended.
    Handler(Result<HttpResponse, NoResponse>),
}

async fn call(
    meter: &Arc<Meter>,
    entry: &Entry,
    store: &mut Store<Guest>,
    event: &Arc<Event>,
) -> wasmtime::Result<Called> {
    let began = Instant::now();
    match entry {
        Entry::Command(pre) => {
            let command = pre.instantiate_async(&mut *store).await?;
            meter.instantiated(began.elapsed());
            match command.wasi_cli_run().call_run(store).await {
                Ok(Ok(())) => Ok(Called::Command),
                Ok(Err(())) => Ok(Called::Exited(1)),
                Err(error) => match error.downcast_ref::<wasmtime_wasi::I32Exit>() {
                    Some(exit) if exit.0 == 0 => Ok(Called::Command),
                    Some(exit) => Ok(Called::Exited(exit.0)),
                    None => Err(error),
                },
            }
        }
        Entry::Handler(pre) => match Box::pin(handler::call(pre, store, event, meter)).await {
            Ok(response) => Ok(Called::Handler(response)),
            Err(error) => exit_of(error),
        },
        Entry::Workflow(pre) => {
            let workflow = pre.instantiate_async(&mut *store).await?;
            meter.instantiated(began.elapsed());
            match workflow.call_handle(store, &event_of(event)).await {
                Ok(answer) => Ok(Called::Workflow(answer)),
                Err(error) => exit_of(error),
            }
        }
    }
}

/// A guest that ended its process instead of answering, or an error.
fn exit_of(error: wasmtime::Error) -> wasmtime::Result<Called> {
    match error.downcast_ref::<wasmtime_wasi::I32Exit>() {
        Some(exit) => Ok(Called::Exited(exit.0)),
        None => Err(error),
    }
}

/// The attempt's result: the first limit that was hit wins over whatever failure followed from it, and over a success
/// too, unless it is a refused growth of memory that the guest could do without.
fn finish(meter: &Meter, called: wasmtime::Result<Called>, written: Vec<u8>) -> Result<Output, Failure> {
    let result = match called {
        Ok(_) if meter.is_over() => Err(Ended.into()),
        called => called,
    };
    match result {
        Ok(Called::Command) => Ok(command_output(written)),
        Ok(Called::Exited(code)) => Err(failure::exited(code, meter)),
        Ok(Called::Workflow(Ok(outcome))) => workflow_output(meter, outcome),
        Ok(Called::Workflow(Err(said))) => Err(failure::said(said)),
        Ok(Called::Handler(response)) => handler::output(response).map(Output::Http),
        Err(error) => Err(failure::trapped(&error, meter)),
    }
    .map_err(|failure| meter.first().cloned().unwrap_or(failure))
}

/// JSON if it parses, else a string.
fn command_output(written: Vec<u8>) -> Output {
    if written.is_empty() {
        return Output::None;
    }
    match serde_json::from_slice(&written) {
        Ok(value) => Output::Json(value),
        Err(_) => Output::Text(match String::from_utf8(written) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }),
    }
}

fn workflow_output(meter: &Meter, outcome: types::Outcome) -> Result<Output, Failure> {
    let bounded = |text: &str| {
        if text.len() as u64 > meter.limits.output_bytes { Err(meter.output_failure()) } else { Ok(()) }
    };
    match outcome {
        types::Outcome::None => Ok(Output::None),
        types::Outcome::Text(text) => bounded(&text).map(|()| Output::Text(text)),
        types::Outcome::Json(json) => {
            bounded(&json)?;
            serde_json::from_str(&json).map(Output::Json).map_err(|error| {
                Failure::new(
                    ErrorCode::Failed,
                    format!("the workflow's answer `json(…)` is not JSON: {error}"),
                )
            })
        }
    }
}

fn store(engine: &Engine, guest: Guest) -> Store<Guest> {
    let mut store = Store::new(engine, guest);
    store.limiter(|guest| &mut guest.memory);
    store.set_hostcall_fuel(MAX_TRANSFER_BYTES);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|store| {
        let gate = &store.data().gate;
        gate.meter.check()?;
        gate.ports.alive().map_err(|reason| gate.meter.end(reason.failure()))?;
        // Others get their turn, timers included.
        Ok(UpdateDeadline::YieldCustom(1, gate.meter.give_way()))
    });
    store
}

fn resources() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(MAX_RESOURCES);
    table
}

fn headers() -> WasiHttpCtx {
    let mut http = WasiHttpCtx::new();
    http.set_field_size_limit(MAX_HEADER_BYTES);
    http
}

/// Standard streams in memory; no environment, no arguments, no folders, no sockets.
fn wasi(
    entry: &Entry,
    run: &RunContext,
    event: &Event,
    meter: &Arc<Meter>,
    written: &Arc<Mutex<Vec<u8>>>,
) -> WasiCtx {
    let mut wasi = WasiCtx::builder();
    wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    wasi.max_random_size(MAX_RANDOM_BYTES);
    wasi.stderr(Sink::Log(Arc::clone(meter)));
    match entry {
        Entry::Command(_) => {
            wasi.stdin(Stdin::new(stdin(run, event), Arc::clone(meter)));
            wasi.stdout(Sink::Output { written: Arc::clone(written), meter: Arc::clone(meter) });
        }
        Entry::Workflow(_) | Entry::Handler(_) => {
            wasi.stdout(Sink::Log(Arc::clone(meter)));
        }
    }
    wasi.build()
}

/// What a command reads: `{"run": {…}, "event": {…}}`.
fn stdin(run: &RunContext, event: &Event) -> Bytes {
    #[derive(serde::Serialize)]
    struct Input<'a> {
        run: &'a RunContext,
        event: Value,
    }
    // Neither has a map with keys that are no strings, the only thing that could fail.
    serde_json::to_vec(&Input { run, event: event.to_command_json() }).unwrap_or_default().into()
}

fn event_of(event: &Event) -> types::Event {
    match &event.input {
        EventInput::Webhook { method, path, query, headers } => types::Event::Webhook(types::Webhook {
            method: method.clone(),
            path: path.clone(),
            query: query.clone(),
            headers: headers
                .iter()
                .flat_map(|(name, values)| values.iter().map(|value| (name.clone(), value.clone())))
                .collect(),
            body: event.payload.clone(),
        }),
        EventInput::Schedule { nominal_time, .. } => types::Event::Schedule(types::Schedule {
            nominal_time: u64::try_from(nominal_time.as_millis()).unwrap_or(0),
        }),
        // The variant cannot grow: a component reads it from the JSON, and attachments as streams.
        EventInput::Email(_) | EventInput::Edi(_) => types::Event::Other(event.to_json().to_string()),
        EventInput::Call => {
            types::Event::Call(String::from_utf8(event.payload.clone()).unwrap_or_else(|_| "null".to_owned()))
        }
    }
}
