//! A webhook's configuration as the API takes it. What must hold: nothing panics; what is taken is taken again as it is stored; an error repeats no
//! secret.
#![no_main]

use factotum_webhook::check_config;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const SECRET: &str = "c0rrect-h0rse-battery";

fuzz_target!(|data: &[u8]| {
    let Ok(mut config) = serde_json::from_slice::<Value>(data) else { return };
    // Another secret would be another finding each time.
    if let Some(verify) = config.get_mut("verify").and_then(Value::as_object_mut) {
        if verify.contains_key("secrets") {
            verify.insert("secrets".to_owned(), json!([SECRET]));
        }
        if verify.contains_key("verify_token") {
            verify.insert("verify_token".to_owned(), json!(SECRET));
        }
    }
    match check_config(&config) {
        Err(error) => assert!(!error.to_string().contains(SECRET), "{error}"),
        Ok(read) => {
            let stored = serde_json::to_value(&read).expect("a configuration is JSON");
            assert!(!stored.to_string().contains(SECRET), "{stored}");
            let again = serde_json::from_value::<factotum_model::trigger::WebhookConfig>(stored.clone());
            let again = serde_json::to_value(again.expect("what is stored is read")).expect("JSON");
            assert_eq!(stored, again);
        }
    }
});
