//! The state of one guest's store, and the gate that every capability call passes. What must hold: the gate counts the call,
//! stops a run that may no longer act, and only then asks for the grant; a denial is recorded before the guest learns
//! of it.

use std::sync::Arc;

use factotum_model::run::RunContext;
use factotum_model::{Action, AuditId, Authority, Denied, Event, authorize};
use serde_json::Value;
use tokio_util::task::TaskTracker;
use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::capability::http::Outbound;
use crate::capability::mail::Sent;
use crate::meter::{Ended, Meter};
use crate::ports::{HttpAnswer, HttpCall, Ports};
use crate::slot::Place;

/// What one store holds.
pub(crate) struct Guest {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) http: WasiHttpCtx,
    pub(crate) outbound: Outbound,
    pub(crate) memory: Memory,
    pub(crate) run: RunContext,
    pub(crate) config: Arc<Value>,
    /// What came in.
    pub(crate) event: Arc<Event>,
    pub(crate) gate: Gate,
    pub(crate) place: Arc<Place>,
    /// How many calls without key have started children, or were refused one.
    pub(crate) child_calls: u64,
    /// What this attempt has sent.
    pub(crate) sent: Sent,
}

/// What each capability call passes first.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) meter: Arc<Meter>,
    pub(crate) authority: Arc<Authority>,
    pub(crate) ports: Arc<dyn Ports>,
    /// Denials and the ends of requests being recorded, and mail being sent: they are not dropped with the guest's call.
    pub(crate) denials: TaskTracker,
}

impl Gate {
    /// Counts a call and stops a run that may no longer act.
    pub(crate) fn enter(&self) -> Result<(), Ended> {
        self.meter.count_call()?;
        self.ports.alive().map_err(|reason| self.meter.end(reason.failure()))
    }

    /// Asks for the grant; a denial is in the audit trail when this returns.
    pub(crate) async fn authorize(&self, action: Action, name: Option<&str>) -> Result<(), Denied> {
        match authorize(&self.authority, action, name) {
            Ok(()) => Ok(()),
            Err(denied) => {
                self.record(action, name, denied.to_string()).await;
                Err(denied)
            }
        }
    }

    /// Records a denial, also if the guest is stopped or gives up its call meanwhile.
    pub(crate) fn record(
        &self,
        action: Action,
        name: Option<&str>,
        reason: String,
    ) -> impl Future<Output = ()> + use<> {
        let (ports, name) = (Arc::clone(&self.ports), name.map(str::to_owned));
        let recorded =
            self.denials.spawn(async move { ports.denied(action, name.as_deref(), &reason).await });
        async move {
            if let Err(error) = recorded.await {
                tracing::error!(%error, "a denial could not be recorded");
            }
        }
    }
}

impl Gate {
    /// Records how a request ended, also if the guest is stopped or gives up its call meanwhile.
    pub(crate) fn ended(
        &self,
        call: HttpCall,
        begun: AuditId,
        end: Result<HttpAnswer, String>,
    ) -> impl Future<Output = ()> + use<> {
        let ports = Arc::clone(&self.ports);
        let recorded = self.denials.spawn(async move { ports.http_ended(&call, begun, end).await });
        async move {
            if let Err(error) = recorded.await {
                tracing::error!(%error, "the end of a request could not be recorded");
            }
        }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.outbound, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Counts the total of all memories and tables: a bound on each one alone would be no bound.
pub(crate) struct Memory {
    meter: Arc<Meter>,
    /// What was allowed last, in case it then fails.
    last: u64,
}

impl Memory {
    pub(crate) fn new(meter: Arc<Meter>) -> Self {
        Self { meter, last: 0 }
    }

    fn grow(&mut self, current: usize, desired: usize, maximum: Option<usize>, unit: u64) -> bool {
        self.last = 0;
        let bytes = |units: usize| (units as u64).saturating_mul(unit);
        // What the guest's own maximum refuses, below our limit, is not our limit.
        if maximum.is_some_and(|max| desired > max && bytes(max) <= self.meter.limits.memory_bytes) {
            return true;
        }
        let more = bytes(desired.saturating_sub(current));
        let allowed = self.meter.grow(more);
        if allowed {
            self.last = more;
        }
        allowed
    }
}

impl Drop for Memory {
    /// The store's memories go with it.
    fn drop(&mut self) {
        self.meter.give_back_memory();
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired, maximum, 1))
    }

    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.meter.shrink(std::mem::take(&mut self.last));
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired, maximum, size_of::<usize>() as u64))
    }

    fn table_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.meter.shrink(std::mem::take(&mut self.last));
        Ok(())
    }
}
