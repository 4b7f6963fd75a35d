//! Uploads in their different forms, made components. What must hold: the same bytes always give the same component.

use std::borrow::Cow;

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER,
};

use crate::error::UploadError;

/// `\0asm`
const MAGIC: &[u8] = b"\0asm";
/// Version and layer of a core module.
const MODULE: [u8; 4] = [1, 0, 0, 0];
/// Version and layer of a component.
const COMPONENT: [u8; 4] = [0x0d, 0, 1, 0];

/// A component, made from a core module if need be.
pub(super) fn component(bytes: &[u8]) -> Result<Cow<'_, [u8]>, UploadError> {
    if !bytes.starts_with(MAGIC) {
        return Err(UploadError::NotWasm { found: beginning(bytes) });
    }
    match bytes.get(4..8) {
        Some(layer) if layer == COMPONENT => Ok(Cow::Borrowed(bytes)),
        Some(layer) if layer == MODULE => adapted(bytes).map(Cow::Owned),
        Some(layer) => Err(UploadError::Invalid(format!(
            "its version and layer are {layer:02x?}; known are 01 00 00 00 (module) and 0d 00 01 00 (component)"
        ))),
        None => Err(UploadError::Invalid(format!("it ends after {} bytes", bytes.len()))),
    }
}

fn adapted(module: &[u8]) -> Result<Vec<u8>, UploadError> {
    let encoded = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(module)
        .and_then(|encoder| {
            encoder.adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_COMMAND_ADAPTER)
        })
        .and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| UploadError::Adapt(format!("{error:#}")))
}

/// What an upload that is no wasm begins with, as far as it can be shown.
fn beginning(bytes: &[u8]) -> String {
    let start = &bytes[..bytes.len().min(16)];
    match std::str::from_utf8(start) {
        _ if start.is_empty() => "nothing: it is empty".to_owned(),
        Ok(text) if !text.chars().any(|c| c.is_control() && c != '\n') => format!("{text:?}"),
        _ => format!("the bytes {start:02x?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_wasm_is_described() {
        for (bytes, words) in [
            (&b""[..], "it is empty"),
            (b"#!/bin/sh", "#!/bin/sh"),
            (b"\x7fELF\x02", "7f"),
            (b"(module)", "(module)"),
        ] {
            let text = component(bytes).unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
        assert!(matches!(component(b"\0asm"), Err(UploadError::Invalid(_))));
        assert!(matches!(component(b"\0asm\x02\0\0\0"), Err(UploadError::Invalid(_))));
    }

    #[test]
    fn adapting_is_deterministic() {
        let module =
            wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#).unwrap();
        let once = component(&module).unwrap().into_owned();
        assert_eq!(once, component(&module).unwrap().into_owned());
        assert!(once[4..8] == COMPONENT);
    }

    #[test]
    fn a_module_that_is_no_program_is_refused() {
        let module =
            wat::parse_str(r#"(module (import "env" "f" (func)) (func (export "_start")))"#).unwrap();
        let error = component(&module).unwrap_err();
        assert!(error.to_string().contains("env"), "{error}");
    }
}
