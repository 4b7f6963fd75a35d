//! The wasmtime engine, set up for many short runs. What must hold: the pool has room for whatever the slots let in, and
//! where the address space is too small for a pool, the host works without one and says so.

use std::num::NonZeroUsize;

use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails,
};

use crate::error::HostError;

/// Core instances of one component: a language runtime linked from many modules has dozens.
const CORE_INSTANCES_PER_COMPONENT: u32 = 64;
/// Linear memories of one component.
const MEMORIES_PER_COMPONENT: u32 = 4;
/// Tables of one component.
const TABLES_PER_COMPONENT: u32 = 16;
/// Elements of one table; language runtimes need tens of thousands.
const TABLE_ELEMENTS: usize = 100_000;
/// Tables up to this size are cleared after use rather than given back to the system and faulted in again, in bytes.
const TABLE_KEPT_BYTES: usize = 32 << 10;
/// How deep a guest may call, in bytes of its native stack.
const GUEST_STACK_BYTES: usize = 1 << 20;
/// The native stack of one guest and the host functions that it calls, in bytes.
const FIBER_STACK_BYTES: usize = 2 << 20;
/// Frames of a trap's backtrace.
const BACKTRACE_FRAMES: usize = 16;
/// Slots that keep their mappings after use: quick to reuse, and small, since their memory is given back.
const WARM_SLOTS: u32 = 64;

/// Makes the engine, with a pool for `max_instances` guests, those that wait included, if the address space has room for it.
pub(crate) fn make(max_instances: u32) -> Result<Engine, HostError> {
    let mut config = base();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(max_instances)));
    match Engine::new(&config) {
        Ok(engine) => Ok(engine),
        Err(error) => {
            tracing::warn!(
                %error, max_instances,
                "no instance pool: the address space is too small (ulimit -v?), so runs start more slowly"
            );
            let config = base();
            Engine::new(&config).map_err(|error| HostError::Engine(format!("{error:#}")))
        }
    }
}

fn base() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // WASI 0.2 only: no per-store structures for concurrent guests.
        .concurrency_support(false)
        .epoch_interruption(true)
        .memory_init_cow(true)
        .cranelift_opt_level(OptLevel::Speed)
        .parallel_compilation(true)
        .max_wasm_stack(GUEST_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        // Function names are enough in a trap's message; offsets would make the artefacts larger.
        .generate_address_map(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES));
    config
}

fn pool(max_instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(max_instances)
        .total_core_instances(max_instances.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .total_memories(max_instances.saturating_mul(MEMORIES_PER_COMPONENT))
        .total_tables(max_instances.saturating_mul(TABLES_PER_COMPONENT))
        .total_stacks(max_instances)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_memories_per_module(MEMORIES_PER_COMPONENT)
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .table_elements(TABLE_ELEMENTS)
        .table_keep_resident(TABLE_KEPT_BYTES)
        .max_unused_warm_slots(WARM_SLOTS);
    pool
}
